import { NETPOL_EXAMPLE } from "./netpol-example.ts";
import type { CnpTruth, NetpolCase, NetpolTruth } from "./truth-data.ts";

/** With ROMANA_TRUTH=all every case is tried, else some of each group. */
export const IS_WHOLE = process.env["ROMANA_TRUTH"] === "all";

/** Of each group some, with every word of the language in at least one of them. */
const NETPOL_SAMPLE: ReadonlySet<number> = new Set([
  1, 7, 9, 22, 47, 121, 134, 141, 148, 183, 192, 193, 196, 199, 200, 214, 216, 221, 224, 229,
]);
const CNP_SAMPLE: ReadonlySet<string> = new Set([
  "CNPAdminTierEgressNamedPort",
  "CNPAdminTierEgressNodePeers",
  "CNPAdminTierIngressSCTP",
  "CNPAdminTierIntegration",
  "CNPAdminTierPriorityField",
  "CNPBaselineTierEgressInlineCIDRPeers",
]);

/** How much is tried, the own example included. Flows are cells in both families. */
export const TRUTH_COUNTS = IS_WHOLE
  ? { netpol: { cases: 231, steps: 258, flows: 219_960 }, cnp: { tests: 24, flows: 602 } }
  : { netpol: { cases: 21, steps: 35, flows: 27_792 }, cnp: { tests: 6, flows: 132 } };

/** The cases of NetworkPolicy v1 that are tried, the own example first. */
export function netpolCases(truth: NetpolTruth | undefined): readonly NetpolCase[] {
  return [NETPOL_EXAMPLE, ...(truth?.cases ?? []).filter(({ id }) => IS_WHOLE || NETPOL_SAMPLE.has(id))];
}

/** The tests of ClusterNetworkPolicy that are tried. */
export function cnpTests(truth: CnpTruth | undefined): CnpTruth["tests"] {
  return (truth?.tests ?? []).filter(({ name }) => IS_WHOLE || CNP_SAMPLE.has(name));
}

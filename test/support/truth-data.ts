import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { POLICY_ENGINES } from "../../src/cli/policy-engines.ts";

/** Where truth tables lie that were computed independently of this project: beside it, not in it. */
const FOLDER = join(import.meta.dirname, "../../../shared/data");

/** NetworkPolicy v1: what is in force after a step, and who reaches whom then: ingress, egress, combined. */
export interface NetpolStep {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly Readonly<Record<string, unknown>>[];
  readonly policies: readonly unknown[];
  readonly probe: { readonly port?: number | string };
  readonly expected: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Steps that follow each other. */
export interface NetpolCase {
  readonly id: number;
  readonly group: string;
  readonly description: string;
  readonly steps: readonly NetpolStep[];
}

/** The truth of NetworkPolicy v1. */
export interface NetpolTruth {
  readonly cases: readonly NetpolCase[];
}

/** Pods of the truth of NetworkPolicy v1 listen at these, under the names `serve-80-tcp`, `serve-81-sctp`, … */
export const NETPOL_PORTS = [80, 81].flatMap((port) =>
  (["TCP", "UDP", "SCTP"] as const).map((protocol) => ({
    name: `serve-${port}-${protocol.toLowerCase()}`,
    protocol,
    port,
  })),
);

/** One connection of the truth of ClusterNetworkPolicy. */
export interface CnpCheck {
  /** Position in the states of the truth table. */
  readonly state: number;
  readonly from: string;
  readonly to: string;
  readonly ip: string;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly port: number;
  readonly connect: boolean;
}

/** ClusterNetworkPolicy v1alpha2: what is in force in each state, and who connects then. */
export interface CnpTruth {
  readonly pods: readonly { readonly listens: readonly unknown[]; readonly [field: string]: unknown }[];
  readonly nodes: readonly { readonly name: string; readonly ip: string; readonly labels: unknown }[];
  readonly states: readonly {
    readonly namespaces: unknown;
    readonly clusterNetworkPolicies: readonly unknown[];
    readonly networkPolicies: readonly unknown[];
  }[];
  readonly tests: readonly {
    readonly name: string;
    readonly subtests: readonly { readonly name: string; readonly checks: readonly CnpCheck[] }[];
  }[];
}

/** Everything that claims to know what policies mean: each is held against every truth. */
export const ENGINES = Object.entries(POLICY_ENGINES);

/** The truth table of a file as plain data; undefined, and a notice, when it is not there. */
export function loadTruth(file: string): unknown {
  const path = join(FOLDER, file);
  if (existsSync(path)) return JSON.parse(gunzipSync(readFileSync(path)).toString());
  process.stderr.write(`\nNOTICE: ${file} is not beside the project: only the project's own cases run.\n`);
  return undefined;
}

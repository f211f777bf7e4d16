import { createKubernetesWorld } from "../src/kubernetes/index.ts";
import type { RuleModel } from "../src/rules/index.ts";
import { PolicyCompiler } from "../src/rules/index.ts";
import { smallNamespaces, XLARGE } from "./policy-compile-world.ts";

/** What one cold compilation took, printed as JSON: {@link CompileReport}. Argument: the number of namespaces. */
export interface CompileReport {
  readonly translateMs: number;
  readonly compileMs: number;
  readonly modelMs: number;
  /** Of the whole process, the objects it started from included. */
  readonly peakMiB: number;
  /** Of the process when it had the objects and nothing else. */
  readonly startMiB: number;
  readonly policies: number;
  readonly segments: number;
  readonly entries: number;
  readonly isolated: number;
}

const objects = smallNamespaces({ ...XLARGE, namespaces: Number(process.argv[2]) });
const startMiB = process.resourceUsage().maxRSS / 1024;
const start = performance.now();
const { world } = createKubernetesWorld(objects, { pinned: false });
const translated = performance.now();
const compiler = new PolicyCompiler(world);
compiler.change(world.policies);
const compiled = performance.now();
const model = compiler.model();
const end = performance.now();

const report: CompileReport = {
  translateMs: translated - start,
  compileMs: compiled - translated,
  modelMs: end - compiled,
  peakMiB: process.resourceUsage().maxRSS / 1024,
  startMiB,
  policies: world.policies.length,
  segments: world.segments.length,
  entries: countEntries(model),
  isolated: model.endpoints.ingress.isolated.length + model.endpoints.egress.isolated.length,
};
process.stdout.write(JSON.stringify(report));

function countEntries({ endpoints: { ingress, egress } }: RuleModel): number {
  return [ingress, egress]
    .flatMap(({ tiers }) => Object.values(tiers).flat())
    .reduce((sum, { entries }) => sum + entries.length, 0);
}

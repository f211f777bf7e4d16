import { describe, expect, test } from "vitest";
import {
  createKubernetesWorld,
  type Decide,
  type KubernetesPod,
  type KubernetesProtocol,
  type Probe,
  podKey,
  probeCell,
} from "../src/kubernetes/index.ts";
import { EVALUATE_CASES } from "../src/policy/evaluate-cases.case.ts";
import { decodeKubernetesWorld } from "../src/schema/index.ts";
import { ENGINES, loadTruth } from "./support/truth-data.ts";

/** NetworkPolicy v1: what is in force after a step, and who reaches whom then: ingress, egress, combined. */
interface Step {
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly pods: readonly Readonly<Record<string, unknown>>[];
  readonly policies: readonly unknown[];
  readonly probe: { readonly port?: number | string };
  readonly expected: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Case {
  readonly id: number;
  readonly group: string;
  readonly description: string;
  readonly steps: readonly Step[];
}

const TRUTH = loadTruth("netpol-v1-truth.json.gz") as { readonly cases: readonly Case[] } | undefined;

/** Pods of the truth table listen at these, under the names `serve-80-tcp`, `serve-81-sctp`, … */
const SERVED = [80, 81].flatMap((port) =>
  (["TCP", "UDP", "SCTP"] as const).map((protocol) => ({
    name: `serve-${port}-${protocol.toLowerCase()}`,
    protocol,
    port,
  })),
);

const prepared = new Map<Step, Prepared>();

interface Prepared {
  readonly pods: ReadonlyMap<string, KubernetesPod>;
  readonly world: ReturnType<typeof createKubernetesWorld>["world"];
}

/** Decodes and translates a step once for all engines. */
function prepare(step: Step): Prepared {
  const known = prepared.get(step);
  if (known !== undefined) return known;
  const document = decodeKubernetesWorld({
    namespaces: step.namespaces,
    pods: step.pods.map((pod) => ({ ...pod, ports: SERVED })),
    networkPolicies: step.policies,
  });
  const { world, problems } = createKubernetesWorld(document);
  expect(problems).toEqual([]);
  const made = { world, pods: new Map(document.pods.map((pod) => [podKey(pod), pod])) };
  prepared.set(step, made);
  return made;
}

/** Cells of a step that an engine sees otherwise, and how many there are at all. */
function compare(
  step: Step,
  create: (world: Prepared["world"]) => Decide,
): { cells: number; wrong: string[] } {
  const { world, pods } = prepare(step);
  const decide = create(world);
  const wrong: string[] = [];
  let cells = 0;
  for (const [pair, probes] of Object.entries(step.expected)) {
    const [from, to] = pair.split(" -> ").map((key) => pods.get(key)) as [KubernetesPod, KubernetesPod];
    for (const [key, expected] of Object.entries(probes)) {
      const { ingress, egress, combined } = probeCell(decide, from, to, probeOf(step, key));
      const actual = `${ingress}${egress}${combined}`;
      cells++;
      if (actual !== expected) wrong.push(`${pair} ${key}: ${actual}, not ${expected}`);
    }
  }
  return { cells, wrong };
}

/** A step that probes a named port says so beside its cells, whose keys have the number. */
function probeOf({ probe }: Step, key: string): Probe {
  const [protocol, port] = key.split("/") as [KubernetesProtocol, string];
  return { protocol, port: typeof probe.port === "string" ? probe.port : Number(port) };
}

/** The project's own cases of endpoints; the rest is about machines and own hosts, which the engines are not asked here. */
const OWN_CASES = EVALUATE_CASES.filter(
  ({ machine, ownHost }) => machine === undefined && ownHost === undefined,
);

describe.each(ENGINES)("the project's own cases by the %s", (_, create) => {
  test.each(OWN_CASES.map((one) => [one.name, one] as const))(
    "%s",
    (_name, { world, direction, flow, expected }) => {
      expect(create(world)(direction, flow)).toBe(expected.verdict);
    },
  );
});

describe.skipIf(TRUTH === undefined).each(ENGINES)("NetworkPolicy v1 by the %s", (_, create) => {
  const cases = TRUTH?.cases ?? [];
  const counted = { cases: 0, steps: 0, cells: 0 };
  test.each(cases.map((entry) => [entry.id, entry.group, entry.description, entry] as const))(
    "%i %s: %s",
    (_id, _group, _description, { steps }) => {
      counted.cases++;
      for (const step of steps) {
        const { cells, wrong } = compare(step, create);
        expect(wrong).toEqual([]);
        counted.steps++;
        counted.cells += cells;
      }
    },
  );
  test("all of it was compared", () => {
    expect(counted).toEqual({ cases: 230, steps: 256, cells: 123_669 });
  });
});

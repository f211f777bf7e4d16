import { describe, expect, test } from "vitest";
import { encodeAddress } from "../src/addressing/index.ts";
import {
  classOf,
  createKubernetesWorld,
  type Decide,
  type KubernetesPod,
  type KubernetesProtocol,
  type Probe,
  podKey,
  probeCell,
} from "../src/kubernetes/index.ts";
import { plansOf } from "../src/model/index.ts";
import type { Address } from "../src/net/index.ts";
import { EVALUATE_CASES } from "../src/policy/evaluate-cases.case.ts";
import type { PolicyWorld } from "../src/policy/index.ts";
import { decodeKubernetesWorld } from "../src/schema/index.ts";
import { ENGINES, loadTruth, NETPOL_PORTS, type NetpolStep, type NetpolTruth } from "./support/truth-data.ts";

const TRUTH = loadTruth("netpol-v1-truth.json.gz") as NetpolTruth | undefined;

/** Pods keep the addresses of the truth table as exceptions, or have addresses that say who they are. */
const ADDRESSES = ["given", "identity"] as const;
type Addresses = (typeof ADDRESSES)[number];

interface Prepared {
  readonly pods: ReadonlyMap<string, KubernetesPod>;
  readonly world: PolicyWorld;
}

/** What is made of steps, once for all engines. */
const prepared: Record<Addresses, Map<NetpolStep, Prepared>> = { given: new Map(), identity: new Map() };

function prepare(step: NetpolStep, kind: Addresses): Prepared {
  const known = prepared[kind].get(step);
  if (known !== undefined) return known;
  const document = decodeKubernetesWorld({
    namespaces: step.namespaces,
    pods: step.pods.map((pod) => ({ ...pod, ports: NETPOL_PORTS })),
    networkPolicies: step.policies,
  });
  const { world, problems } = createKubernetesWorld(document, { pinned: kind === "given" });
  expect(problems).toEqual([]);
  const pods = document.pods.map((pod, index) => {
    const addresses = kind === "given" ? pod.addresses : [identityAddress(world, pod, index + 1)];
    return [podKey(pod), { ...pod, addresses }] as const;
  });
  const made = { world, pods: new Map(pods) };
  prepared[kind].set(step, made);
  return made;
}

/** The address that the plan of the world gives to a pod on the first host. */
function identityAddress(world: PolicyWorld, pod: KubernetesPod, endpoint: number): Address {
  const [plan] = world.networks.flatMap(plansOf);
  const tenant = world.tenants.find(({ name }) => name === pod.namespace);
  const { name } = classOf(pod.labels, pod.ports);
  const segment = world.segments.find((one) => one.tenant === pod.namespace && one.name === name);
  const code = segment?.codes[0];
  if (plan === undefined || tenant === undefined || code === undefined) throw new Error("nobody's pod");
  return encodeAddress(plan, { groups: [], host: 1, tenant: tenant.id, code, endpoint });
}

/** Cells of a step that an engine sees otherwise, and how many there are at all. */
function compare(
  step: NetpolStep,
  kind: Addresses,
  create: (world: PolicyWorld) => Decide,
): { cells: number; wrong: string[] } {
  const { world, pods } = prepare(step, kind);
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
function probeOf({ probe }: NetpolStep, key: string): Probe {
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

/** What there is to compare. An ipBlock is about the addresses of the truth table, so its cases want these. */
const COUNTS: Readonly<Record<Addresses, object>> = {
  given: { cases: 230, steps: 256, cells: 123_669 },
  identity: { cases: 184, steps: 210, cells: 101_313 },
};

const SCENES = ENGINES.flatMap(([name, create]) => ADDRESSES.map((kind) => ({ name, create, kind })));

describe.skipIf(TRUTH === undefined).each(SCENES)(
  "NetworkPolicy v1 by the $name, addresses: $kind",
  ({ create, kind }) => {
    const cases = (TRUTH?.cases ?? []).filter(
      ({ steps }) => kind === "given" || !JSON.stringify(steps).includes("ipBlock"),
    );
    const counted = { cases: 0, steps: 0, cells: 0 };
    test.each(cases.map((entry) => [entry.id, entry.group, entry.description, entry] as const))(
      "%i %s: %s",
      (_id, _group, _description, { steps }) => {
        counted.cases++;
        for (const step of steps) {
          const { cells, wrong } = compare(step, kind, create);
          expect(wrong).toEqual([]);
          counted.steps++;
          counted.cells += cells;
        }
      },
    );
    test("all of it was compared", () => {
      expect(counted).toEqual(COUNTS[kind]);
    });
  },
);

import { describe, expect, test } from "vitest";
import {
  createKubernetesWorld,
  type KubernetesPod,
  type KubernetesProtocol,
  podKey,
  probeCell,
} from "../src/kubernetes/index.ts";
import { formatAddress } from "../src/net/index.ts";
import { decodeKubernetesWorld } from "../src/schema/index.ts";
import { type CnpTruth, ENGINES, loadTruth } from "./support/truth-data.ts";

const TRUTH = loadTruth("cnp-conformance.json.gz") as CnpTruth | undefined;

/** The worlds of all states, made once for all engines. */
const WORLDS = (TRUTH?.states ?? []).map((state) => {
  const document = decodeKubernetesWorld({
    ...state,
    pods: TRUTH?.pods.map(({ listens, ...pod }) => ({ ...pod, ports: listens })),
    nodes: TRUTH?.nodes.map(({ ip, ...node }) => ({ ...node, addresses: [ip] })),
  });
  const pods = new Map(document.pods.map((pod) => [podKey(pod), pod]));
  return { ...createKubernetesWorld(document), pods };
});

test.skipIf(TRUTH === undefined)("all of its words are supported", () => {
  expect(WORLDS.flatMap(({ problems }) => problems)).toEqual([]);
});

describe.skipIf(TRUTH === undefined).each(ENGINES)("ClusterNetworkPolicy v1alpha2 by the %s", (_, create) => {
  const engines = WORLDS.map(({ world }) => create(world));
  const counted = { tests: 0, checks: 0 };
  test.each(TRUTH?.tests ?? [])("$name", ({ subtests }) => {
    counted.tests++;
    const wrong = subtests.flatMap(({ name, checks }) =>
      checks.flatMap((check) => {
        counted.checks++;
        const { from, to, ip, protocol, port } = check;
        const pods = WORLDS[check.state]?.pods ?? new Map<string, KubernetesPod>();
        const source = pods.get(from) as KubernetesPod;
        const destination = pods.get(to) as KubernetesPod;
        expect(destination.addresses.map(formatAddress)).toEqual([ip]);
        const probe = { protocol: protocol.toUpperCase() as KubernetesProtocol, port };
        const decide = engines[check.state] as (typeof engines)[number];
        const connects = probeCell(decide, source, destination, probe).combined === ".";
        return connects === check.connect
          ? []
          : [`${name}: ${from} to ${to} ${protocol}/${port}: ${connects}`];
      }),
    );
    expect(wrong).toEqual([]);
  });
  test("all of it was compared", () => {
    expect(counted).toEqual({ tests: 24, checks: 301 });
  });
});

import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAsExpected, type Probe, type Station } from "../../src/lab/probe.ts";
import { runProbes } from "../../src/lab/prober.ts";
import { parseAddress } from "../../src/net/index.ts";
import type { Judgement } from "../../src/policy/index.ts";
import { type RuntimeCluster, startRuntimeCluster } from "../support/kubernetes/cluster.ts";
import type { Sandbox } from "../support/kubernetes/cri-client.ts";
import { sandboxNamespace } from "../support/kubernetes/pod-stations.ts";
import { type RomanaPrograms, startRomana } from "../support/kubernetes/romana.ts";
import type { RuntimeNode } from "../support/kubernetes/runtime-node.ts";
import { until } from "../support/until.ts";

const PODS = 300;

/** Pods that are started or stopped at a time on a node. */
const AT_ONCE = 4;

/** Pods that each pod sends to. */
const TARGETS = 12;

/** A kind of pods: where they are born, whom policies take them for, and what their addresses begin with on a node. */
interface Kind {
  readonly tenant: string;
  readonly segment: string;
  readonly actsAs?: string;
  readonly prefixes: (node: number) => readonly [ipv4: string, ipv6: string];
}

const KINDS = {
  web: {
    tenant: "shop",
    segment: "web",
    prefixes: (node) => [`10.${16 * node}.65.`, `fd00:10:0:${node}00:1:1:0:`],
  },
  db: {
    tenant: "shop",
    segment: "db",
    prefixes: (node) => [`10.${16 * node}.66.`, `fd00:10:0:${node}00:1:2:0:`],
  },
  batch: {
    tenant: "shop",
    segment: "batch",
    prefixes: (node) => [`10.${16 * node}.67.`, `fd00:10:0:${node}00:1:3:0:`],
  },
  /** Born among the web's, but relabelled since: nothing but its address is web's. */
  relabelled: {
    tenant: "shop",
    segment: "web",
    actsAs: "batch",
    prefixes: (node) => [`10.${16 * node}.65.`, `fd00:10:0:${node}00:1:1:0:`],
  },
  vault: {
    tenant: "vault",
    segment: "web",
    prefixes: (node) => [`10.${16 * node}.129.`, `fd00:10:0:${node}00:2:1:0:`],
  },
} as const satisfies Record<string, Kind>;

type KindName = keyof typeof KINDS;

/** Who reaches whom: tenant shop is open but for its db, which only its web reaches; the vault keeps to itself. */
const REACHES: Readonly<Record<KindName, readonly KindName[]>> = {
  web: ["web", "db", "batch", "relabelled"],
  db: ["web", "batch", "relabelled"],
  batch: ["web", "batch", "relabelled"],
  relabelled: ["web", "batch", "relabelled"],
  vault: ["web", "batch", "relabelled", "vault"],
};

const SEGMENTS = [
  ["shop", "web", "1"],
  ["shop", "db", "2"],
  ["shop", "batch", "3"],
  ["vault", "web", "1"],
] as const;

const POLICY = {
  name: "db-from-web",
  direction: "ingress",
  applied_to: [{ tenant: "shop", segment: "db" }],
  ingress: [{ peers: [{ tenant: "shop", segment: "web" }], rules: [{ protocol: "any" }] }],
} as const;

interface Pod {
  readonly index: number;
  readonly kind: KindName;
  readonly node: RuntimeNode;
  readonly sandbox: Sandbox;
  readonly addresses: readonly string[];
  readonly station: Station;
}

let cluster: RuntimeCluster;
let romana: RomanaPrograms;
let pods: readonly Pod[] = [];
let rulesBefore: readonly string[];

beforeAll(async () => {
  cluster = await startRuntimeCluster(3);
  romana = await startRomana(cluster);
  const { client } = romana;
  await client.call("createTenant", { body: { name: "shop", id: 1, isolation: "none" } });
  await client.call("createTenant", { body: { name: "vault", id: 2, isolation: "tenant" } });
  for (const [tenant, name, code] of SEGMENTS) {
    await client.call("createSegment", { params: { tenant }, body: { name, codes: [code] } });
  }
  await client.call("createPolicy", { body: POLICY });
  rulesBefore = await until("all agents enforce the policy", async () => {
    const texts = await rules();
    if (!texts.every((text) => text.includes("@in4_"))) throw new Error("there are no rules of policies");
    return texts;
  });
});

afterAll(async () => {
  await romana?.close();
  await cluster?.close();
});

/** The rules of all nodes, without counters. */
function rules(): Promise<readonly string[]> {
  const list = ["nft", "--stateless", "list", "table", "inet", "romana"];
  return Promise.all(cluster.nodes.map(({ machine }) => machine.run(list)));
}

/** Works through the items of each node, a few at a time. */
async function onNodes<T>(work: (index: number, node: RuntimeNode) => Promise<T>): Promise<readonly T[]> {
  const done: T[] = [];
  await Promise.all(
    cluster.nodes.flatMap((node, nodeIndex) => {
      let next = nodeIndex;
      return Array.from({ length: AT_ONCE }, async () => {
        while (next < PODS) {
          const index = next;
          next += cluster.nodes.length;
          done[index] = await work(index, node);
        }
      });
    }),
  );
  return done;
}

function kindOf(index: number): KindName {
  const names = Object.keys(KINDS) as KindName[];
  return names[Math.floor(index / cluster.nodes.length) % names.length] as KindName;
}

async function startPod(index: number, node: RuntimeNode): Promise<Pod> {
  const kind = kindOf(index);
  const { prefixes: _, ...workload } = KINDS[kind];
  const name = `${kind}-${index}`;
  const uid = `uid-${index}`;
  await romana.client.call("putWorkload", {
    params: { workload: uid },
    body: { ...workload, name: `${name}.${workload.tenant}` },
  });
  const sandbox = await node.cri.runSandbox({ name, namespace: workload.tenant, uid });
  const { addresses } = await node.cri.sandboxStatus(sandbox.id);
  const namespace = await sandboxNamespace(node, sandbox.id);
  return { index, kind, node, sandbox, addresses, station: { name, namespace, serves: true } };
}

/** Probes from every pod to some, over both families and by TCP and ICMP in turns. */
function probes(): readonly Probe[] {
  return pods.flatMap((from) =>
    Array.from({ length: TARGETS }, (_, turn): Probe => {
      const to = pods[(from.index + 1 + turn * 7 * (1 + (from.index % 5))) % PODS] as Pod;
      const isReached = (REACHES[from.kind] as readonly string[]).includes(to.kind);
      const expected: Judgement = isReached
        ? { verdict: "accept", reason: "allowed" }
        : { verdict: "drop", reason: "not-allowed" };
      return {
        from: from.station,
        to: to.station,
        protocol: turn % 2 === 0 ? "tcp" : "icmp",
        address: parseAddress(to.addresses[turn % 4 < 2 ? 0 : 1] as string),
        expected,
      };
    }),
  );
}

describe(`containerd with romana-cni: ${PODS} pods on three nodes`, () => {
  test("all start, with addresses of their node and class", async () => {
    pods = await onNodes(startPod);
    const wrong = pods.filter(({ kind, node, addresses }) => {
      const prefixes = KINDS[kind].prefixes(node.number);
      return addresses.length !== 2 || !prefixes.every((prefix, i) => addresses[i]?.startsWith(prefix));
    });
    expect(wrong.map(({ station, addresses }) => ({ pod: station.name, addresses }))).toEqual([]);
    expect(new Set(pods.flatMap(({ addresses }) => addresses)).size).toBe(2 * PODS);
  });

  test("all reach what they may, and nothing else", async () => {
    const asked = probes();
    const verdicts = Map.groupBy(asked, ({ expected }) => expected.verdict);
    expect(verdicts.get("drop")?.length).toBeGreaterThan(asked.length / 5);
    const { signal } = new AbortController();
    const outcomes = await runProbes(asked, randomInt(2 ** 32), { signal });
    const wrong = outcomes.filter((outcome) => !isAsExpected(outcome));
    expect(
      wrong.map(({ from, to, protocol, expected, observed }) => ({
        path: `${from.name} → ${to.name} (${protocol})`,
        expected: expected.verdict,
        observed,
      })),
    ).toEqual([]);
    expect(outcomes).toHaveLength(PODS * TARGETS);
  });

  test("a pod that is relabelled while it runs is someone else at once", async () => {
    const [web, db] = (["web", "db"] as const).map((kind) => pods.find((pod) => pod.kind === kind) as Pod);
    const ask = async (verdict: "accept" | "drop"): Promise<void> => {
      const expected: Judgement =
        verdict === "accept" ? { verdict, reason: "allowed" } : { verdict, reason: "not-allowed" };
      const probe: Probe = {
        from: (web as Pod).station,
        to: (db as Pod).station,
        protocol: "tcp",
        address: parseAddress((db as Pod).addresses[0] as string),
        expected,
      };
      const [outcome] = await runProbes([probe], randomInt(2 ** 32), {
        patience: 300,
        signal: new AbortController().signal,
      });
      if (outcome === undefined || !isAsExpected(outcome)) throw new Error(`it is ${outcome?.observed}`);
    };
    const write = (change: object): Promise<unknown> =>
      romana.client.call("putWorkload", {
        params: { workload: `uid-${web?.index}` },
        body: { tenant: "shop", segment: "web", name: `${web?.station.name}.shop`, ...change },
      });
    await ask("accept");
    await write({ actsAs: "batch" });
    await until("db does not hear it", () => ask("drop"), 5_000);
    await write({});
    await until("db hears it again", () => ask("accept"), 5_000);
  });

  test("nothing is left when all have stopped", async () => {
    await onNodes(async (index, { cri }) => {
      const id = pods[index]?.sandbox.id as string;
      await cri.stopSandbox(id);
      await cri.removeSandbox(id);
      await romana.client.call("deleteWorkload", { params: { workload: `uid-${index}` } });
    });
    await until("romanad knows of no endpoint", async () => {
      const { items } = await romana.client.call("listEndpoints", { query: {} });
      if (items.length > 0) throw new Error(`there is ${items[0]?.name}`);
    });
    const { items: workloads } = await romana.client.call("listWorkloads", { query: {} });
    expect(workloads).toEqual([]);
    for (const { node, agent } of romana.nodes) {
      const { machine, cri } = node;
      expect((await agent.call("listAttachments", {})).items).toEqual([]);
      expect(await cri.listSandboxes()).toEqual(new Map());
      const links = JSON.parse(await machine.run(["ip", "-j", "link"])) as readonly { ifname: string }[];
      expect(links.map(({ ifname }) => ifname).sort()).toEqual(["eth0", "lo", "romana-gw"]);
      const routes = await machine.run(["ip", "-j", "route"]);
      expect(routes).not.toContain("/32");
      expect(readdirSync(machine.path("/run/netns"))).toEqual([]);
      expect(readdirSync(machine.path("/var/lib/cni/results"))).toEqual([]);
    }
    expect(await rules()).toEqual(rulesBefore);
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubernetesProtocol } from "../../src/kubernetes/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import type { TruthCell } from "../support/cell-judge.ts";
import { checkRuns, withNetworks } from "../support/cnp-packets.ts";
import { FAMILIES } from "../support/firewall-topology.ts";
import { type LiveRomana, startLiveRomana } from "../support/kubernetes/live-romana.ts";
import {
  type LiveObjects,
  type LivePod,
  type LivePolicy,
  LiveWorld,
} from "../support/kubernetes/live-world.ts";
import { createNetpolObjects } from "../support/kubernetes/netpol-objects.ts";
import { netpolCells } from "../support/netpol-packets.ts";
import { Talker } from "../support/talker.ts";
import { type CnpTruth, loadTruth, type NetpolTruth } from "../support/truth-data.ts";
import { cnpTests, netpolCases, TRUTH_COUNTS } from "../support/truth-sample.ts";
import { until } from "../support/until.ts";

const NODES = 3;

const NETPOL = loadTruth("netpol-v1-truth.json.gz") as NetpolTruth | undefined;
const CNP = loadTruth("cnp-conformance.json.gz") as CnpTruth | undefined;

let live: LiveRomana;
let world: LiveWorld;

// One cluster for everything: what a test begins with is what the one before has left.
beforeAll(async () => {
  live = await startLiveRomana();
  world = new LiveWorld(live);
});

afterAll(async () => {
  world?.close();
  await live?.close();
});

/** Says how long changes took since this was said last. */
function sayTimes(what: string): void {
  const changes = world.changes.splice(0);
  const quantile = (name: keyof (typeof changes)[number], share: number): string => {
    const times = changes.map((change) => change[name]).sort((a, b) => a - b);
    return (times[Math.floor((times.length - 1) * share)] ?? 0).toFixed(0);
  };
  const of = (name: keyof (typeof changes)[number]): string =>
    `${name} p50 ${quantile(name, 0.5)} p99 ${quantile(name, 0.99)} ms`;
  const times = (["answered", "told", "enforced"] as const).map(of).join(", ");
  process.stderr.write(`kubernetes: ${what}: ${changes.length} changes, ${times}\n`);
}

describe("NetworkPolicy v1, live", () => {
  const cases = netpolCases(NETPOL);
  const counted = { cases: 0, steps: 0, flows: 0 };
  const objectsOf = createNetpolObjects(NODES);

  test.each(cases.map((one) => [one.id, one.group, one.description, one] as const))(
    "%i %s: %s",
    async (_id, _group, _description, { steps }) => {
      counted.cases++;
      for (const [index, step] of steps.entries()) {
        // By turns what the case before has left is changed, and deleted.
        await world.become(objectsOf(step), index === 0 && counted.cases % 2 === 0);
        const { flows, wrong } = world.judge(netpolCells(step));
        expect(wrong).toEqual([]);
        counted.steps++;
        counted.flows += flows;
      }
    },
  );

  test("all of it was tried", () => {
    sayTimes("NetworkPolicies and labels");
    expect(counted).toEqual(NETPOL === undefined ? { cases: 1, steps: 2, flows: 48 } : TRUTH_COUNTS.netpol);
  });
});

if (CNP !== undefined) {
  describe("ClusterNetworkPolicy v1alpha2, live", () => {
    const { pods: truthPods, nodes, states } = CNP;
    const counted = { tests: 0, flows: 0 };
    /** Cells about other nodes, see {@link withOtherNodes}. */
    let besides = 0;

    /** Pods of one namespace are on one node; those on the network of a node are on that. */
    const pods = truthPods.map((pod): LivePod => {
      const { namespace, name, labels, ip, hostNetwork, listens } = pod as unknown as Omit<
        LivePod,
        "node"
      > & {
        readonly ip: string;
        readonly listens: LivePod["ports"];
      };
      const ofNode = nodes.findIndex((node) => node.ip === ip);
      const third = Number(ip.split(".")[2]);
      const node = ofNode >= 0 ? ofNode + 1 : (third % NODES) + 1;
      return { namespace, name, labels, node, ports: listens, hostNetwork: hostNetwork === true };
    });

    /** The networks of the addresses that a pod of the truth table has here. */
    function networksOf(text: string): readonly string[] {
      const index = truthPods.findIndex(({ ip }) => `${ip as string}/32` === text);
      const pod = pods[index];
      if (pod === undefined) return [text];
      const { addresses = [] } = world.parties.get(`${pod.namespace}/${pod.name}`) ?? {};
      return addresses.map((address) => `${formatAddress(address)}/${address.family === 4 ? 32 : 128}`);
    }

    /** What is true of a pod on the network of a node is true of its like on the others: nodes have the same labels. */
    function withOtherNodes(cells: readonly TruthCell[]): readonly TruthCell[] {
      const names = pods.flatMap((pod) => (pod.hostNetwork === true ? [`${pod.namespace}/${pod.name}`] : []));
      const others = cells
        .filter(({ to }) => names.includes(to))
        .flatMap((cell) => names.filter((name) => name !== cell.to).map((to) => ({ ...cell, to })));
      besides += others.length;
      return [...cells, ...others];
    }

    function objectsOf(state: CnpTruth["states"][number]): LiveObjects {
      const { clusterNetworkPolicies, networkPolicies } = withNetworks(state, networksOf) as typeof state;
      const of = (kind: LivePolicy["kind"], list: readonly unknown[]): readonly LivePolicy[] =>
        (list as readonly LivePolicy[]).map(({ metadata, spec }) => ({ kind, metadata, spec }));
      return {
        namespaces: state.namespaces as LiveObjects["namespaces"],
        pods,
        policies: [
          ...of("ClusterNetworkPolicy", clusterNetworkPolicies),
          ...of("NetworkPolicy", networkPolicies),
        ],
      };
    }

    beforeAll(async () => {
      const [{ namespaces } = { namespaces: {} }] = states;
      await world.become({ namespaces: namespaces as LiveObjects["namespaces"], pods, policies: [] });
    });

    test.each(cnpTests(CNP))("$name", async ({ subtests }) => {
      counted.tests++;
      for (const { state, cells } of checkRuns(subtests.flatMap(({ checks }) => checks))) {
        await world.become(objectsOf(states[state] as CnpTruth["states"][number]), counted.tests % 2 === 0);
        const { flows, wrong } = world.judge(withOtherNodes(cells));
        expect(wrong).toEqual([]);
        counted.flows += flows;
      }
    });

    test("labels of a node decide whether a policy means it, as they are now", async () => {
      const LABEL = "romana-test/forbidden";
      const [{ namespaces } = { namespaces: {} }] = states;
      const nodePeer = { nodes: { matchExpressions: [{ key: LABEL, operator: "Exists" }] } };
      const spec = {
        tier: "Admin",
        priority: 1,
        subject: { namespaces: {} },
        egress: [{ action: "Deny", to: [nodePeer] }],
      };
      const policy: LivePolicy = { kind: "ClusterNetworkPolicy", metadata: { name: "no-nodes" }, spec };
      await world.become({
        namespaces: namespaces as LiveObjects["namespaces"],
        pods,
        policies: [policy],
      });
      const from = "network-policy-conformance-gryffindor/harry-potter-1";
      const to = (name: string, allowed: boolean): TruthCell => ({
        from,
        to: `network-policy-conformance-forbidden-forrest/${name}`,
        protocol: "TCP",
        port: 36361,
        allowed,
      });
      for (const value of [undefined, "yes", undefined]) {
        await live.write.merge("/api/v1/nodes/node-1", { metadata: { labels: { [LABEL]: value ?? null } } });
        await until("romanad says so", () =>
          expect(live.view.hosts.get("node-1")?.labels?.get(LABEL)).toBe(value),
        );
        await live.enforced();
        const isReached = value === undefined;
        expect(world.judge([to("centaur-0", isReached), to("centaur-1", true)]).wrong).toEqual([]);
      }
    });

    test("all of it was tried", () => {
      sayTimes("ClusterNetworkPolicies");
      expect(besides).toBeGreaterThan(0);
      const { tests, flows } = TRUTH_COUNTS.cnp;
      expect(counted).toEqual({ tests, flows: flows + FAMILIES.length * besides });
    });
  });
}

describe("connected, isolated, policy, connected", () => {
  const NAMESPACE = "shop";
  const PORT = 80;
  const FRONT = { app: "front" };
  const talkers: Talker[] = [];

  afterAll(() => {
    for (const talker of talkers) talker.close();
  });

  function pod(name: string, node: number, labels: LivePod["labels"]): LivePod {
    const ports = [{ protocol: "TCP" as KubernetesProtocol, port: PORT }];
    return { namespace: NAMESPACE, name, labels, node, ports };
  }

  const policy = (name: string, spec: object): LivePolicy => ({
    kind: "NetworkPolicy",
    metadata: { namespace: NAMESPACE, name },
    spec,
  });
  const DENY = policy("deny", { podSelector: {}, policyTypes: ["Ingress"] });
  const ALLOW = policy("allow", {
    podSelector: { matchLabels: { app: "back" } },
    ingress: [{ from: [{ podSelector: { matchLabels: FRONT } }], ports: [{ port: PORT }] }],
  });

  /** Front and back are on two nodes, and the other front beside the back. */
  function shop(policies: readonly LivePolicy[], labels: LivePod["labels"] = FRONT): LiveObjects {
    const pods = [pod("front", 1, labels), pod("near", 2, FRONT), pod("back", 2, { app: "back" })];
    return { namespaces: { [NAMESPACE]: {} }, pods, policies };
  }

  /** Tries all pairs of pods; those that connect, as `FROM>TO`. */
  function connected(...expected: readonly string[]): void {
    const names = ["front", "near", "back"];
    const cells = names.flatMap((from) =>
      names
        .filter((to) => to !== from)
        .map((to): TruthCell => {
          const allowed = expected.includes(`${from}>${to}`);
          return {
            from: `${NAMESPACE}/${from}`,
            to: `${NAMESPACE}/${to}`,
            protocol: "TCP",
            port: PORT,
            allowed,
          };
        }),
    );
    expect(world.judge(cells)).toEqual({ flows: 12, wrong: [] });
  }

  const ALL = ["front>near", "front>back", "near>front", "near>back", "back>front", "back>near"];
  /** Whether the connections that were opened last still answer. */
  let answers: readonly (() => Promise<boolean>)[] = [];

  async function open(): Promise<void> {
    const [front, back] = ["front", "back"].map((name) => world.parties.get(`${NAMESPACE}/${name}`));
    if (front === undefined || back === undefined) throw new TypeError("a pod is missing");
    const [client, server] = [front, back].map(({ namespace }) => new Talker(namespace)) as [Talker, Talker];
    talkers.push(client, server);
    await server.listen(8080);
    answers = await Promise.all(back.addresses.map((address) => client.open(formatAddress(address), 8080)));
  }

  async function areAnswered(expected: boolean): Promise<void> {
    const all = answers.map(() => expected);
    await until("connections are as expected", async () =>
      expect(await Promise.all(answers.map((ask) => ask()))).toEqual(all),
    );
  }

  test("pods of one namespace are connected", async () => {
    await world.become(shop([]));
    connected(...ALL);
    await open();
    await areAnswered(true);
  });

  test("isolated: nobody connects, and who was connected is cut", async () => {
    await world.become(shop([DENY]));
    connected();
    await areAnswered(false);
  });

  test("a policy: those whom it allows connect", async () => {
    await world.become(shop([DENY, ALLOW]));
    connected("front>back", "near>back");
  });

  test("other labels: whoever is not allowed any more is cut", async () => {
    await world.become(shop([DENY, ALLOW], { app: "stranger" }));
    connected("near>back");
    await world.become(shop([DENY, ALLOW]));
    connected("front>back", "near>back");
  });

  test("a pod that is deleted and created anew is who it was, with another address", async () => {
    const addresses = (): readonly string[] =>
      world.parties.get(`${NAMESPACE}/back`)?.addresses.map(formatAddress) ?? [];
    const before = addresses();
    const { pods, ...rest } = shop([DENY, ALLOW]);
    await world.become({ ...rest, pods: pods.filter(({ name }) => name !== "back") });
    await world.become({ ...rest, pods });
    expect(addresses().filter((address) => before.includes(address))).toEqual([]);
    connected("front>back", "near>back");
  });

  test("without policies all are connected again", async () => {
    await world.become(shop([]));
    connected(...ALL);
    await open();
    await areAnswered(true);
  });

  test("nothing is left of namespaces that are gone", async () => {
    await world.become({ namespaces: {}, pods: [], policies: [] });
    await until("romanad has forgotten them", () => {
      const names = [...live.view.tenants.keys()].filter(
        (name) => name !== "default" && !name.startsWith("kube-"),
      );
      expect(names).toEqual([]);
    });
    expect((await live.romana.client.call("listEndpoints", { query: {} })).items).toEqual([]);
    expect((await live.romana.client.call("listWorkloads", { query: {} })).items).toEqual([]);
  });
});

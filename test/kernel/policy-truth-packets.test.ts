import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CnpPackets, checkRuns } from "../support/cnp-packets.ts";
import { NETPOL_EXAMPLE } from "../support/netpol-example.ts";
import { NetpolPackets } from "../support/netpol-packets.ts";
import { type CnpTruth, loadTruth, type NetpolTruth } from "../support/truth-data.ts";
import { IptablesTruthFirewall, NftTruthFirewall, type TruthFirewall } from "../support/truth-firewalls.ts";
import { TruthJudge } from "../support/truth-judge.ts";
import { cnpTests, IS_WHOLE, netpolCases, TRUTH_COUNTS } from "../support/truth-sample.ts";
import { createTruthScene, type TruthScene } from "../support/truth-scene.ts";

const NETPOL = loadTruth("netpol-v1-truth.json.gz") as NetpolTruth | undefined;
const CNP = loadTruth("cnp-conformance.json.gz") as CnpTruth | undefined;

const NETPOL_CASES = netpolCases(NETPOL);
const CNP_TESTS = cnpTests(CNP);

const FIREWALLS = [
  () => new NftTruthFirewall(),
  () => new IptablesTruthFirewall("legacy"),
  // iptables on both of the kernel's engines.
  ...(IS_WHOLE ? [() => new IptablesTruthFirewall("nft")] : []),
].map((create): readonly [name: string, create: () => TruthFirewall] => [create().name, create]);

/** Time for tests in which packets are lost on purpose, in milliseconds. */
const SHORT_PATIENCE = 100;

/** Owns a scene and a judge for the tests of a suite. */
function stage(
  create: () => Promise<readonly [TruthScene, TruthFirewall]>,
  patience?: number,
): () => TruthJudge {
  let scene: TruthScene;
  let judge: TruthJudge;
  beforeAll(async () => {
    const [made, firewall] = await create();
    scene = made;
    judge = new TruthJudge(scene, firewall, patience);
  });
  afterAll(() => {
    judge.close();
    scene.close();
  });
  return () => judge;
}

describe.each(FIREWALLS)("NetworkPolicy v1 by packets through %s", (_, create) => {
  const packets = new NetpolPackets(NETPOL_CASES);
  const { network, hosts, cluster } = packets;
  const firewall = create();
  const judge = stage(async () => [await createTruthScene(network, hosts, cluster.endpoints, []), firewall]);
  const counted = { cases: 0, steps: 0, flows: 0 };
  test.each(NETPOL_CASES.map((one) => [one.id, one.group, one.description, one] as const))(
    "%i %s: %s",
    (_id, _group, _description, { steps }) => {
      counted.cases++;
      for (const step of steps) {
        const { world, cells } = packets.step(step);
        const { flows, wrong } = judge().judge(world, cells);
        expect(wrong).toEqual([]);
        counted.steps++;
        counted.flows += flows;
      }
    },
  );
  test("all of it was tried", () => {
    expect(counted).toEqual(NETPOL === undefined ? { cases: 1, steps: 2, flows: 48 } : TRUTH_COUNTS.netpol);
  });
  if (firewall instanceof NftTruthFirewall) {
    test("tables were replaced, and followed by elements", () => {
      const { replaced, elements } = firewall.changes;
      expect(replaced).toBeGreaterThan(0);
      expect(elements).toBeGreaterThan(replaced / 2);
    });
  }
});

if (CNP !== undefined) {
  describe.each(FIREWALLS)("ClusterNetworkPolicy v1alpha2 by packets through %s", (_, create) => {
    const packets = new CnpPackets(CNP);
    const { network, hosts, endpoints, processes } = packets;
    const judge = stage(async () => [await createTruthScene(network, hosts, endpoints, processes), create()]);
    const counted = { tests: 0, flows: 0 };
    test.each(CNP_TESTS)("$name", ({ subtests }) => {
      counted.tests++;
      for (const { state, cells } of checkRuns(subtests.flatMap(({ checks }) => checks))) {
        const { flows, wrong } = judge().judge(packets.world(state), cells);
        expect(wrong).toEqual([]);
        counted.flows += flows;
      }
    });
    test("all of it was tried", () => {
      expect(counted).toEqual(TRUTH_COUNTS.cnp);
    });
  });
}

describe("the judge", () => {
  const packets = new NetpolPackets([NETPOL_EXAMPLE]);
  const { network, hosts, cluster } = packets;
  let rules = "";
  const firewall: TruthFirewall = {
    name: "anything",
    apply: ({ kernel }) =>
      kernel.runNft(`table inet t { }; delete table inet t
        table inet t { chain forward { type filter hook forward priority 0; ${rules} }; }`),
    drops: () => new Map(),
  };
  const judge = stage(
    async () => [await createTruthScene(network, hosts, cluster.endpoints, []), firewall],
    SHORT_PATIENCE,
  );
  const [step] = NETPOL_EXAMPLE.steps;
  if (step === undefined) throw new Error("no step");
  const { world } = packets.step(step);
  test.each([
    ["what passes and should not", "", false, ["passes over IPv4", "passes over IPv6"]],
    ["what is lost", "drop;", true, ["is lost over IPv4", "is lost over IPv6"]],
    ["what nobody has dropped", "drop;", false, ["2 are silent, but rules dropped 0 packets"]],
  ])("notices %s", (_, text, allowed, wrong) => {
    rules = text;
    for (const protocol of ["TCP", "UDP", "SCTP"] as const) {
      const cell = { from: "x/a", to: "y/b", protocol, port: 80, allowed };
      const found = judge().judge(world, [cell]).wrong;
      expect(found.map((line) => line.replace(`x/a -> y/b ${protocol}/80 `, ""))).toEqual(wrong);
    }
  });
  test("notices who refuses instead of being silent", () => {
    rules = "meta l4proto tcp reject with tcp reset; reject;";
    const cell = { from: "x/a", to: "y/b", port: 80, allowed: false } as const;
    expect(judge().judge(world, [{ ...cell, protocol: "TCP" }]).wrong).toEqual([
      "x/a -> y/b TCP/80 is refused over IPv4",
      "x/a -> y/b TCP/80 is refused over IPv6",
    ]);
    expect(judge().judge(world, [{ ...cell, protocol: "UDP" }]).wrong).toEqual([
      "2 are silent, but rules dropped 0 packets",
      expect.stringMatching(/^x\/a 10\.\S+ received ICMP type 3 code 3$/),
      expect.stringMatching(/^x\/a fd52:\S+ received ICMP type 1 code 4$/),
    ]);
  });
});

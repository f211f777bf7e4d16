import { afterAll, beforeAll, expect, test } from "vitest";
import { type LiveRomana, startLiveRomana } from "../support/kubernetes/live-romana.ts";
import { LiveWorld } from "../support/kubernetes/live-world.ts";
import { createNetpolObjects } from "../support/kubernetes/netpol-objects.ts";
import { netpolCells } from "../support/netpol-packets.ts";
import { loadTruth, type NetpolTruth } from "../support/truth-data.ts";
import { netpolCases, TRUTH_COUNTS } from "../support/truth-sample.ts";

const NETPOL = loadTruth("netpol-v1-truth.json.gz") as NetpolTruth | undefined;

const NODES = 3;
/** The node whose agent enforces with iptables; the others do with nftables. */
const OTHER = 2;

let live: LiveRomana;
let world: LiveWorld;

// One cluster for everything: what a test begins with is what the one before has left.
beforeAll(async () => {
  live = await startLiveRomana({
    firewall: (node) => (node === OTHER ? "iptables" : "nftables"),
    // A segment that goes later replaces all rules of iptables, and what they have counted, while packets are tried.
    controller: { segmentGrace: 3600 },
  });
  world = new LiveWorld(live);
});

afterAll(async () => {
  world?.close();
  await live?.close();
});

const objectsOf = createNetpolObjects(NODES);
const counted = { cases: 0, steps: 0, flows: 0 };

test("one node has rules of iptables and no table of nftables, the others the other way round", async () => {
  const found = live.cluster.nodes.map(async ({ machine }) => ({
    iptables: (await machine.run(["iptables-save"])).includes("ROMANA-"),
    nftables: (await machine.run(["nft", "list", "tables"])).includes("table inet romana"),
  }));
  const [iptables, nftables] = [
    { iptables: true, nftables: false },
    { iptables: false, nftables: true },
  ];
  expect(await Promise.all(found)).toEqual([nftables, iptables, nftables]);
});

test.each(netpolCases(NETPOL).map((one) => [one.id, one.group, one.description, one] as const))(
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
  expect(counted).toEqual(NETPOL === undefined ? { cases: 1, steps: 2, flows: 48 } : TRUTH_COUNTS.netpol);
});

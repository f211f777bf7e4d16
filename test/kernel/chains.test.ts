import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Chain } from "../../src/model/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import {
  type ChainScene,
  createChainScene,
  type Placement,
  type Sighting,
  sceneChain,
} from "../support/chain-scene.ts";
import { addressOf, ask, askInVain, WAYS } from "../support/chain-traffic.ts";
import type { SceneParty } from "../support/firewall-scene.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

const PLACEMENTS: readonly (readonly [string, Placement])[] = [
  ["all on one host", { web1: 1, db1: 1, fw1: 1, fw2: 1, ids1: 1 }],
  ["both ends on one host, functions on others", { web1: 1, db1: 1, fw1: 2, fw2: 2, ids1: 3 }],
  ["one function beside the sender", { web1: 1, fw1: 1, fw2: 2, ids1: 2, db1: 3 }],
  ["functions on one host, ends on others", { web1: 1, fw1: 3, fw2: 3, ids1: 3, db1: 2 }],
];
const FAMILIES = [4, 6] as const;
const WAYS_OF_FAMILIES = WAYS.flatMap((way) => FAMILIES.map((family) => [way, family] as const));
const OPEN: Chain["through"] = sceneChain().through.map((one) => ({ ...one, fail: "open" }));

/** Packets of a direction among those that a function has seen, and their hop limits. */
function seen(
  sightings: readonly Sighting[] = [],
  from: SceneParty,
  to: SceneParty,
  family: 4 | 6,
): number[] {
  const [source, destination] = [from, to].map((party) => formatAddress(addressOf(party, family)));
  return sightings
    .filter((one) => one.source === source && one.destination === destination)
    .map(({ hopLimit }) => hopLimit);
}

describe.each(PLACEMENTS)("%s", (_, placement) => {
  let scene: ChainScene;
  let web: SceneParty;
  let db: SceneParty;
  beforeAll(async () => {
    scene = await createChainScene(placement);
    [web, db] = [scene.party("web1"), scene.party("db1")];
  });
  afterAll(() => scene?.close());
  beforeEach(async () => {
    scene.steer([sceneChain()]);
    await scene.sightings("fw1", "fw2", "ids1");
  });

  /** The hop limits that `fw` (whichever), then `ids` saw in both directions. */
  async function passed(family: 4 | 6): Promise<Record<"fw" | "ids", { there: number[]; back: number[] }>> {
    const [first, second, ids] = await scene.sightings("fw1", "fw2", "ids1");
    const both = (sightings: readonly Sighting[] = []): { there: number[]; back: number[] } => ({
      there: seen(sightings, web, db, family),
      back: seen(sightings, db, web, family),
    });
    return { fw: both([...(first ?? []), ...(second ?? [])]), ids: both(ids) };
  }

  test.each(WAYS_OF_FAMILIES)(
    "%s over IPv%i passes in the declared order, answers in reverse",
    async (way, family) => {
      expect(ask(way, web, db, family)).toMatchObject({ outcome: "answered" });
      const { fw, ids } = await passed(family);
      // Each function and each host on the way takes one off.
      expect(fw.there[0]).toBeGreaterThan(ids.there[0] ?? 64);
      expect(ids.back[0]).toBeGreaterThan(fw.back[0] ?? 64);
      expect([fw.there, ids.there, fw.back, ids.back].map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    },
  );

  test("the same endpoint of a function meets both directions of a flow", async () => {
    const meetings: string[] = [];
    for (let flow = 0; flow < 16; flow++) {
      const port = 7200 + flow;
      const way = flow % 2 === 0 ? "tcp" : "udp";
      expect(ask(way, web, db, flow % 4 < 2 ? 4 : 6, port)).toMatchObject({ outcome: "answered" });
      const found = await scene.sightings("fw1", "fw2");
      const family = flow % 4 < 2 ? 4 : 6;
      meetings.push(
        found
          .map((one) => `${seen(one, web, db, family).length}${seen(one, db, web, family).length}`)
          .join(" "),
      );
    }
    expect(new Set(meetings)).toEqual(new Set(["11 00", "00 11"]));
  });

  test("what arrives has no trace of it in its header, and comes from who sent it", async () => {
    scene.run(db, COUNT_DSCP);
    for (const family of FAMILIES) {
      expect(ask("udp", web, db, family)).toEqual({
        outcome: "answered",
        seenFrom: formatAddress(addressOf(web, family)),
      });
    }
    const { clean, marked } = scene.counted(db, "marks");
    expect(clean).toBeGreaterThanOrEqual(2);
    expect(marked).toBe(0);
    scene.run(db, "delete table inet marks\n");
  });

  test("without the chain the way is straight", async () => {
    scene.steer([]);
    for (const [way, family] of WAYS_OF_FAMILIES) {
      expect(ask(way, web, db, family)).toMatchObject({ outcome: "answered" });
      expect(await passed(family)).toEqual({ fw: NEITHER, ids: NEITHER });
    }
  });

  test.each(FAMILIES)("IPv%i: a closed function that nobody can do drops", async (family) => {
    scene.steer([sceneChain()], ["ids1"]);
    const before = scene.drops()["no-function"] ?? 0;
    for (const way of WAYS) expect(askInVain(way, web, db, family)).toEqual({ outcome: "silent" });
    expect(scene.drops()["no-function"]).toBeGreaterThanOrEqual(before + WAYS.length);
    expect((await passed(family)).ids).toEqual(NEITHER);
  });

  test.each(FAMILIES)("IPv%i: an open function that nobody can do is left out", async (family) => {
    scene.steer([sceneChain({ through: OPEN })], ["fw1", "fw2"]);
    for (const way of WAYS) expect(ask(way, web, db, family)).toMatchObject({ outcome: "answered" });
    const { fw, ids } = await passed(family);
    expect(fw).toEqual(NEITHER);
    expect([ids.there.length, ids.back.length]).toEqual([WAYS.length, WAYS.length]);
    scene.steer([sceneChain({ through: OPEN })], ["fw1", "fw2", "ids1"]);
    for (const way of WAYS) expect(ask(way, web, db, family)).toMatchObject({ outcome: "answered" });
    expect(await passed(family)).toEqual({ fw: NEITHER, ids: NEITHER });
  });

  test.each(WAYS_OF_FAMILIES)(
    "%s over IPv%i: answers go straight when only one direction is declared",
    async (way, family) => {
      scene.steer([sceneChain({ direction: "forward", places: { forward: [1, 2, 3] } })]);
      expect(ask(way, web, db, family)).toMatchObject({ outcome: "answered" });
      const { fw, ids } = await passed(family);
      expect([fw.there, ids.there, fw.back, ids.back].map(({ length }) => length)).toEqual([1, 1, 0, 0]);
    },
  );

  test.each(FAMILIES)("IPv%i: policies judge who talks to whom as before", (family) => {
    // Nobody may open anything to `client`, wherever the packets come by.
    const before = scene.drops();
    for (const way of WAYS) expect(askInVain(way, db, web, family)).toEqual({ outcome: "silent" });
    const now = scene.drops();
    expect((now["isolation"] ?? 0) - (before["isolation"] ?? 0)).toBeGreaterThanOrEqual(WAYS.length);
  });

  test.each(FAMILIES)("IPv%i: a sender's own DSCP opens no way round", async (family) => {
    for (const place of [1, 2, 3, 6]) {
      scene.run(web, markAll(place));
      expect(ask("tcp", web, db, family)).toMatchObject({ outcome: "answered" });
      const { fw, ids } = await passed(family);
      expect([fw.there.length, ids.there.length]).toEqual([1, 1]);
    }
    scene.run(web, "delete table inet forge\n");
  });

  test.each([
    ["udp", 4],
    ["tcp", 4],
    ["tcp", 6],
  ] as const)("%s over IPv%i: a service in front of the destination", async (way, family) => {
    scene.translate(db);
    const service = { ...db, addresses: scene.serviceAddresses };
    expect(ask(way, web, service, family, 7100, db)).toMatchObject({ outcome: "answered" });
    const { fw, ids } = await passed(family);
    expect([fw.there, ids.there, fw.back, ids.back].map(({ length }) => length)).toEqual([1, 1, 1, 1]);
    scene.translate(undefined);
  });
});

const NEITHER = { there: [], back: [] };

const COUNT_DSCP = `table inet marks {
  counter clean { }
  counter marked { }
  chain input {
    type filter hook input priority 0;
    meta l4proto != udp accept
    ip dscp 0 counter name clean
    ip6 dscp 0 counter name clean
    ip dscp != 0 counter name marked
    ip6 dscp != 0 counter name marked
  }
}
`;

/** Whatever a namespace sends has this DSCP. */
function markAll(dscp: number): string {
  return `add table inet forge
delete table inet forge
table inet forge {
  chain output {
    type filter hook output priority 0;
    ip dscp set ${dscp}
    ip6 dscp set ${dscp}
  }
}
`;
}

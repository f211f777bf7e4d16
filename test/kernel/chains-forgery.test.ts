import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/index.ts";
import { type ChainScene, createChainScene, type Placement, sceneChain } from "../support/chain-scene.ts";
import { addressOf, ask, askInVain, WAYS } from "../support/chain-traffic.ts";
import type { SceneParty } from "../support/firewall-scene.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

const FAMILIES = [4, 6] as const;
const PLACEMENTS: readonly (readonly [string, Placement])[] = [
  ["on one host", { web1: 1, other1: 1, db1: 1, fw1: 1, ids1: 1 }],
  ["on three hosts", { web1: 1, other1: 1, fw1: 2, ids1: 3, db1: 3 }],
];

describe.each(PLACEMENTS)("%s", (_, placement) => {
  let scene: ChainScene;
  let web: SceneParty;
  let db: SceneParty;
  let fw: SceneParty;
  beforeAll(async () => {
    scene = await createChainScene(placement);
    [web, db, fw] = [scene.party("web1"), scene.party("db1"), scene.party("fw1")];
  });
  afterAll(() => scene?.close());
  beforeEach(async () => {
    scene.steer([sceneChain()]);
    await scene.sightings("fw1", "ids1");
  });

  /** Which functions have met packets from one to the other, and back. */
  async function met(a: SceneParty, b: SceneParty, family: 4 | 6): Promise<string[]> {
    const [here, there] = [a, b].map((party) => formatAddress(addressOf(party, family)));
    const [fwSaw = [], idsSaw = []] = await scene.sightings("fw1", "ids1");
    return [
      ...(fwSaw.some((one) => one.source === here && one.destination === there) ? ["fw there"] : []),
      ...(idsSaw.some((one) => one.source === here && one.destination === there) ? ["ids there"] : []),
      ...(idsSaw.some((one) => one.source === there && one.destination === here) ? ["ids back"] : []),
      ...(fwSaw.some((one) => one.source === there && one.destination === here) ? ["fw back"] : []),
    ];
  }

  describe.each(FAMILIES)("IPv%i", (family) => {
    test("a function sends nothing in the name of others but flows of its chains", async () => {
      const before = scene.drops()["spoofed-source"] ?? 0;
      await scene.disguised(fw, scene.party("other1"), (forged) => {
        for (const way of ["udp", "tcp"] as const) {
          expect(askInVain(way, forged, db, family)).toEqual({ outcome: "silent" });
        }
      });
      expect(scene.drops()["spoofed-source"]).toBeGreaterThanOrEqual(before + 2);
    });

    test("a function opens nothing that policies forbid", async () => {
      const before = scene.drops()["isolation"] ?? 0;
      await scene.disguised(fw, db, (forged) => {
        expect(askInVain("udp", forged, web, family)).toEqual({ outcome: "silent" });
      });
      expect(scene.drops()["isolation"]).toBeGreaterThan(before);
    });

    test("a function talks for itself as anybody", () => {
      for (const way of WAYS) expect(ask(way, fw, db, family)).toMatchObject({ outcome: "answered" });
    });

    test("who is no function sends nothing in the name of others, wherever it says that it comes from", async () => {
      const other = scene.party("other1");
      // Rules alone must be enough.
      scene.kernel(other.host).setSysctl(`net.ipv4.conf.${other.wire?.device.name}.rp_filter`, "0");
      await scene.disguised(other, web, (forged) => {
        for (const place of [0, 1, 2, 3]) {
          scene.run(forged, markAll(place));
          const before = scene.drops()["spoofed-source"] ?? 0;
          expect(askInVain("udp", forged, db, family)).toEqual({ outcome: "silent" });
          expect(scene.drops()["spoofed-source"]).toBeGreaterThan(before);
        }
      });
      expect(await met(web, db, family)).toEqual([]);
      scene.run(other, NO_MARKS);
    });

    test("flows of others do not meet the functions", async () => {
      const other = scene.party("other1");
      for (const way of WAYS) expect(ask(way, other, db, family)).toMatchObject({ outcome: "answered" });
      expect(await met(other, db, family)).toEqual([]);
    });

    test.each([0, 1, 2, 3, 6, 46])("from outside with DSCP %i there is one way in", async (place) => {
      scene.steer([sceneChain({ from: { kind: "any" } })]);
      scene.run(scene.outside, markAll(place));
      for (const way of WAYS) {
        expect(ask(way, scene.outside, db, family)).toMatchObject({ outcome: "answered" });
        expect(await met(scene.outside, db, family)).toEqual(ALL);
      }
      scene.run(scene.outside, NO_MARKS);
    });
  });
});

describe("a host that does not take part", () => {
  let scene: ChainScene;
  beforeAll(async () => {
    scene = await createChainScene({ web1: 1, db1: 2, fw1: 2, ids1: 3 });
  });
  afterAll(() => scene?.close());

  test.each(FAMILIES)("IPv%i: what it sends without a place is dropped where it arrives", (family) => {
    scene.steer([sceneChain()]);
    scene.kernel(1).runNft("delete table inet romana_chains\n");
    const before = scene.drops()["out-of-place"] ?? 0;
    expect(askInVain("tcp", scene.party("web1"), scene.party("db1"), family)).toEqual({ outcome: "silent" });
    expect(scene.drops()["out-of-place"]).toBeGreaterThan(before);
  });

  test.each(FAMILIES)("IPv%i: a next hop that somebody took away is no way round", async (family) => {
    scene.steer([sceneChain()]);
    const kernel = scene.kernel(2);
    kernel.apply(kernel.rules().map((rule) => ({ type: "delete-rule", rule })));
    const before = scene.drops()["no-way"] ?? 0;
    expect(askInVain("udp", scene.party("web1"), scene.party("db1"), family)).toEqual({ outcome: "silent" });
    expect(scene.drops()["no-way"]).toBeGreaterThan(before);
  });
});

const ALL = ["fw there", "ids there", "ids back", "fw back"];

const NO_MARKS = "add table inet forge\ndelete table inet forge\n";

/** Whatever a namespace sends has this DSCP. */
function markAll(dscp: number): string {
  return `${NO_MARKS}table inet forge {
  chain output {
    type filter hook output priority 0;
    ip dscp set ${dscp}
    ip6 dscp set ${dscp}
  }
}
`;
}

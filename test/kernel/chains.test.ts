import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress } from "../../src/net/index.ts";
import { type ChainScene, createChainScene, type Placement, sceneChain } from "../support/chain-scene.ts";
import { addressOf, ask, WAYS } from "../support/chain-traffic.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

leaveHostNamespace();

const PLACEMENTS: readonly (readonly [string, Placement])[] = [
  ["all on one host", { web1: 1, db1: 1, fw1: 1, ids1: 1 }],
  ["each on another host", { web1: 1, fw1: 2, ids1: 3, db1: 1 }],
];

describe.each(PLACEMENTS)("%s", (_, placement) => {
  let scene: ChainScene;
  beforeAll(async () => {
    scene = await createChainScene(placement);
  });
  afterAll(() => scene?.close());

  test.each(WAYS.flatMap((way) => ([4, 6] as const).map((family) => [way, family] as const)))(
    "%s over IPv%i passes both functions in order, answers in reverse",
    async (way, family) => {
      scene.steer([sceneChain()]);
      await scene.sightings("fw1");
      await scene.sightings("ids1");
      const [web, db] = [scene.party("web1"), scene.party("db1")];
      const { outcome } = ask(way, web, db, family);
      const [fw, ids] = [await scene.sightings("fw1"), await scene.sightings("ids1")];
      const there = {
        source: formatAddress(addressOf(web, family)),
        destination: formatAddress(addressOf(db, family)),
      };
      expect(outcome).toBe("answered");
      expect(fw).toContainEqual(expect.objectContaining(there));
      expect(ids).toContainEqual(expect.objectContaining(there));
    },
  );
});

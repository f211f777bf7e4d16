import { afterEach, expect, test } from "vitest";
import { type ControllerScene, PATHS } from "./support/controller-scene.ts";
import { itemsOf, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const conditions = () => {
  const { status } = scene.server.get(PATHS.networks, "second") as unknown as {
    status: { conditions: { type: string; status: string; reason: string }[] };
  };
  return status.conditions.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);
};
const plan = { prefix: "fd00::/48", hostBits: 16, tenantBits: 16, segmentBits: 16, endpointBits: 28 };
const network = (change: object, groups: readonly object[] = [{ name: "a", id: 1 }]) =>
  scene.put("networks", {
    metadata: { name: "second", uid: "uid-net", generation: 1 },
    spec: { plans: { ipv6: { ...plan, groupLevels: [{ name: "zone", bits: 4 }], ...change } }, groups },
  });

test("come with their object, follow its groups, never its plans, and go when nobody uses them", async () => {
  scene = await startShopScene();
  network({});
  await scene.settled();
  const groups = async () =>
    (await scene.client.call("getNetwork", { params: { network: "second" } })).groups.map(({ name }) => name);
  expect(await groups()).toEqual(["a"]);
  expect(conditions()).toEqual(["Accepted True InUse", "SegmentCodes True Available"]);
  network({}, [
    { name: "a", id: 1 },
    { name: "b", id: 2 },
  ]);
  await scene.settled();
  expect(await groups()).toEqual(["a", "b"]);
  network({ hostBits: 15, endpointBits: 29 });
  await scene.settled();
  expect(conditions()[0]).toBe("Accepted False PlanFixed");
  network({ hostBits: 99 });
  await scene.settled();
  expect(conditions()[0]).toBe("Accepted False Unreadable");
  scene.remove("networks", "second");
  await until("it is gone", async () => {
    expect((await itemsOf(scene.client.call("listNetworks", {}))).map(({ name }) => name)).toEqual([
      "default",
    ]);
  });
});

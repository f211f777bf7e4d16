import { afterEach, expect, test } from "vitest";
import { type ControllerScene, startControllerScene } from "./support/controller-scene.ts";
import { itemsOf, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const node = (labels: object, addresses = ["192.0.2.1"]) =>
  scene.put("nodes", {
    metadata: { name: "n1", labels },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  });
const hosts = async () =>
  (await itemsOf(scene.client.call("listHosts", {}))).map(({ name, group, underlay }) => [
    name,
    group,
    Object.keys(underlay),
  ]);

test("the group is that of the topology labels; a node without them is none; a move is told", async () => {
  scene = await startControllerScene({ config: { topologyLabels: ["zone"] } });
  const plan = { prefix: "fd00::/48", hostBits: 16, tenantBits: 16, segmentBits: 16, endpointBits: 28 };
  await scene.client.call("deleteNetwork", { params: { network: "default" } });
  await scene.client.call("createNetwork", {
    body: {
      name: "zoned",
      plans: { ipv6: { ...plan, groupLevels: [{ name: "zone", bits: 4 }] } },
      groups: [
        { name: "a", id: 1 },
        { name: "b", id: 2 },
      ],
    },
  });
  node({});
  await scene.settled();
  expect(await hosts()).toEqual([]);
  expect(await scene.events()).toEqual(["NoHost n1: it has no label zone, which names its group"]);
  node({ zone: "a" });
  await scene.settled();
  expect(await hosts()).toEqual([["n1", ["a"], ["ipv4"]]]);
  node({ zone: "b" });
  await scene.settled();
  expect(await hosts()).toEqual([["n1", ["a"], ["ipv4"]]]);
  expect((await scene.events()).at(-1)).toContain('GroupChanged n1: its host stays in group "a"');
  node({ zone: "nowhere" });
  scene.remove("nodes", "n1");
  await scene.settled();
  node({ zone: "nowhere" });
  await until("it is told", async () => {
    expect((await scene.events()).at(-1)).toMatch(/^Refused n1: Cannot create host "n1": .*nowhere/);
  });
});

test("a node that nobody can reach yet is not a host yet; one that lost its addresses keeps them", async () => {
  scene = await startShopScene();
  node({}, []);
  await scene.settled();
  expect(await hosts()).toEqual([]);
  node({}, ["192.0.2.1", "2001:db8::1"]);
  await scene.settled();
  node({}, []);
  await scene.settled();
  expect(await hosts()).toEqual([["n1", [], ["ipv4", "ipv6"]]]);
});

test("a node that is made anew is another host, although the controller never saw it go", async () => {
  scene = await startShopScene();
  node({});
  await scene.settled();
  const before = await scene.client.call("getHost", { params: { host: "n1" } });
  await scene.pause(() => {
    scene.remove("nodes", "n1");
    scene.put("nodes", {
      metadata: { name: "n1", uid: "uid-new" },
      status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
    });
  });
  await scene.settled();
  const after = await scene.client.call("getHost", { params: { host: "n1" } });
  expect(after.externalId).toBe("uid-new");
  expect(after.revision).toBeGreaterThan(before.revision);
});

test("hosts stay when most nodes are gone at once, and go when the others are back", async () => {
  scene = await startShopScene();
  const names = ["n1", "n2", "n3"];
  const put = (name: string) =>
    scene.put("nodes", {
      metadata: { name, uid: `uid-${name}` },
      status: { addresses: [{ type: "InternalIP", address: `192.0.2.${name.slice(1)}` }] },
    });
  names.forEach(put);
  await scene.settled();
  await scene.pause(() => {
    for (const name of names) scene.remove("nodes", name);
  });
  await until("it is tried", async () => {
    expect(await scene.controller.metrics.render()).toContain('kind="host",outcome="unavailable"');
  });
  expect((await hosts()).map(([name]) => name)).toEqual(names);
  put("n2");
  put("n3");
  await until("the one that is gone goes", async () => {
    expect((await hosts()).map(([name]) => name)).toEqual(["n2", "n3"]);
  });
});

test("a host of somebody else is left alone, and its node is told", async () => {
  scene = await startShopScene();
  await scene.client.call("createHost", { body: { name: "n1", underlay: { ipv4: "192.0.2.77" } } });
  await scene.restart();
  node({});
  await scene.settled();
  scene.remove("nodes", "n1");
  await scene.settled();
  expect(await hosts()).toEqual([["n1", [], ["ipv4"]]]);
  expect(await scene.events()).toEqual([
    'HostOfSomebodyElse n1: host "n1" was not made for a node, and is left as it is',
  ]);
});

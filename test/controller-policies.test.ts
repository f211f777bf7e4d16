import { afterEach, expect, test } from "vitest";
import { type ControllerScene, PATHS } from "./support/controller-scene.ts";
import { itemsOf, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

const policy = (id: string) => scene.client.call("getPolicy", { params: { policy: id } });
const policies = async (): Promise<string[]> =>
  (await itemsOf(scene.client.call("listPolicies", {}))).map(({ id }) => id);

const spec = { podSelector: { matchLabels: { app: "web" } } };
const netpol = (body: unknown, uid = "uid-np") =>
  scene.put("networkPolicies", { metadata: { name: "np", namespace: "shop", uid }, spec: body });

test("one that cannot be read closes its namespace; one that could be read before stays as it was", async () => {
  scene = await startShopScene();
  netpol({ ...spec, newField: 1 });
  await scene.settled();
  expect(await policy("kube.shop.np")).toMatchObject({
    appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "shop" } }],
    isolates: ["ingress", "egress"],
    rules: [],
  });
  expect(await scene.events()).toEqual([expect.stringMatching(/^Unreadable np: .*newField/)]);
  netpol(spec);
  await scene.settled();
  const whole = await policy("kube.shop.np");
  expect(whole.isolates).toEqual(["ingress"]);
  netpol({ ...spec, otherField: 1 });
  await scene.settled();
  await scene.restart();
  await scene.settled();
  expect(await policy("kube.shop.np")).toEqual(whole);
  // A new object of the same name has never said that.
  netpol({ ...spec, otherField: 1 }, "uid-2");
  await scene.settled();
  expect((await policy("kube.shop.np")).isolates).toEqual(["ingress", "egress"]);
});

test("a ClusterNetworkPolicy that cannot be read denies everything to its subject", async () => {
  scene = await startShopScene({}, (scene) => {
    const subject = { namespaces: { matchLabels: { env: "prod" } } };
    scene.put("clusterNetworkPolicies", {
      metadata: { name: "odd" },
      spec: { tier: "Admin", priority: 7, subject, newField: {} },
    });
    scene.put("clusterNetworkPolicies", {
      metadata: { name: "nobody" },
      spec: { subject: { newWord: {} } },
    });
  });
  expect(await policies()).toEqual(["cnp.odd"]);
  const { tier, order, appliedTo, rules } = await policy("cnp.odd");
  expect([tier, order, appliedTo]).toEqual([
    "admin",
    0,
    [
      {
        kind: "endpoints",
        tenant: { by: "labels", requirements: [{ key: "env", operator: "In", values: ["prod"] }] },
      },
    ],
  ]);
  expect(rules.map(({ direction, verdict }) => `${direction} ${verdict}`)).toEqual([
    "ingress drop",
    "egress drop",
  ]);
  for (const name of ["odd", "nobody"]) {
    expect(scene.server.get(PATHS.clusterNetworkPolicies, name)?.["status"]).toMatchObject({
      conditions: [{ type: "romana.io/Accepted", status: "False", reason: "Unreadable" }],
    });
  }
});

test("policies of others stay, whatever they are called; ours that nobody says any more go", async () => {
  scene = await startShopScene();
  const native = {
    direction: "ingress",
    applied_to: [{ dest: "local" }],
    peers: [{ peer: "any" }],
    rules: [{ protocol: "tcp" }],
  };
  await scene.client.call("createPolicy", { body: { ...native, name: "kube.shop.native" } });
  await scene.client.call("createPolicy", { body: { ...native, name: "own", external_id: "x" } });
  await scene.client.call("createPolicy", {
    body: { ...native, name: "kube.shop.stale", external_id: "x" },
  });
  await scene.restart();
  await scene.settled();
  await until("ours is gone", async () => {
    expect(await policies()).toEqual(["kube.shop.native", "own"]);
  });
});

test("a kind that is not served for a moment takes no policies with it", async () => {
  scene = await startShopScene({}, (scene) => {
    scene.put("clusterNetworkPolicies", {
      metadata: { name: "admin" },
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { namespaces: {} },
        ingress: [{ action: "Deny", from: [{ namespaces: {} }] }],
      },
    });
  });
  expect(await policies()).toEqual(["cnp.admin"]);
  scene.server.absent.add(PATHS.clusterNetworkPolicies);
  await scene.restart();
  await until("it leads without it", async () => {
    await scene.controller.idle();
    expect(
      scene.controller.isLeading && !scene.controller.cluster.informers.clusterNetworkPolicies.isServed,
    ).toBe(true);
  });
  expect(await policies()).toEqual(["cnp.admin"]);
  scene.server.absent.delete(PATHS.clusterNetworkPolicies);
  await scene.settled();
  expect(await policies()).toEqual(["cnp.admin"]);
});

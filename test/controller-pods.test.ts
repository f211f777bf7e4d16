import { afterEach, describe, expect, test } from "vitest";
import { RomanaError } from "../src/model/index.ts";
import type { ControllerScene } from "./support/controller-scene.ts";
import { itemsOf, listSegments, listWorkloads, putPod, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

test.each<[string, Parameters<typeof putPod>[3], string[]]>([
  ["one that runs", {}, ["uid-p: web-# (p.shop)"]],
  ["one on its node's own network", { spec: { hostNetwork: true } }, []],
  ["one that has succeeded", { status: { phase: "Succeeded" } }, []],
  ["one that has failed", { status: { phase: "Failed" } }, []],
  ["one that waits", { status: { phase: "Pending" } }, ["uid-p: web-# (p.shop)"]],
  [
    "a static one is known by its hash",
    {
      metadata: {
        annotations: { "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef" },
        ownerReferences: [{ kind: "Node", name: "n1" }],
      },
      spec: { nodeName: "n1" },
    },
    ["0123456789abcdef0123456789abcdef: web-# (p.shop)"],
  ],
  [
    "one that only says that it is static",
    { metadata: { annotations: { "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef" } } },
    ["uid-p: web-# (p.shop)"],
  ],
])("%s", async (_, more, expected) => {
  scene = await startShopScene();
  putPod(scene, "p", { app: "web" }, more);
  await scene.settled();
  expect(await listWorkloads(scene)).toEqual(expected);
});

test("when codes run out: born elsewhere, acts as its own; with the pods all segments go", async () => {
  scene = await startShopScene();
  for (const app of ["a", "b", "c", "d", "e"]) putPod(scene, app, { app });
  await scene.settled();
  const coded = (await listSegments(scene)).filter((text) => text.endsWith(" 1"));
  const found = await listWorkloads(scene);
  expect((await listSegments(scene)).map((text) => text.slice(0, 3))).toEqual([
    "a-#",
    "b-#",
    "c-#",
    "d-#",
    "e-#",
  ]);
  expect(found.filter((text) => !text.includes(" as "))).toHaveLength(coded.length);
  for (const text of found.filter((each) => each.includes(" as "))) {
    expect(coded).toContain(`${/: (\S+)/.exec(text)?.[1]} 1`);
  }
  expect((await scene.events()).filter((text) => text.startsWith("SegmentCodesExhausted shop"))).toHaveLength(
    5 - coded.length,
  );
  // Where it is born does not change while it lives, whoever else comes or goes.
  const births = new Set(
    found.map((text) => (text.includes(" as ") ? /: (\S+)/.exec(text)?.[1] : undefined)),
  );
  const [leaver = ""] = coded
    .map((text) => text.replace(/-# 1$/, ""))
    .filter((app) => !births.has(`${app}-#`));
  const rest = found.filter((text) => !text.startsWith(`uid-${leaver}:`));
  scene.remove("pods", leaver, "shop");
  await until("its code is free", async () => {
    expect((await listSegments(scene)).join()).not.toContain(`${leaver}-#`);
  });
  putPod(scene, "z", { app: "z" });
  await scene.settled();
  await scene.restart();
  await scene.settled();
  expect(await listWorkloads(scene)).toEqual([...rest, "uid-z: z-# (z.shop)"]);
  for (const app of ["a", "b", "c", "d", "e", "z"]) scene.remove("pods", app, "shop");
  await until("all are gone", async () => {
    expect([await listWorkloads(scene), await listSegments(scene)]).toEqual([[], []]);
  });
});

test("a pod that went while no controller was there takes its workload with it", async () => {
  scene = await startShopScene();
  putPod(scene, "p", { app: "web" });
  putPod(scene, "q", { app: "web" });
  await scene.settled();
  await scene.pause(() => {
    scene.remove("pods", "p", "shop");
  });
  await scene.settled();
  expect(await listWorkloads(scene)).toEqual(["uid-q: web-# (q.shop)"]);
});

test("a policy by a label that is usually ignored splits a class, and with it the split goes", async () => {
  scene = await startShopScene();
  putPod(scene, "p", { app: "web", "pod-template-hash": "1" });
  putPod(scene, "q", { app: "web", "pod-template-hash": "2" });
  const roles = async (): Promise<number> => {
    const list = await itemsOf(scene.client.call("listWorkloads", {}));
    return new Set(list.map(({ segment, actsAs }) => actsAs ?? segment)).size;
  };
  await scene.settled();
  expect(await roles()).toBe(1);
  scene.put("networkPolicies", {
    metadata: { name: "np", namespace: "shop" },
    spec: { podSelector: { matchLabels: { "pod-template-hash": "1" } } },
  });
  await scene.settled();
  expect(await roles()).toBe(2);
  scene.remove("networkPolicies", "np", "shop");
  await scene.settled();
  expect(await roles()).toBe(1);
});

test("a pod of a namespace that is not there waits for it; a tenant of somebody else stops it", async () => {
  scene = await startShopScene();
  await scene.client.call("createTenant", { body: { name: "theirs" } });
  await scene.restart();
  for (const namespace of ["late", "theirs"]) {
    scene.put("pods", {
      metadata: { name: "p", namespace, uid: `uid-${namespace}` },
      spec: { containers: [] },
    });
  }
  scene.put("namespaces", { metadata: { name: "theirs" } });
  await until("it is told", async () => {
    expect(await scene.events()).toEqual([expect.stringMatching(/^TenantOfSomebodyElse theirs: /)]);
  });
  scene.put("namespaces", { metadata: { name: "late" } });
  await until("one has its workload", async () => {
    expect(await listWorkloads(scene)).toEqual(["uid-late: pods-# (p.late)"]);
  });
});

test("a namespace that is made anew keeps its tenant, with what it says now", async () => {
  scene = await startShopScene();
  putPod(scene, "p", { app: "web" });
  await scene.settled();
  scene.server.isAway = true;
  scene.server.disconnect("break");
  scene.remove("pods", "p", "shop");
  scene.remove("namespaces", "shop");
  scene.put("namespaces", { metadata: { name: "shop", uid: "ns-2", labels: { env: "prod" } } });
  scene.server.isAway = false;
  await scene.settled();
  const tenant = await scene.client.call("getTenant", { params: { tenant: "shop" } });
  expect([tenant.externalId, tenant.isolation, tenant.labels?.get("env")]).toEqual(["ns-2", "none", "prod"]);
  await until("the old pod is gone", async () => {
    expect(await listWorkloads(scene)).toEqual([]);
  });
});

test("a namespace goes with its segments, when its endpoints are gone", async () => {
  scene = await startShopScene();
  await scene.client.call("createHost", { body: { name: "h" } });
  putPod(scene, "p", { app: "web" });
  await scene.settled();
  await scene.client.call("createEndpoint", { body: { host: "h", workload: "uid-p", requestToken: "t" } });
  scene.remove("pods", "p", "shop");
  scene.remove("namespaces", "shop");
  await scene.settled();
  expect(await listWorkloads(scene)).toEqual([]);
  expect(await listSegments(scene)).toEqual(["web-# 1"]);
  await scene.client.call("deleteEndpoint", { params: { ref: "p.shop" } });
  await until("it is gone", async () => {
    expect((await itemsOf(scene.client.call("listTenants", {}))).map(({ name }) => name)).toEqual([]);
  });
});

test("a pod has its workload only when every policy that was there before is in romanad", async () => {
  const order: string[] = [];
  let isAway = true;
  scene = await startShopScene({
    wrap: (romanad) => ({
      ...romanad,
      async putPolicy(wanted) {
        if (isAway) throw new RomanaError("away", { code: "unavailable" });
        await romanad.putPolicy(wanted);
        order.push(wanted.id);
      },
      async putWorkload(wanted) {
        order.push(wanted.id);
        return await romanad.putWorkload(wanted);
      },
    }),
  });
  scene.put("networkPolicies", {
    metadata: { name: "np", namespace: "shop" },
    spec: { podSelector: { matchLabels: { app: "web" } } },
  });
  await until("the policy is known", () => {
    expect(scene.controller.cluster.informers.networkPolicies.objects.size).toBe(1);
  });
  putPod(scene, "p", { app: "web" });
  await until("the pod is known", () => {
    expect(scene.controller.cluster.informers.pods.objects.size).toBe(1);
  });
  expect(order).toEqual([]);
  isAway = false;
  await until("both are there", () => {
    expect(order).toEqual(["kube.shop.np", "uid-p"]);
  });
});

describe("surprises", () => {
  test("what others take away is made again, at once when it is missed, else with the next comparison", async () => {
    scene = await startShopScene({ config: { resyncInterval: 1 } });
    putPod(scene, "p", { app: "web" });
    await scene.settled();
    await scene.client.call("deleteWorkload", { params: { workload: "uid-p" } });
    const [segment] = await itemsOf(scene.client.call("listSegments", { params: { tenant: "shop" } }));
    const params = { tenant: "shop", segment: segment?.name ?? "" };
    await scene.client.call("deleteSegment", { params });
    putPod(scene, "q", { app: "web" });
    await until("all is there again", async () => {
      expect(await listWorkloads(scene)).toEqual(["uid-p: web-# (p.shop)", "uid-q: web-# (q.shop)"]);
    });
  });

  test("metrics say what is there", async () => {
    scene = await startShopScene();
    const text = await scene.controller.metrics.render();
    for (const line of [
      "romana_kubernetes_leading 1",
      'romana_kubernetes_objects{kind="Namespace.v1"} 1',
      "romana_kubernetes_failing 0",
      'romana_kubernetes_work_duration_seconds_count{kind="tenant",outcome="done"} 1',
    ]) {
      expect(text.split("\n")).toContain(line);
    }
  });
});

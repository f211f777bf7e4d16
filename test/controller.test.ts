import { afterEach, describe, expect, test } from "vitest";
import { RomanaError } from "../src/model/index.ts";
import {
  type ControllerScene,
  PATHS,
  type SceneOptions,
  startControllerScene,
} from "./support/controller-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** A scene with namespace `shop`. */
async function open(
  options: SceneOptions = {},
  before: (scene: ControllerScene) => void = () => {},
): Promise<void> {
  scene = await startControllerScene(options);
  scene.put("namespaces", { metadata: { name: "shop", uid: "ns-shop", labels: { env: "prod" } } });
  before(scene);
  await scene.settled();
}

function pod(name: string, labels: object, more: { metadata?: object; spec?: object; status?: object } = {}) {
  scene.put("pods", {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, labels, ...more.metadata },
    spec: { containers: [], ...more.spec },
    ...(more.status && { status: more.status }),
  });
}

const all = async <T>(answer: Promise<{ items: T[] }>): Promise<T[]> => (await answer).items;
const short = (text: string | undefined): string | undefined => text?.replace(/-[0-9a-f]{16}$/, "-#");

/** `ID: SEGMENT as ROLE (NAME)`. */
async function workloads(): Promise<string[]> {
  const list = await all(scene.client.call("listWorkloads", {}));
  return list
    .map(
      ({ id, segment, actsAs, name }) =>
        `${id}: ${short(segment)}${actsAs === undefined ? "" : ` as ${short(actsAs)}`} (${name})`,
    )
    .sort();
}

/** `NAME CODES`. */
async function segments(tenant = "shop"): Promise<string[]> {
  const list = await all(scene.client.call("listSegments", { params: { tenant } }));
  return list.map(({ name, codes }) => `${short(name)} ${codes.length}`).sort();
}

const policy = (id: string) => scene.client.call("getPolicy", { params: { policy: id } });
const policies = async (): Promise<string[]> =>
  (await all(scene.client.call("listPolicies", {}))).map(({ id }) => id);

describe("hosts", () => {
  const node = (labels: object, addresses = ["192.0.2.1"]) =>
    scene.put("nodes", {
      metadata: { name: "n1", labels },
      status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
    });
  const hosts = async () =>
    (await all(scene.client.call("listHosts", {}))).map(({ name, group, underlay }) => [
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
    await open();
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
    await open();
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
    await open();
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
    await open();
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
});

describe("pods", () => {
  test.each<[string, Parameters<typeof pod>[2], string[]]>([
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
    await open();
    pod("p", { app: "web" }, more);
    await scene.settled();
    expect(await workloads()).toEqual(expected);
  });

  test("when codes run out: born elsewhere, acts as its own; with the pods all segments go", async () => {
    await open();
    for (const app of ["a", "b", "c", "d", "e"]) pod(app, { app });
    await scene.settled();
    const coded = (await segments()).filter((text) => text.endsWith(" 1"));
    const found = await workloads();
    expect((await segments()).map((text) => text.slice(0, 3))).toEqual(["a-#", "b-#", "c-#", "d-#", "e-#"]);
    expect(found.filter((text) => !text.includes(" as "))).toHaveLength(coded.length);
    for (const text of found.filter((each) => each.includes(" as "))) {
      expect(coded).toContain(`${/: (\S+)/.exec(text)?.[1]} 1`);
    }
    expect(
      (await scene.events()).filter((text) => text.startsWith("SegmentCodesExhausted shop")),
    ).toHaveLength(5 - coded.length);
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
      expect((await segments()).join()).not.toContain(`${leaver}-#`);
    });
    pod("z", { app: "z" });
    await scene.settled();
    await scene.restart();
    await scene.settled();
    expect(await workloads()).toEqual([...rest, "uid-z: z-# (z.shop)"]);
    for (const app of ["a", "b", "c", "d", "e", "z"]) scene.remove("pods", app, "shop");
    await until("all are gone", async () => {
      expect([await workloads(), await segments()]).toEqual([[], []]);
    });
  });

  test("a pod that went while no controller was there takes its workload with it", async () => {
    await open();
    pod("p", { app: "web" });
    pod("q", { app: "web" });
    await scene.settled();
    await scene.pause(() => {
      scene.remove("pods", "p", "shop");
    });
    await scene.settled();
    expect(await workloads()).toEqual(["uid-q: web-# (q.shop)"]);
  });

  test("a policy by a label that is usually ignored splits a class, and with it the split goes", async () => {
    await open();
    pod("p", { app: "web", "pod-template-hash": "1" });
    pod("q", { app: "web", "pod-template-hash": "2" });
    const roles = async (): Promise<number> => {
      const list = await all(scene.client.call("listWorkloads", {}));
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
    await open();
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
      expect(await workloads()).toEqual(["uid-late: pods-# (p.late)"]);
    });
  });

  test("a namespace that is made anew keeps its tenant, with what it says now", async () => {
    await open();
    pod("p", { app: "web" });
    await scene.settled();
    scene.server.isAway = true;
    scene.server.disconnect("break");
    scene.remove("pods", "p", "shop");
    scene.remove("namespaces", "shop");
    scene.put("namespaces", { metadata: { name: "shop", uid: "ns-2", labels: { env: "prod" } } });
    scene.server.isAway = false;
    await scene.settled();
    const tenant = await scene.client.call("getTenant", { params: { tenant: "shop" } });
    expect([tenant.externalId, tenant.isolation, tenant.labels?.get("env")]).toEqual([
      "ns-2",
      "none",
      "prod",
    ]);
    await until("the old pod is gone", async () => {
      expect(await workloads()).toEqual([]);
    });
  });

  test("a namespace goes with its segments, when its endpoints are gone", async () => {
    await open();
    await scene.client.call("createHost", { body: { name: "h" } });
    pod("p", { app: "web" });
    await scene.settled();
    await scene.client.call("createEndpoint", { body: { host: "h", workload: "uid-p", requestToken: "t" } });
    scene.remove("pods", "p", "shop");
    scene.remove("namespaces", "shop");
    await scene.settled();
    expect(await workloads()).toEqual([]);
    expect(await segments()).toEqual(["web-# 1"]);
    await scene.client.call("deleteEndpoint", { params: { ref: "p.shop" } });
    await until("it is gone", async () => {
      expect((await all(scene.client.call("listTenants", {}))).map(({ name }) => name)).toEqual([]);
    });
  });
});

describe("policies", () => {
  const spec = { podSelector: { matchLabels: { app: "web" } } };
  const netpol = (body: unknown, uid = "uid-np") =>
    scene.put("networkPolicies", { metadata: { name: "np", namespace: "shop", uid }, spec: body });

  test("one that cannot be read closes its namespace; one that could be read before stays as it was", async () => {
    await open();
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
    await open({}, () => {
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
    await open();
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
    await open({}, () => {
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

  test("a pod has its workload only when every policy that was there before is in romanad", async () => {
    const order: string[] = [];
    let isAway = true;
    await open({
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
    netpol(spec);
    await until("the policy is known", () => {
      expect(scene.controller.cluster.informers.networkPolicies.objects.size).toBe(1);
    });
    pod("p", { app: "web" });
    await until("the pod is known", () => {
      expect(scene.controller.cluster.informers.pods.objects.size).toBe(1);
    });
    expect(order).toEqual([]);
    isAway = false;
    await until("both are there", () => {
      expect(order).toEqual(["kube.shop.np", "uid-p"]);
    });
  });
});

describe("networks", () => {
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
    await open();
    network({});
    await scene.settled();
    const groups = async () =>
      (await scene.client.call("getNetwork", { params: { network: "second" } })).groups.map(
        ({ name }) => name,
      );
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
      expect((await all(scene.client.call("listNetworks", {}))).map(({ name }) => name)).toEqual(["default"]);
    });
  });
});

describe("surprises", () => {
  test("what others take away is made again, at once when it is missed, else with the next comparison", async () => {
    await open({ config: { resyncInterval: 1 } });
    pod("p", { app: "web" });
    await scene.settled();
    await scene.client.call("deleteWorkload", { params: { workload: "uid-p" } });
    const [segment] = await all(scene.client.call("listSegments", { params: { tenant: "shop" } }));
    const params = { tenant: "shop", segment: segment?.name ?? "" };
    await scene.client.call("deleteSegment", { params });
    pod("q", { app: "web" });
    await until("all is there again", async () => {
      expect(await workloads()).toEqual(["uid-p: web-# (p.shop)", "uid-q: web-# (q.shop)"]);
    });
  });

  test("metrics say what is there", async () => {
    await open();
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

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ApiServer, loadKubeConfig } from "../../src/controller/index.ts";
import { readYaml } from "../../src/schema/index.ts";
import { createPlace, type Place } from "../e2e/romanad-process.case.ts";
import { type ControlPlane, startApiServer } from "../support/kubernetes/control-plane.ts";
import { type ControllerProcess, startController } from "../support/kubernetes/controller.ts";
import {
  CLUSTER_NETWORK_POLICY_DEFINITION,
  namespaceObject,
  networkPolicyObject,
  nodeObject,
  ObjectWriter,
  podObject,
} from "../support/kubernetes/objects.ts";
import { until } from "../support/until.ts";

const CRDS = join(import.meta.dirname, "../../deploy/kubernetes/crds");

const PLANS = {
  ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 2, endpointBits: 6 },
} as const;

let cluster: ControlPlane;
let api: ApiServer;
let write: ObjectWriter;
let place: Place;
let controller: ControllerProcess;

const config = () => ({
  server: `unix://${place.socket}`,
  kubeconfig: cluster.kubeconfig,
  segmentGrace: 0.5,
  lease: { seconds: 3 },
});

beforeAll(async () => {
  cluster = await startApiServer();
  api = new ApiServer(loadKubeConfig(cluster.kubeconfig, {}));
  write = new ObjectWriter(api);
  place = createPlace();
  await place.start({ coolDown: 0 });
  await place.client.call("createNetwork", { body: { name: "default", plans: PLANS } });
  for (const plural of ["networks", "policies", "services", "chains"]) {
    const file = join(CRDS, `${plural}.romana.io.yaml`);
    await write.create(readYaml(readFileSync(file, "utf8"), file) as never);
  }
  await write.create(CLUSTER_NETWORK_POLICY_DEFINITION);
  controller = await startController(place.directory, config());
});

afterAll(async () => {
  await controller?.kill("SIGKILL");
  await api?.close();
  await place?.[Symbol.asyncDispose]();
  await cluster?.close();
});

/** Waits until what romanad answers is as expected. */
async function becomes<T>(read: () => Promise<T>, expected: unknown): Promise<void> {
  await until("romanad says so", async () => {
    expect(await read()).toEqual(expected);
  });
}

const workload = (id: string) => place.client.call("getWorkload", { params: { workload: id } });
const items = async <T>(answer: Promise<{ items: T[] }>): Promise<T[]> => (await answer).items;
const segments = async (tenant: string) =>
  (await items(place.client.call("listSegments", { params: { tenant } }))).map(({ name, codes, labels }) => ({
    name: name.replace(/-[0-9a-f]{16}$/, "-HASH"),
    codes: codes.map(({ code }) => code),
    labels: Object.fromEntries(labels ?? []),
  }));
const gone = (answer: Promise<unknown>): Promise<unknown> =>
  answer.then(
    () => "there",
    (error: { code: string }) => error.code,
  );

test("a controller that has seen everything is ready and leads", async () => {
  await until("it leads", async () => {
    expect(await controller.status("/readyz")).toBe(200);
    expect(await controller.metric("romana_kubernetes_leading")).toBe(1);
  });
  expect(await controller.status("/healthz")).toBe(200);
});

describe("nodes are hosts", () => {
  const hosts = async (): Promise<unknown> =>
    (await items(place.client.call("listHosts", {}))).map(({ name, underlay, labels, externalId }) => ({
      name,
      ipv4: underlay.ipv4?.value,
      zone: labels?.get("zone"),
      externalId,
    }));

  test("come, change, are made anew, and go; hosts of others stay", async () => {
    await place.client.call("createHost", { body: { name: "metal", underlay: { ipv4: "192.0.2.99" } } });
    const metal = { name: "metal", ipv4: 0xc0000263n, zone: undefined, externalId: undefined };
    const first = await write.create(nodeObject("n1", ["192.0.2.1", "2001:db8::1"], { zone: "a" }));
    const n1 = { name: "n1", ipv4: 0xc0000201n, zone: "a", externalId: first.metadata.uid };
    await becomes(hosts, [metal, n1]);
    await write.merge("/api/v1/nodes/n1", { metadata: { labels: { zone: "b" } } });
    await write.merge("/api/v1/nodes/n1/status", {
      status: { addresses: [{ type: "InternalIP", address: "192.0.2.7" }] },
    });
    await becomes(hosts, [metal, { ...n1, ipv4: 0xc0000207n, zone: "b" }]);
    await write.delete("/api/v1/nodes/n1");
    const second = await write.create(nodeObject("n1", ["192.0.2.1"]));
    await becomes(hosts, [metal, { ...n1, zone: undefined, externalId: second.metadata.uid }]);
    await write.create(nodeObject("metal", ["192.0.2.3"]));
    await write.delete("/api/v1/nodes/n1");
    await becomes(hosts, [metal]);
    await write.delete("/api/v1/nodes/metal");
  });
});

describe("namespaces are tenants, pods are workloads of segments", () => {
  test("a namespace comes with its labels, and goes when its pods are gone", async () => {
    const { metadata } = await write.create(namespaceObject("shop", { env: "prod" }));
    const tenant = async () => {
      const { isolation, externalId, labels } = await place.client.call("getTenant", {
        params: { tenant: "shop" },
      });
      return { isolation, externalId, labels: Object.fromEntries(labels ?? []) };
    };
    await becomes(tenant, {
      isolation: "none",
      externalId: metadata.uid,
      labels: { env: "prod", "kubernetes.io/metadata.name": "shop" },
    });
    await write.merge("/api/v1/namespaces/shop", { metadata: { labels: { env: "test" } } });
    await becomes(async () => (await tenant()).labels["env"], "test");
  });

  test("pods of one class share a segment; template hashes make no difference, named ports do", async () => {
    const labels = { app: "web" };
    const ports = [{ name: "http", containerPort: 80 }];
    const a = await write.create(
      podObject("shop", "web-1", { labels: { ...labels, "pod-template-hash": "1" } }),
    );
    const b = await write.create(
      podObject("shop", "web-2", { labels: { ...labels, "pod-template-hash": "2" } }),
    );
    const c = await write.create(podObject("shop", "web-3", { labels, ports }));
    const d = await write.create(podObject("shop", "agent", { hostNetwork: true }));
    await until("all have workloads", async () => {
      const [first, second, third] = await Promise.all(
        [a, b, c].map(({ metadata: { uid } }) => workload(uid)),
      );
      expect(first).toMatchObject({ tenant: "shop", name: "web-1.shop" });
      expect(first?.segment).toBe(second?.segment);
      expect(first?.segment).not.toBe(third?.segment);
    });
    expect(await segments("shop")).toEqual([
      { name: "web-HASH", codes: [expect.any(Number)], labels },
      { name: "web-HASH", codes: [expect.any(Number)], labels },
    ]);
    expect(await gone(workload(d.metadata.uid))).toBe("not-found");
    // A pod that is through has no workload any more, and nobody needs its segment.
    await write.merge("/api/v1/namespaces/shop/pods/web-3/status", { status: { phase: "Succeeded" } });
    await becomes(() => gone(workload(c.metadata.uid)), "not-found");
    await becomes(async () => (await segments("shop")).length, 1);
    for (const name of ["web-1", "web-2", "web-3", "agent"]) {
      await write.delete(`/api/v1/namespaces/shop/pods/${name}`);
    }
    await becomes(() => segments("shop"), []);
  });

  test("labels of a live pod change: its workload follows, and its endpoint acts as what it is now", async () => {
    await place.client.call("createHost", { body: { name: "h", underlay: { ipv4: "192.0.2.50" } } });
    const { metadata } = await write.create(podObject("shop", "one", { labels: { app: "one" } }));
    await becomes(() => gone(workload(metadata.uid)), "there");
    const made = await place.client.call("createEndpoint", {
      body: { host: "h", workload: metadata.uid, requestToken: "t" },
    });
    expect(made.segment).toMatch(/^one-/);
    await write.merge("/api/v1/namespaces/shop/pods/one", { metadata: { labels: { app: "other" } } });
    const endpoint = () => place.client.call("getEndpoint", { params: { ref: "one.shop" } });
    await becomes(async () => (await endpoint()).actsAs?.replace(/-[0-9a-f]{16}$/, ""), "other");
    expect((await endpoint()).segment).toBe(made.segment);
    // The segment of its birth stays while it has the address; with both it goes.
    await write.delete("/api/v1/namespaces/shop/pods/one");
    await place.client.call("deleteEndpoint", { params: { ref: "one.shop" } });
    await becomes(async () => (await segments("shop")).filter(({ name }) => name.startsWith("other")), []);
  });

  test("a segment by name: the first class has it, others are born there and act as their own", async () => {
    const named = (tier: string) => ({ labels: { "romana.io/segment": "front", tier } });
    const a = await write.create(podObject("shop", "front-1", named("a")));
    await becomes(async () => (await workload(a.metadata.uid)).segment, "front");
    const b = await write.create(podObject("shop", "front-2", named("b")));
    await until("it acts as its class", async () => {
      const { segment, actsAs } = await workload(b.metadata.uid);
      expect({ segment, actsAs }).toEqual({
        segment: "front",
        actsAs: expect.stringMatching(/^front-[0-9a-f]{16}$/),
      });
    });
    for (const name of ["front-1", "front-2"]) await write.delete(`/api/v1/namespaces/shop/pods/${name}`);
    await becomes(async () => (await segments("shop")).filter(({ name }) => name.startsWith("front")), []);
  });

  test("without a code left pods start nevertheless, and that is told", async () => {
    const ns = await write.create(namespaceObject("crowd"));
    await write.create({
      apiVersion: "romana.io/v1",
      kind: "Network",
      metadata: { name: "default" },
      spec: { plans: PLANS },
    } as never);
    const pods = [];
    for (const app of ["a", "b", "c", "d", "e", "f"]) {
      pods.push(await write.create(podObject("crowd", app, { labels: { app } })));
      const uid = pods.at(-1)?.metadata.uid as string;
      await becomes(() => gone(workload(uid)), "there");
    }
    const codes = (await segments("crowd")).map((segment) => segment.codes.length);
    const coded = codes.filter((count) => count > 0).length;
    expect(coded).toBeGreaterThanOrEqual(3);
    expect(coded).toBeLessThan(6);
    const last = await workload(pods.at(-1)?.metadata.uid as string);
    expect(last.actsAs).toMatch(/^f-[0-9a-f]{16}$/);
    expect(last.segment).not.toBe(last.actsAs);
    await until("it is told", async () => {
      const network = (await write.get("/apis/romana.io/v1/networks/default")) as {
        status: { conditions: { type: string; status: string; reason: string }[] };
      };
      expect(
        network.status.conditions.map(({ type, status, reason }) => ({ type, status, reason })).sort(byType),
      ).toEqual([
        { type: "Accepted", status: "True", reason: "InUse" },
        { type: "SegmentCodes", status: "False", reason: "Exhausted" },
      ]);
      expect(await controller.metric("romana_kubernetes_namespaces_without_codes")).toBe(1);
      const events = (await write.get("/api/v1/namespaces/default/events")) as {
        items: { reason: string; involvedObject: { uid: string } }[];
      };
      expect(
        events.items.some(
          ({ reason, involvedObject }) =>
            reason === "SegmentCodesExhausted" && involvedObject.uid === ns.metadata.uid,
        ),
      ).toBe(true);
    });
    for (const app of ["a", "b", "c", "d", "e", "f"])
      await write.delete(`/api/v1/namespaces/crowd/pods/${app}`);
    await becomes(() => segments("crowd"), []);
  });
});

function byType(a: { type: string }, b: { type: string }): number {
  return a.type < b.type ? -1 : 1;
}

describe("policies", () => {
  const policy = (id: string) => place.client.call("getPolicy", { params: { policy: id } });
  const allow = (from: string) => ({
    podSelector: { matchLabels: { app: "web" } },
    ingress: [{ from: [{ podSelector: { matchLabels: { app: from } } }] }],
  });

  test("a NetworkPolicy comes, changes and goes", async () => {
    const { metadata } = await write.create(networkPolicyObject("shop", "front.web", allow("front")));
    const path = "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/front.web";
    const peers = async () => (await policy("kube.shop.front.web")).rules.flatMap((rule) => rule.peers);
    const peer = (value: string) => ({
      kind: "endpoints",
      tenant: { by: "name", name: "shop" },
      segment: { by: "labels", requirements: [{ key: "app", operator: "In", values: [value] }] },
    });
    await becomes(peers, [peer("front")]);
    expect((await policy("kube.shop.front.web")).externalId).toBe(metadata.uid);
    await write.merge(path, { spec: allow("back") });
    await becomes(peers, [peer("back")]);
    await write.delete(path);
    await becomes(() => gone(policy("kube.shop.front.web")), "not-found");
  });

  test("one that selects by a label that is usually ignored splits a class, and with it the split goes", async () => {
    const pod = (name: string, hash: string) =>
      write.create(podObject("shop", name, { labels: { app: "split", "pod-template-hash": hash } }));
    const [a, b] = [await pod("split-1", "1"), await pod("split-2", "2")];
    const together = async () =>
      (await workload(a.metadata.uid)).segment === (await workload(b.metadata.uid)).segment;
    await becomes(together, true);
    const spec = { podSelector: { matchLabels: { "pod-template-hash": "1" } } };
    await write.create(networkPolicyObject("shop", "by-hash", spec));
    await becomes(together, false);
    await write.delete("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/by-hash");
    await becomes(together, true);
    for (const name of ["split-1", "split-2"]) await write.delete(`/api/v1/namespaces/shop/pods/${name}`);
  });

  test("a ClusterNetworkPolicy has conditions that say what cannot be honoured", async () => {
    const path = "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies";
    const spec = {
      tier: "Admin",
      priority: 10,
      subject: { namespaces: {} },
      egress: [{ action: "Deny", to: [{ domainNames: ["example.com"] }] }],
    };
    await write.create({
      apiVersion: "policy.networking.k8s.io/v1alpha2",
      kind: "ClusterNetworkPolicy",
      metadata: { name: "no-example" },
      spec,
    } as never);
    const conditions = async () =>
      ((await write.get(`${path}/no-example`)) as { status?: { conditions: object[] } }).status?.conditions;
    await becomes(conditions, [
      {
        type: "romana.io/Accepted",
        status: "False",
        reason: "PartlyEnforced",
        message: expect.stringContaining("domainNames"),
        observedGeneration: 1,
        lastTransitionTime: expect.any(String),
      },
    ]);
    expect((await policy("cnp.no-example")).rules).toMatchObject([
      { verdict: "drop", peers: [{ kind: "any" }] },
    ]);
    await write.merge(`${path}/no-example`, {
      spec: { egress: [{ action: "Deny", to: [{ networks: ["203.0.113.0/24"] }] }] },
    });
    await becomes(
      async () => (await conditions())?.map((each) => (each as { status: string }).status),
      ["True"],
    );
    await write.delete(`${path}/no-example`);
    await becomes(() => gone(policy("cnp.no-example")), "not-found");
  });

  test("a Policy of our own says what romanad thinks of it", async () => {
    const path = "/apis/romana.io/v1/policies/ssh";
    const status = async () => {
      const object = (await write.get(path)) as {
        status?: {
          observedGeneration: number;
          conditions: { status: string; reason: string; message: string }[];
        };
      };
      return [
        object.status?.observedGeneration,
        ...(object.status?.conditions.map((each) => `${each.status} ${each.reason} ${each.message}`) ?? []),
      ];
    };
    const spec = (tenant: string) => ({
      direction: "ingress",
      applied_to: [{ tenant }],
      ingress: [{ peers: [{ cidr: "10.0.0.0/8" }], rules: [{ protocol: "tcp", ports: [22] }] }],
    });
    await write.create({
      apiVersion: "romana.io/v1",
      kind: "Policy",
      metadata: { name: "ssh" },
      spec: spec("shop"),
    } as never);
    await becomes(status, [1, "True Enforced "]);
    expect(await policy("crd.ssh")).toMatchObject({ order: 1000, isolates: ["ingress"] });
    await write.merge(path, { spec: spec("nobody") });
    await becomes(status, [2, expect.stringMatching(/^True Pending .*nobody/)]);
    await write.merge(path, { spec: { ...spec("shop"), frobnicate: 1 } });
    await becomes(status, [3, expect.stringMatching(/^False Unreadable .*frobnicate/)]);
    // What it said before is still enforced.
    expect((await policy("crd.ssh")).appliedTo).toEqual([
      { kind: "endpoints", tenant: { by: "name", name: "nobody" } },
    ]);
    expect(await cluster.kubectl(["get", "rpol", "ssh"])).toMatch(/ssh +ingress +\S* +False/);
    await write.delete(path);
    await becomes(() => gone(policy("crd.ssh")), "not-found");
  });
});

describe("bad days", () => {
  test("what happened while it was away is made up for, and nothing of others is touched", async () => {
    await place.client.call("createTenant", { body: { name: "theirs" } });
    const gap = await write.create(podObject("shop", "gap-1", { labels: { app: "gap" } }));
    await write.create(networkPolicyObject("shop", "gap", { podSelector: {} }));
    await write.create(nodeObject("n2", ["192.0.2.2"]));
    await becomes(() => gone(workload(gap.metadata.uid)), "there");
    await controller.kill("SIGKILL");
    await write.delete("/api/v1/namespaces/shop/pods/gap-1");
    await write.delete("/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies/gap");
    await write.delete("/api/v1/nodes/n2");
    const late = await write.create(podObject("shop", "gap-2", { labels: { app: "late" } }));
    controller = await startController(place.directory, config());
    await becomes(() => gone(workload(late.metadata.uid)), "there");
    await becomes(() => gone(workload(gap.metadata.uid)), "not-found");
    await becomes(async () => (await items(place.client.call("listPolicies", {}))).length, 0);
    await becomes(
      async () => (await items(place.client.call("listHosts", {}))).map(({ name }) => name),
      ["h", "metal"],
    );
    expect(await gone(place.client.call("getTenant", { params: { tenant: "theirs" } }))).toBe("there");
    await write.delete("/api/v1/namespaces/shop/pods/gap-2");
  });

  test("the API server is killed and comes back", async () => {
    await cluster.stopApiServer("SIGKILL");
    await until("the loss is noticed", async () => {
      expect(controller.output()).toContain("following objects failed; trying again");
    });
    await cluster.startApiServer();
    const pod = await until("the API server takes a pod", () =>
      write.create(podObject("shop", "after", { labels: { app: "after" } })),
    );
    await becomes(() => gone(workload(pod.metadata.uid)), "there");
    await write.delete("/api/v1/namespaces/shop/pods/after");
    await becomes(() => gone(workload(pod.metadata.uid)), "not-found");
  });

  test("of two one leads; when it is killed the other one takes over, and nothing is done twice or left", async () => {
    const other = await startController(place.directory, config());
    try {
      await until("the other one is ready", async () => {
        expect(await other.status("/readyz")).toBe(200);
      });
      expect(await other.metric("romana_kubernetes_leading")).toBe(0);
      await controller.kill("SIGKILL");
      const since = performance.now();
      const pod = await write.create(podObject("shop", "heir", { labels: { app: "heir" } }));
      await becomes(() => gone(workload(pod.metadata.uid)), "there");
      expect(performance.now() - since).toBeLessThan(15_000);
      expect(await other.metric("romana_kubernetes_leading")).toBe(1);
      await write.delete("/api/v1/namespaces/shop/pods/heir");
      await becomes(() => gone(workload(pod.metadata.uid)), "not-found");
    } finally {
      expect(await other.kill("SIGTERM")).toBe(0);
    }
    controller = await startController(place.directory, config());
    // Whoever ends in order gives the lease back.
    await until("it leads at once", async () => {
      expect(await controller.metric("romana_kubernetes_leading")).toBe(1);
    });
  });
});

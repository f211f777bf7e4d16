import { afterEach, beforeEach, expect, test } from "vitest";
import { type Address, formatAddress } from "../src/net/index.ts";
import { type ControllerScene, PATHS } from "./support/controller-scene.ts";
import { itemsOf, putPod, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

const SERVICES = { ipv4: "172.30.0.0/29" };
const PLAN = { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 2, endpointBits: 6 };

let scene: ControllerScene;
/** How often the controller has asked for a service. */
let attempts: number;

beforeEach(async () => {
  attempts = 0;
  scene = await startShopScene({
    wrap: (romanad) => ({
      ...romanad,
      async createService(wanted) {
        attempts += 1;
        return await romanad.createService(wanted);
      },
    }),
  });
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

async function givePrefix(services: object = SERVICES): Promise<void> {
  await scene.client.call("updateNetwork", { params: { network: "default" }, body: { services } });
}

function service(name: string, spec: object = {}, metadata: object = {}): void {
  const status = scene.server.get(PATHS.customServices, name, "shop")?.["status"];
  scene.put("customServices", {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, generation: 1, ...metadata },
    spec: { segment: name, ports: [{ protocol: "tcp", port: 80 }], ...spec },
    ...(status !== undefined && { status }),
  });
}

/** A pod that asks for a segment of its own name. */
function named(segment: string): void {
  putPod(scene, `${segment}-pod`, { "romana.io/segment": segment });
}

/** `NAME ADDRESS SEGMENT PORTS` of romanad. */
async function services(): Promise<string[]> {
  const list = await itemsOf(scene.client.call("listServices", {}));
  return list.map(({ name, addresses: { ipv4 }, segment, ports }) => {
    const short = segment.replace(/-[0-9a-f]{16}$/, "-#");
    return `${name} ${ipv4 && formatAddress(ipv4)} ${short} ${ports.map(({ port }) => port).join()}`;
  });
}

async function become(expected: readonly string[]): Promise<void> {
  await until("romanad has them", async () => {
    expect(await services()).toEqual(expected);
  });
}

interface Status {
  readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
  readonly [field: string]: unknown;
}

const status = (name: string): Status =>
  (scene.server.get(PATHS.customServices, name, "shop")?.["status"] ?? { conditions: [] }) as Status;

/** `TYPE STATUS REASON`. */
const conditions = (name: string): string[] =>
  status(name).conditions.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);

async function told(name: string, ...expected: readonly string[]): Promise<void> {
  await until("the status says so", () => {
    expect(conditions(name)).toEqual(expected);
  });
}

test("a service has an address as long as its object is there, and its status says which", async () => {
  await givePrefix();
  named("web");
  await scene.settled();
  service("web", { prefer: "local", health: { protocol: "tcp", port: 80 } });
  service("names", { segment: "web", addresses: { ipv4: "172.30.0.5" }, affinity: "client" });
  await scene.settled();
  expect(await services()).toEqual(["shop.names 172.30.0.5 web 80", "shop.web 172.30.0.1 web 80"]);
  expect(await scene.client.call("getService", { params: { name: "shop.web" } })).toMatchObject({
    network: "default",
    tenant: "shop",
    prefer: "local",
    health: { protocol: "tcp", port: 80, interval: 500 },
    externalId: "romana.io/uid-web",
  });
  expect(status("web")).toMatchObject({
    observedGeneration: 1,
    addresses: { ipv4: "172.30.0.1" },
    ports: "80/tcp",
    segment: "web",
    backends: "0/0",
  });
  expect(conditions("web")).toEqual(["Accepted True InUse", "Ready False NoPods"]);
  expect(await scene.events()).toEqual([]);
  scene.remove("customServices", "web", "shop");
  await become(["shop.names 172.30.0.5 web 80"]);
});

test("what changes is changed, and what cannot change is told", async () => {
  await givePrefix();
  named("web");
  named("other");
  service("web", { affinity: "client", dnsName: "web.shop" });
  await become(["shop.web 172.30.0.1 web 80"]);
  service("web", { ports: [{ protocol: "udp", port: 53 }], segment: "other" }, { generation: 2 });
  await become(["shop.web 172.30.0.1 other 53"]);
  const changed = await scene.client.call("getService", { params: { name: "shop.web" } });
  expect([changed.affinity, changed.dnsName]).toEqual([undefined, undefined]);
  for (const [spec, reason] of [
    [{ addresses: { ipv4: "172.30.0.2" } }, "AddressesFixed"],
    [{ network: "second" }, "NetworkFixed"],
    [{ prots: [] }, "Unreadable"],
    [{ segment: "nothing" }, "NoSegment"],
  ] as const) {
    service("web", spec, { generation: 3 });
    await told("web", `Accepted False ${reason}`, "Ready False NoPods");
  }
  expect(await services()).toEqual(["shop.web 172.30.0.1 other 53"]);
  expect(status("web")).toMatchObject({ addresses: { ipv4: "172.30.0.1" }, ports: "53/udp" });
  expect((await scene.events()).at(-1)).toBe(
    'NoSegment web: there is no segment "nothing": no pod of the namespace has been of it',
  );
});

test("a selector means one class of pods: the one that is there", async () => {
  await givePrefix();
  const selector = { matchLabels: { app: "web" } };
  service("web", { segment: undefined, selector });
  await told("web", "Accepted False NoSegment", "Ready False NotAccepted");
  putPod(scene, "old", { app: "web", version: "old" });
  await told("web", "Accepted True InUse", "Ready False NoPods");
  const [before] = (await itemsOf(scene.client.call("listServices", {}))).map(({ segment }) => segment);
  putPod(scene, "new", { app: "web", version: "new" });
  await told("web", "Accepted False SeveralSegments", "Ready False NoPods");
  expect(status("web").conditions[0]?.message).toMatch(
    /^2 classes of pods match the selector, and one is wanted: web-[0-9a-f]{16}, web-[0-9a-f]{16}$/,
  );
  expect(await services()).toEqual(["shop.web 172.30.0.1 web-# 80"]);
  scene.remove("pods", "old", "shop");
  await told("web", "Accepted True InUse", "Ready False NoPods");
  const { segment } = await scene.client.call("getService", { params: { name: "shop.web" } });
  expect(segment).not.toBe(before);
});

test("a rollout that changes the class of named pods takes the service along", async () => {
  await givePrefix();
  const version = (name: string): void => {
    putPod(scene, name, { "romana.io/segment": "web", version: name });
  };
  version("old");
  service("web");
  await become(["shop.web 172.30.0.1 web 80"]);
  version("new");
  await told("web", "Accepted False SeveralSegments", "Ready False NoPods");
  expect(await services()).toEqual(["shop.web 172.30.0.1 web 80"]);
  scene.remove("pods", "old", "shop");
  await told("web", "Accepted True InUse", "Ready False NoPods");
  const [{ segment, actsAs } = { segment: "" }] = await itemsOf(scene.client.call("listWorkloads", {}));
  expect((await scene.client.call("getService", { params: { name: "shop.web" } })).segment).toBe(
    actsAs ?? segment,
  );
});

test("services of others stay as they are, ours that nobody says any more go, and one made anew is another", async () => {
  await givePrefix();
  named("web");
  await scene.settled();
  const create = (name: string, externalId?: string) =>
    scene.client.call("createService", {
      body: {
        name,
        tenant: "shop",
        segment: "web",
        ports: [{ protocol: "tcp", port: 1 }],
        ...(externalId !== undefined && { externalId }),
      },
    });
  await create("shop.theirs");
  await create("shop.cloud", "gone");
  await create("shop.stale", "romana.io/gone");
  await create("shop.web", "romana.io/gone");
  await scene.pause(() => {
    service("theirs", { segment: "web" });
    service("web", { addresses: { ipv4: "172.30.0.6" } });
  });
  await become(["shop.cloud 172.30.0.2 web 1", "shop.theirs 172.30.0.1 web 1", "shop.web 172.30.0.6 web 80"]);
  await told("theirs", "Accepted False SomebodyElses", "Ready False NotAccepted");
  scene.remove("customServices", "theirs", "shop");
  await scene.settled();
  expect(await services()).toHaveLength(3);
});

test("a service of a namespace whose tenant is somebody else's is none, until it is its own", async () => {
  await givePrefix();
  await scene.client.call("createTenant", { body: { name: "theirs" } });
  const params = { tenant: "theirs" };
  await scene.client.call("createSegment", { params, body: { name: "web" } });
  await scene.restart();
  scene.put("namespaces", { metadata: { name: "theirs", uid: "ns-theirs" } });
  scene.put("customServices", {
    metadata: { name: "web", namespace: "theirs" },
    spec: { segment: "web", ports: [{ protocol: "tcp", port: 80 }] },
  });
  await scene.settled();
  expect((await scene.events()).toSorted()).toEqual([
    'NoTenant web: there is no tenant that was made for namespace "theirs"',
    expect.stringMatching(/^TenantOfSomebodyElse theirs: /),
  ]);
  expect(await services()).toEqual([]);
  await scene.client.call("updateTenant", { params, body: { externalId: "ns-before" } });
  await scene.restart();
  await become(["theirs.web 172.30.0.1 web 80"]);
});

test("what romanad refuses is told, and had once there is room", async () => {
  named("web");
  await scene.settled();
  service("web");
  await told("web", "Accepted False Refused", "Ready False NotAccepted");
  expect((await scene.events()).join("\n")).toMatch(/^Refused web: Cannot create service "shop\.web": /m);
  await until("it has looked whether romanad is as it believes", () => {
    expect(attempts).toBeGreaterThan(1);
  });
  await scene.controller.idle();
  scene.put("networks", {
    metadata: { name: "default", uid: "uid-net", generation: 1 },
    spec: { plans: { ipv4: PLAN }, services: SERVICES },
  });
  await become(["shop.web 172.30.0.1 web 80"]);
});

test("the status follows the health of pods", async () => {
  await givePrefix();
  await scene.client.call("createHost", { body: { name: "metal", underlay: { ipv4: "192.0.2.1" } } });
  named("web");
  await scene.settled();
  const { addresses } = await scene.client.call("createEndpoint", {
    body: { host: "metal", workload: "uid-web-pod", requestToken: "t" },
  });
  service("web", { health: { protocol: "icmp" } });
  await told("web", "Accepted True InUse", "Ready False Unhealthy");
  expect(status("web")).toMatchObject({ backends: "0/1", healthy: 0, members: 1 });
  const address = formatAddress(addresses.ipv4 as Address);
  let number = 0;
  await until("it is ready", async () => {
    await scene.client.call("sendHeartbeat", {
      params: { host: "metal" },
      body: { life: "1", number: ++number, subnets: [], held: [], refused: [], healthy: [address] },
    });
    expect(conditions("web")).toEqual(["Accepted True InUse", "Ready True Healthy"]);
  });
  expect(status("web")).toMatchObject({ backends: "1/1", healthy: 1, members: 1 });
});

test("a segment that a service stands for stays, although no pod is of it", async () => {
  await givePrefix();
  named("web");
  service("web");
  await become(["shop.web 172.30.0.1 web 80"]);
  scene.remove("pods", "web-pod", "shop");
  await scene.settled();
  const params = { tenant: "shop", segment: "web" };
  expect((await scene.client.call("getSegment", { params })).name).toBe("web");
  scene.remove("customServices", "web", "shop");
  scene.remove("namespaces", "shop");
  await until("the namespace goes with it", async () => {
    expect((await itemsOf(scene.client.call("listTenants", {}))).map(({ name }) => name)).toEqual([]);
  });
});

test("a kind that is not served for a moment takes no services with it", async () => {
  await givePrefix();
  named("web");
  service("web");
  await become(["shop.web 172.30.0.1 web 80"]);
  scene.server.absent.add(PATHS.customServices);
  await scene.restart();
  await until("it leads without it", async () => {
    await scene.controller.idle();
    const { isServed } = scene.controller.cluster.informers.customServices;
    expect(scene.controller.isLeading && !isServed).toBe(true);
  });
  expect(await services()).toEqual(["shop.web 172.30.0.1 web 80"]);
});

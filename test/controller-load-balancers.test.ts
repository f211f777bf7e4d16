import { afterEach, beforeEach, expect, test } from "vitest";
import { formatAddress } from "../src/net/index.ts";
import { encodeHostSelector } from "../src/schema/index.ts";
import { type ControllerScene, PATHS, startControllerScene } from "./support/controller-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;

beforeEach(async () => {
  scene = await startControllerScene({
    config: { virtualIpPools: ["192.0.2.10-192.0.2.11", "2001:db8::/124"] },
  });
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

function service(name: string, spec: object = {}, metadata: object = {}): void {
  const status = scene.server.get(PATHS.services, name, "shop")?.["status"];
  scene.put("services", {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, ...metadata },
    spec: { type: "LoadBalancer", loadBalancerClass: "romana.io/vip", ipFamilies: ["IPv4"], ...spec },
    ...(status !== undefined && { status }),
  });
}

/** `NAME: ADDRESSES` of romanad. */
async function virtualIps(): Promise<string[]> {
  const { items } = await scene.client.call("listVirtualIps", {});
  return items.map(({ name, addresses: { ipv4, ipv6 } }) => {
    const texts = [ipv4, ipv6].flatMap((address) => (address ? [formatAddress(address)] : []));
    return `${name}: ${texts.join(" ")}`;
  });
}

async function become(expected: readonly string[]): Promise<void> {
  await until("romanad has them", async () => {
    expect(await virtualIps()).toEqual(expected);
  });
}

const ingress = (name: string): unknown =>
  (
    scene.server.get(PATHS.services, name, "shop")?.["status"] as
      | { loadBalancer?: { ingress?: unknown } }
      | undefined
  )?.loadBalancer?.ingress;

async function told(text: string): Promise<void> {
  await until("it is told", async () => {
    expect((await scene.events()).join("\n")).toContain(text);
  });
}

test("services of our class get addresses, and lose them when they go or become something else", async () => {
  service("web");
  service("api", { ipFamilies: ["IPv6", "IPv4"] });
  service("theirs", { loadBalancerClass: "example.com/other" });
  service("unclassed", { loadBalancerClass: undefined });
  service("inside", { type: "ClusterIP" });
  await scene.settled();
  const list = await virtualIps();
  expect(list.map((line) => line.split(":")[0])).toEqual(["shop.api", "shop.web"]);
  const addresses = list.flatMap((line) => line.split(/[: ]+/).slice(1, 2));
  expect(addresses.toSorted()).toEqual(["192.0.2.10", "192.0.2.11"]);
  expect(ingress("web")).toEqual([{ ip: /web: (.*)$/.exec(list[1] ?? "")?.[1] }]);
  expect(ingress("api")).toHaveLength(2);
  expect(ingress("theirs")).toBeUndefined();
  scene.remove("services", "api", "shop");
  service("web", { type: "ClusterIP" });
  await become([]);
  await until("the status says so", () => {
    expect(ingress("web")).toEqual([]);
  });
});

test("an address that is asked for, then another one, then one that nobody may have", async () => {
  service("web", { loadBalancerIP: "192.0.2.11" });
  await become(["shop.web: 192.0.2.11"]);
  service("web", { loadBalancerIP: "192.0.2.11" }, { annotations: { "romana.io/vip": "192.0.2.10" } });
  await become(["shop.web: 192.0.2.10"]);
  await until("the status says so", () => {
    expect(ingress("web")).toEqual([{ ip: "192.0.2.10" }]);
  });
  service("web", {}, { annotations: { "romana.io/vip": "192.0.2.1" } });
  await become([]);
  await told("NoVirtualIp web: 192.0.2.1, which it asks for, is in no pool of virtualIpPools");
  service("web", {}, { annotations: { "romana.io/vip": "nonsense" } });
  await told("NoVirtualIp web: annotation romana.io/vip or spec.loadBalancerIP is no list of addresses");
});

test("a pool that is empty is told, and an address that is given back is used", async () => {
  for (const name of ["a", "b", "c"]) service(name);
  await told("no address of IPv4 is free in virtualIpPools");
  expect(await virtualIps()).toHaveLength(2);
});

test("an address that a host has is not chosen", async () => {
  await scene.client.call("createHost", { body: { name: "metal", underlay: { ipv4: "192.0.2.10" } } });
  service("web");
  await become(["shop.web: 192.0.2.11"]);
});

test("only nodes with ready endpoints are candidates when traffic is to stay local", async () => {
  const slice = (nodes: Readonly<Record<string, boolean>>) =>
    scene.put("endpointSlices", {
      metadata: { name: "web-1", namespace: "shop", labels: { "kubernetes.io/service-name": "web" } },
      endpoints: Object.entries(nodes).map(([nodeName, ready]) => ({ nodeName, conditions: { ready } })),
    });
  const candidates = async (): Promise<unknown> => {
    const { hosts } = await scene.client.call("getVirtualIp", { params: { name: "shop.web" } });
    return hosts && encodeHostSelector(hosts);
  };
  slice({ n2: true, n1: true, n3: false });
  service("web", { externalTrafficPolicy: "Local" });
  await become(["shop.web: 192.0.2.10"]);
  expect(await candidates()).toEqual({ names: ["n1", "n2"] });
  slice({ n3: true });
  await until("another node is", async () => {
    expect(await candidates()).toEqual({ names: ["n3"] });
  });
  service("web", { externalTrafficPolicy: "Cluster" });
  await until("all nodes are", async () => {
    expect(await candidates()).toMatchObject({ labels: [{ key: "kubernetes.io/hostname" }, {}] });
  });
});

test("a virtual IP of somebody else is left alone; one whose service went meanwhile is not", async () => {
  const body = { name: "shop.web", addresses: { ipv4: "192.0.2.50" } };
  await scene.client.call("createVirtualIp", { body });
  service("web");
  await told('VirtualIpOfSomebodyElse web: virtual IP "shop.web" was not made for a service');
  service("api");
  await become(["shop.api: 192.0.2.10", "shop.web: 192.0.2.50"]);
  await scene.pause(() => {
    for (const name of ["web", "api"]) scene.remove("services", name, "shop");
  });
  await become(["shop.web: 192.0.2.50"]);
});

test("a vacant one is told", async () => {
  service("web");
  await told("VirtualIpVacant web: no host is a candidate");
});

test("without pools services are not even looked at", async () => {
  await scene[Symbol.asyncDispose]();
  scene = await startControllerScene();
  scene.put("nodes", {
    metadata: { name: "n1" },
    status: { addresses: [{ type: "InternalIP", address: "192.0.2.1" }] },
  });
  await scene.settled();
  expect(scene.server.requests.filter((request) => /api\/v1\/services|endpointslices/.test(request))).toEqual(
    [],
  );
});

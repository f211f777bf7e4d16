import { afterEach, beforeEach, expect, test } from "vitest";
import { type Address, formatAddress } from "../src/net/index.ts";
import { encodeChainFrom, encodeChainTo } from "../src/schema/index.ts";
import { type ControllerScene, PATHS } from "./support/controller-scene.ts";
import { itemsOf, putPod, startShopScene } from "./support/shop-scene.ts";
import { until } from "./support/until.ts";

let scene: ControllerScene;
/** How often the controller has asked for a chain. */
let attempts: number;

beforeEach(async () => {
  attempts = 0;
  scene = await startShopScene({
    wrap: (romanad) => ({
      ...romanad,
      async createChain(wanted) {
        attempts += 1;
        return await romanad.createChain(wanted);
      },
    }),
  });
  scene.put("namespaces", { metadata: { name: "data", uid: "ns-data" } });
  for (const segment of ["web", "firewall"]) named(segment);
  await scene.settled();
});
afterEach(async () => {
  await scene[Symbol.asyncDispose]();
});

/** A pod that asks for a segment of its own name. */
function named(segment: string): void {
  putPod(scene, `${segment}-pod`, { "romana.io/segment": segment });
}

function chain(name: string, spec: object = {}, metadata: object = {}): void {
  const status = scene.server.get(PATHS.customChains, name, "shop")?.["status"];
  scene.put("customChains", {
    metadata: { name, namespace: "shop", uid: `uid-${name}`, generation: 1, ...metadata },
    spec: { from: { any: true }, to: { segment: "web" }, through: [{ segment: "firewall" }], ...spec },
    ...(status !== undefined && { status }),
  });
}

/** `NAME FROM TO FUNCTIONS DIRECTION` of romanad. */
async function chains(): Promise<string[]> {
  const list = await itemsOf(scene.client.call("listChains", {}));
  return list.map(({ name, from, to, through, direction }) => {
    const ends = [encodeChainFrom(from), encodeChainTo(to)].map((end) => Object.values(end).join("/"));
    const functions = through.map(({ tenant, segment, fail }) => `${tenant}/${segment}:${fail}`).join();
    return [name, ...ends, functions, direction].join(" ");
  });
}

async function become(...expected: readonly string[]): Promise<void> {
  await until("romanad has them", async () => {
    expect(await chains()).toEqual(expected);
  });
}

interface Status {
  readonly conditions: readonly { type: string; status: string; reason: string; message: string }[];
  readonly [field: string]: unknown;
}

const status = (name: string): Status =>
  (scene.server.get(PATHS.customChains, name, "shop")?.["status"] ?? { conditions: [] }) as Status;

async function told(name: string, ...expected: readonly string[]): Promise<void> {
  await until("the status says so", () => {
    const found = status(name).conditions.map(({ type, status: is, reason }) => `${type} ${is} ${reason}`);
    expect(found).toEqual(expected);
  });
}

test("a chain is there as long as its object, and does what that says", async () => {
  chain("inspected");
  await become("shop.inspected true shop/web shop/firewall:closed both");
  await told("inspected", "Accepted True InUse", "Ready False FunctionsDown");
  expect(status("inspected")).toMatchObject({ from: "any", to: "web", through: "firewall(0)" });
  expect(status("inspected").conditions[1]?.message).toBe(
    'no pod of segment "firewall" is healthy: its traffic is dropped',
  );
  chain(
    "inspected",
    {
      from: { cidr: "192.0.2.0/24" },
      through: [{ segment: "firewall", fail: "open" }],
      direction: "forward",
    },
    { generation: 2 },
  );
  await become("shop.inspected 192.0.2.0/24 shop/web shop/firewall:open forward");
  await until("the status says so", () => {
    expect(status("inspected")).toMatchObject({ from: "192.0.2.0/24", observedGeneration: 2 });
    expect(status("inspected").conditions[1]?.message).toContain("traffic passes without it");
  });
  const { externalId } = await scene.client.call("getChain", { params: { name: "shop.inspected" } });
  expect(externalId).toBe("romana.io/uid-inspected");
  scene.remove("customChains", "inspected", "shop");
  await become();
});

const givePrefix = (): Promise<unknown> =>
  scene.client.call("updateNetwork", {
    params: { network: "default" },
    body: { services: { ipv4: "172.30.0.0/29" } },
  });

function service(name: string): void {
  scene.put("customServices", {
    metadata: { name, namespace: "shop" },
    spec: { segment: "web", ports: [{ protocol: "tcp", port: 80 }] },
  });
}

test("a segment or service that is not there yet is waited for", async () => {
  await givePrefix();
  chain("early", { from: { cidr: "192.0.2.0/24" }, to: { service: "late" } });
  chain("eager", {
    from: { namespace: "data" },
    to: { segment: "firewall" },
    through: [{ segment: "unborn" }],
  });
  await told("early", "Accepted False Refused", "Ready False NotAccepted");
  await told("eager", "Accepted False NoSegment", "Ready False NotAccepted");
  await until("it has looked whether romanad is as it believes", () => {
    expect(attempts).toBeGreaterThan(1);
  });
  await scene.controller.idle();
  service("late");
  await told("early", "Accepted True InUse", "Ready False FunctionsDown");
  expect(status("early")).toMatchObject({ to: "service shop.late" });
  named("unborn");
  await become(
    "shop.eager data shop/firewall shop/unborn:closed both",
    "shop.early 192.0.2.0/24 shop.late shop/firewall:closed both",
  );
});

test("a service goes only after the chain that leads to it", async () => {
  await givePrefix();
  service("web");
  await scene.settled();
  chain("inspected", { to: { service: "web" } });
  await become("shop.inspected true shop.web shop/firewall:closed both");
  scene.remove("customServices", "web", "shop");
  await until("the controller knows", () => {
    expect(scene.controller.cluster.informers.customServices.objects.size).toBe(0);
  });
  await scene.controller.idle();
  expect(await itemsOf(scene.client.call("listServices", {}))).toHaveLength(1);
  scene.remove("customChains", "inspected", "shop");
  await until("both are gone", async () => {
    expect(await itemsOf(scene.client.call("listServices", {}))).toEqual([]);
  });
});

test.each<[string, object, string, string]>([
  ["traffic of others", { to: { segment: "db", namespace: "data" } }, "NotOurs", "neither who sends nor who"],
  ["functions of others", { through: [{ segment: "firewall", namespace: "data" }] }, "Unreadable", "unknown"],
  ["a way through itself", { through: [{ segment: "web" }] }, "Refused", "cannot go through itself"],
  ["nobody", { to: { segment: "nothing" } }, "NoSegment", "nothing"],
])("refused with the reason: %s", async (_, spec, reason, words) => {
  chain("odd", spec);
  await told("odd", `Accepted False ${reason}`, "Ready False NotAccepted");
  expect(status("odd").conditions[0]?.message).toContain(words);
  expect((await scene.events()).join("\n")).toMatch(new RegExp(`^${reason} odd: .*${words}`, "m"));
  expect(await chains()).toEqual([]);
});

test("a chain is refused the flows that another one takes", async () => {
  chain("first");
  await told("first", "Accepted True InUse", "Ready False FunctionsDown");
  chain("second");
  await told("second", "Accepted False Refused", "Ready False NotAccepted");
  expect(status("second").conditions[0]?.message).toContain("shop.first");
});

test("chains of others stay, ours that nobody says any more go", async () => {
  const create = (name: string, segment: string, externalId?: string) =>
    scene.client.call("createChain", {
      body: {
        name,
        from: { tenant: "data" },
        to: { tenant: "shop", segment },
        through: [{ tenant: "shop", segment: "firewall" }],
        ...(externalId !== undefined && { externalId }),
      },
    });
  named("other");
  await scene.settled();
  await create("shop.theirs", "web");
  await create("shop.stale", "other", "romana.io/gone");
  await scene.pause(() => {
    chain("theirs");
  });
  await become("shop.theirs data shop/web shop/firewall:closed both");
  await told("theirs", "Accepted False SomebodyElses", "Ready False NotAccepted");
});

test("the status follows the health of functions", async () => {
  await scene.client.call("createHost", { body: { name: "metal", underlay: { ipv4: "192.0.2.1" } } });
  const { addresses } = await scene.client.call("createEndpoint", {
    body: { host: "metal", workload: "uid-firewall-pod", requestToken: "t" },
  });
  chain("inspected", { through: [{ segment: "firewall", health: { protocol: "icmp" } }] });
  await told("inspected", "Accepted True InUse", "Ready False FunctionsDown");
  const address = formatAddress(addresses.ipv4 as Address);
  let number = 0;
  await until("it is ready", async () => {
    await scene.client.call("sendHeartbeat", {
      params: { host: "metal" },
      body: { life: "1", number: ++number, subnets: [], held: [], refused: [], healthy: [address] },
    });
    expect(status("inspected")).toMatchObject({ through: "firewall(1)" });
  });
  await told("inspected", "Accepted True InUse", "Ready True Healthy");
});

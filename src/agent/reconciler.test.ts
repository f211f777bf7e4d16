import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSceneKernel, kernelText, networkText } from "../../test/support/agent-scene.ts";
import { endpoint, underlayHost } from "../../test/support/agent-view.ts";
import { exampleWorld, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { FakeKernel } from "../system/fake-kernel.ts";
import { type KernelRoute, MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";
import { Damper } from "./damper.ts";
import { type DesiredEndpoint, type DesiredHost, desiredEndpoint, desiredHost } from "./desired.ts";
import { NftKeeper } from "./nft-keeper.ts";
import { Reconciler } from "./reconciler.ts";
import { RuleCounters } from "./rule-counters.ts";
import { TableKeeper } from "./table-keeper.ts";

const BOTH = network("default", SEED_IPV4, SEED_IPV6);
const SETTINGS = {
  gatewayInterface: "romana-gw",
  gatewayKind: "dummy",
  table: "romana",
  gatewayServices: [],
  packetLog: { drops: false, group: 64, perSecond: 10 },
  safetyNet: { services: [], destinations: [] },
} as const;

interface State {
  readonly host: DesiredHost;
  readonly endpoints: readonly DesiredEndpoint[];
}

/** A state of the example with some things changed. */
function state(
  ids: readonly number[],
  change: Partial<Parameters<typeof desiredHost>[1]> = {},
  taps: readonly number[] = [],
): State {
  const known = { ...exampleWorld(), hosts: ids.map(underlayHost), ...change };
  return {
    host: desiredHost(underlayHost(1), known, SETTINGS),
    endpoints: taps.map((number) =>
      desiredEndpoint(known.networks[0] ?? BOTH, endpoint(number), { name: `tap${number}`, isOwn: false }),
    ),
  };
}

const MOVED = { ...underlayHost(2), underlay: { ipv4: parseAddress("192.168.0.22") } };

const STATES: readonly (readonly [string, State])[] = [
  ["alone", state([1])],
  ["two hosts", state([1, 2])],
  ["three hosts", state([1, 2, 3])],
  ["host 2 has another underlay address", state([1], { hosts: [underlayHost(1), MOVED] })],
  ["IPv4 only", state([1, 2], { networks: [network("default", SEED_IPV4)] })],
  ["IPv6 only", state([1, 2], { networks: [network("default", undefined, SEED_IPV6)] })],
  ["no network", state([1, 2], { networks: [] })],
  ["everybody may talk", state([1, 2], { tenants: [{ id: 1, name: "acme", isolation: "none" }] })],
  ["two taps", state([1, 2], {}, [1, 2])],
  ["another tap", state([1, 2, 3], {}, [2, 3])],
];

function createReconciler(kernel: FakeKernel): Reconciler {
  const table = new TableKeeper(kernel, undefined, () => {});
  const rules = new NftKeeper(kernel, table, "romana", new RuleCounters());
  return new Reconciler({ kernel, rules, damper: new Damper(), now: () => 0 });
}

/** Makes the state as changes of the view and of attachments do. */
function enter(reconciler: Reconciler, { host, endpoints }: State): void {
  const wanted = new Set(endpoints.map(({ device }) => device));
  for (const { device } of reconciler.inventory.endpoints) if (!wanted.has(device)) reconciler.unwire(device);
  reconciler.setHost(host);
  for (const each of endpoints) reconciler.adopt(each);
  expect(reconciler.reconcile("desired").failures).toEqual([]);
}

/** A kernel with taps, and with things of others that look much like ours. */
function createKernel(): FakeKernel {
  const kernel = createSceneKernel();
  for (const name of ["tap1", "tap2", "tap3"]) kernel.addLink({ name, kind: "tun" });
  return kernel;
}

const alone = STATES.map(([name, each]) => {
  const kernel = createKernel();
  enter(createReconciler(kernel), each);
  return [name, each, kernelText(kernel)] as const;
});

describe("reconcile()", () => {
  const open = state([1, 2], { tenants: [{ id: 1, name: "acme", isolation: "none" }] });

  test("different states are different", () => {
    expect(new Set(alone.map(([, , text]) => text)).size).toBe(alone.length);
  });

  test.each(alone)("%s: the whole network", async (name, each) => {
    const kernel = createKernel();
    enter(createReconciler(kernel), each);
    const file = `testdata/${name.replaceAll(" ", "-")}.txt`;
    await expect(`${networkText(kernel)}\n`).toMatchFileSnapshot(file);
  });

  test("any way between the states leads to the same text", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(alone.length - 1), { minLength: 2, maxLength: 12 }), (walk) => {
        const kernel = createKernel();
        const reconciler = createReconciler(kernel);
        for (const index of walk) {
          const [, each, text] = alone[index] as (typeof alone)[number];
          enter(reconciler, each);
          expect(kernelText(kernel)).toBe(text);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("when only rules follow from news, nothing else is looked at; anything else is", () => {
    const kernel = createKernel();
    let hasLooked = false;
    const links = kernel.links.bind(kernel);
    kernel.links = () => {
      hasLooked = true;
      return links();
    };
    const reconciler = createReconciler(kernel);
    const looks = (next: State): boolean => {
      hasLooked = false;
      enter(reconciler, next);
      return hasLooked;
    };
    expect(looks(state([1, 2]))).toBe(true);
    expect(looks(open)).toBe(false);
    const other = createKernel();
    enter(createReconciler(other), open);
    expect(kernelText(kernel)).toBe(kernelText(other));
    expect(looks(state([1, 2, 3]))).toBe(true);
    expect(looks(state([1, 2, 3], {}, [1]))).toBe(true);
    reconciler.pruneDevices();
    expect(looks(state([1, 2, 3]))).toBe(true);
  });

  test("what could not be made is looked for again when only rules follow from news", () => {
    const kernel = createKernel();
    const reconciler = createReconciler(kernel);
    kernel.refuse = (operation) =>
      operation.method === "apply" && operation.change.type === "replace-route" ? "EPERM" : undefined;
    reconciler.setHost(state([1, 2]).host);
    expect(reconciler.reconcile("desired").failures).not.toEqual([]);
    kernel.refuse = undefined;
    reconciler.setHost(open.host);
    expect(reconciler.reconcile("desired").failures).toEqual([]);
    const other = createKernel();
    enter(createReconciler(other), open);
    expect(kernelText(kernel)).toBe(kernelText(other));
  });

  test("a second look finds nothing to do", () => {
    for (const [, each] of alone) {
      const kernel = createKernel();
      const reconciler = createReconciler(kernel);
      enter(reconciler, each);
      const operations: string[] = [];
      kernel.refuse = ({ method }) => {
        operations.push(method);
        return undefined;
      };
      expect(reconciler.reconcile("drift").repaired).toEqual([]);
      expect(operations).toEqual([]);
    }
  });
});

describe("what an earlier life left", () => {
  const route: KernelRoute = {
    destination: parsePrefix("10.9.0.0/16"),
    type: "unicast",
    gateway: parseAddress("192.168.0.9"),
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
  };

  test("stale own routes and gateway addresses go", () => {
    const kernel = createKernel();
    const [, each, text] = alone[1] as (typeof alone)[number];
    kernel.outside.apply([
      { type: "add-link", name: "romana-gw", kind: "dummy" },
      { type: "replace-route", route },
      { type: "replace-route", route: { ...route, destination: parsePrefix("10.2.0.0/16"), metric: 77 } },
    ]);
    const link = kernel.links().find(({ name }) => name === "romana-gw")?.index ?? 0;
    const address = { link, address: parseAddress("10.7.0.1"), prefixLength: 32 };
    kernel.outside.apply([{ type: "add-address", address }]);
    enter(createReconciler(kernel), each);
    expect(kernelText(kernel)).toBe(text);
  });

  test("own devices go only once it is known what is attached", async () => {
    const kernel = createKernel();
    const before = kernelText(kernel);
    const spec = {
      name: "rom0a01011b",
      peer: { namespace: "/run/netns/web", name: "x", addresses: [], gateways: [] },
    };
    await kernel.outside.createVeth(spec);
    const reconciler = createReconciler(kernel);
    enter(reconciler, (alone[0] as (typeof alone)[number])[1]);
    expect(kernelText(kernel)).toContain("link rom0a01011b veth up");
    reconciler.pruneDevices();
    reconciler.reconcile("desired");
    await Promise.resolve();
    expect(networkText(kernel)).not.toContain("rom0a01011b");
    expect(before).not.toContain("rom0a01011b");
  });

  test("a device that is being made is not left over; one whose making failed is", async () => {
    const kernel = createKernel();
    const reconciler = createReconciler(kernel);
    enter(reconciler, (alone[0] as (typeof alone)[number])[1]);
    reconciler.pruneDevices();
    const device = "rom0a01011b";
    const made = reconciler.make(device, async () => {
      kernel.addLink({ name: device, kind: "veth" });
      reconciler.reconcile("drift");
      await Promise.resolve();
      expect(networkText(kernel)).toContain(device);
      throw new Error("the namespace is gone");
    });
    await expect(made).rejects.toThrow("the namespace is gone");
    reconciler.reconcile("drift");
    await Promise.resolve();
    expect(networkText(kernel)).not.toContain(device);
  });

  test("a device that only looks like ours stays", () => {
    const kernel = createKernel();
    kernel.addLink({ name: "rom0a01011b", kind: "vlan" });
    kernel.addLink({ name: "rome", kind: "veth" });
    const reconciler = createReconciler(kernel);
    reconciler.pruneDevices();
    enter(reconciler, (alone[0] as (typeof alone)[number])[1]);
    expect(kernel.links().map(({ name }) => name)).toEqual(expect.arrayContaining(["rom0a01011b", "rome"]));
  });
});

describe("what is not ours stays as it is", () => {
  /** Everything foreign, as text. */
  function foreignText(kernel: FakeKernel): string {
    const own = new Set(["romana-gw", "tap1", "tap2", "tap3"]);
    const lines = networkText(kernel).split("\n");
    return [
      ...lines.filter(
        (line) => !line.endsWith(`proto ${ROMANA_PROTOCOL}`) && ![...own].some((name) => line.includes(name)),
      ),
      kernel.listTable("theirs"),
    ].join("\n");
  }

  test("in every state and on every way", () => {
    const kernel = createKernel();
    kernel.outside.runNft("table inet theirs {\n  counter hits {\n    packets 3 bytes 9\n  }\n}\n");
    const eth0 = kernel.links().find(({ name }) => name === "eth0")?.index ?? 0;
    const base = { type: "unicast", table: MAIN_TABLE, protocol: 4, device: eth0 } as const;
    kernel.outside.apply([
      // Routes of others inside our networks, but not in a place of ours.
      { type: "replace-route", route: { ...base, destination: parsePrefix("10.2.0.0/16"), metric: 50 } },
      { type: "replace-route", route: { ...base, destination: parsePrefix("10.2.3.0/24"), metric: 0 } },
      { type: "replace-route", route: { ...base, destination: parsePrefix("0.0.0.0/0"), metric: 0 } },
      {
        type: "replace-route",
        route: { ...base, destination: parsePrefix("fd00:10:0:200::/56"), metric: 5 },
      },
      {
        type: "replace-route",
        route: { ...base, destination: parsePrefix("10.2.0.0/16"), metric: 0, table: 100 },
      },
    ]);
    const before = foreignText(kernel);
    const reconciler = createReconciler(kernel);
    for (const [, each] of [...STATES, ...STATES.toReversed()]) {
      enter(reconciler, each);
      expect(foreignText(kernel)).toBe(before);
    }
    expect(kernel.routes(100)).toHaveLength(1);
  });
});

describe("failures", () => {
  test("one refused route never stops the rest, and is told", () => {
    const kernel = createKernel();
    const [, each, text] = alone[2] as (typeof alone)[number];
    kernel.refuse = (operation) =>
      operation.method === "apply" &&
      operation.change.type === "replace-route" &&
      operation.change.route.destination.value === 0x0a020000n
        ? "ENETUNREACH"
        : undefined;
    const reconciler = createReconciler(kernel);
    reconciler.setHost(each.host);
    const outcome = reconciler.reconcile("desired");
    expect(outcome.failures).toEqual(["Cannot set route 10.2.0.0/16: ENETUNREACH"]);
    expect(outcome.routes.map(({ state: found }) => found).filter((found) => found !== "present")).toEqual([
      "missing",
    ]);
    kernel.refuse = undefined;
    expect(reconciler.reconcile("desired").failures).toEqual([]);
    expect(kernelText(kernel)).toBe(text);
  });

  test("without any table no way to an endpoint is made", () => {
    const kernel = createKernel();
    const [, each] = alone[8] as (typeof alone)[number];
    kernel.refuse = ({ method }) => (method === "runNft" ? "EPERM" : undefined);
    const reconciler = createReconciler(kernel);
    reconciler.setHost(each.host);
    for (const one of each.endpoints) reconciler.adopt(one);
    expect(reconciler.reconcile("desired").failures).toEqual(["Cannot run nft text: EPERM"]);
    expect(reconciler.isEnforcing).toBe(false);
    expect(kernel.routes(MAIN_TABLE, ROMANA_PROTOCOL)).toEqual([]);
  });

  test("a table that cannot be replaced stays, and routes still follow", () => {
    const kernel = createKernel();
    const reconciler = createReconciler(kernel);
    enter(reconciler, (alone[1] as (typeof alone)[number])[1]);
    const table = kernel.listTable("romana");
    kernel.refuse = ({ method }) => (method === "runNft" || method === "changeSets" ? "EPERM" : undefined);
    reconciler.setHost(state([1, 2, 3], { tenants: [] }).host);
    expect(reconciler.reconcile("desired").failures).toHaveLength(1);
    expect(kernel.listTable("romana")).toBe(table);
    expect(networkText(kernel)).toContain("10.3.0.0/16");
  });
});

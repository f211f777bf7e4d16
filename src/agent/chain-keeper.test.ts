import { beforeEach, describe, expect, test } from "vitest";
import { AgentScene, createSceneKernel } from "../../test/support/agent-scene.ts";
import { endpoint, hostView } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";
import type { Chain } from "../model/index.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import type { HostSnapshot, WatchChange } from "../schema/index.ts";
import { CHAIN_TABLES } from "../steering/index.ts";
import type { KernelRoute, KernelRule } from "../system/kernel.ts";

const FUNCTION = { tenant: "acme", segment: "web", fail: "closed" } as const;

const CHAIN = {
  name: "guard",
  network: "default",
  from: { kind: "tenant", tenant: "beta" },
  to: { kind: "segment", tenant: "open", segment: "web" },
  through: [{ ...FUNCTION }],
  direction: "both",
  places: { forward: [1, 2], reverse: [3, 4] },
} satisfies Chain;

const LOCAL = { host: "host-1", addresses: { ipv4: parseAddress("10.1.1.17") } };
const REMOTE = { host: "host-2", addresses: { ipv4: parseAddress("10.2.1.18") } };
const BACKENDS = { network: "default", tenant: "acme", segment: "web", backends: [LOCAL, REMOTE] };

/** The function has an endpoint on this host, 10.1.1.17, and one on the other. */
function view(change: Partial<HostSnapshot> = {}): HostSnapshot {
  return hostView({
    chains: [{ ...CHAIN, revision: 30 }],
    backends: [{ ...BACKENDS, revision: 31 }],
    ...change,
  });
}

let scene: AgentScene;

async function begin(snapshot = view(), config: Record<string, unknown> = {}): Promise<void> {
  const kernel = createSceneKernel();
  scene = new AgentScene({ kernel, romanad: new FakeRomanad(snapshot), config });
  await scene.start();
}

/** What is in the hops' tables, as `FAMILY MARK: ROUTES`. */
function hops(): string[] {
  const names = new Map(scene.kernel.links().map(({ index, name }) => [index, name]));
  return scene.kernel.rules().map(({ family, mark, table }) => {
    const routes = scene.kernel
      .routes(table)
      .toSorted((a, b) => a.metric - b.metric)
      .map(({ type, gateway, device }) =>
        gateway ? `${formatAddress(gateway)} ${names.get(device ?? 0)}` : type,
      );
    return `${family} ${mark >>> 16}: ${routes.join(", ")}`;
  });
}

const table = (): string | undefined => scene.kernel.listTable("romana_chains");
const isSteered = (): boolean => (scene.kernel.listTable("romana") ?? "").includes("meta mark");
const filter = (device: string): string | undefined =>
  scene.kernel.sysctl(`net.ipv4.conf.${device}.rp_filter`);

const remote = "4 1: 192.168.0.2 eth0, blackhole";
const local = "4 2: 10.1.1.17 rom0a010111, blackhole";
const DEVICE = "rom0a010111";

beforeEach(() => begin());

/** The function's own endpoint is attached. */
async function attached(): Promise<void> {
  await scene.attach(1);
  await scene.timers.advance(100);
}

/** romanad tells of a change. */
async function tell(change: WatchChange, after = view()): Promise<void> {
  scene.romanad.change(after, change);
  await scene.timers.advance(100);
}

async function withoutChains(): Promise<void> {
  await tell({ kind: "chains", type: "delete", object: { ...CHAIN, revision: 50 } });
}

describe("a chain", () => {
  test("is made whole: table, next hops, rules that know marks, sysctls", async () => {
    await attached();
    expect(table()).toContain(`iifname vmap { "${DEVICE}" : goto pass_2_4 }`);
    expect(hops()).toEqual([remote, local]);
    expect(isSteered()).toBe(true);
    expect(filter(DEVICE)).toBe("0");
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("is told where its function is not attached", () => {
    expect(scene.agent.status().problems).toEqual([
      'No way to function "acme/web" at 10.1.1.17 on host "host-1": chains need hosts in one link',
    ]);
    expect(hops()).toEqual([remote]);
  });

  test("goes without a trace, and what goes first is what marks packets", async () => {
    await attached();
    scene.operations.length = 0;
    await withoutChains();
    expect(table()).toBeUndefined();
    expect(hops()).toEqual([]);
    for (const number of [1, 2]) expect(scene.kernel.routes(CHAIN_TABLES + number)).toEqual([]);
    expect(isSteered()).toBe(false);
    expect(filter(DEVICE)).toBe("1");
    const order = scene.operations.flatMap((operation) =>
      operation.method === "runNft"
        ? [operation.text.startsWith("delete table inet romana_chains") ? "chains" : "rules"]
        : operation.method === "apply"
          ? [operation.change.type]
          : [],
    );
    expect([...new Set(order)]).toEqual(["chains", "rules", "delete-rule", "delete-route"]);
  });

  test("keeps the numbers of next hops when others come and go, and over a restart", async () => {
    await attached();
    const object = { ...BACKENDS, backends: [LOCAL], revision: 51 };
    await tell({ kind: "backends", type: "put", object }, view({ backends: [object] }));
    expect(hops()).toEqual([local]);
    await scene.kill();
    await scene.start();
    expect(hops()).toEqual([local]);
    expect(filter(DEVICE)).toBe("0");
  });

  test("counts on when its table is replaced", async () => {
    await attached();
    scene.kernel.count("romana_chains", "out-of-place", 7, 700);
    await tell({
      kind: "backends",
      type: "put",
      object: { ...BACKENDS, backends: [], revision: 51 },
    });
    expect(scene.kernel.counters("romana_chains").get("out-of-place")).toEqual({ packets: 7, bytes: 700 });
    expect(table()).toContain("counter name no-function drop");
    expect(scene.agent.metrics.registry.render()).toContain(
      'romana_agent_chain_dropped_packets{reason="out-of-place"} 7',
    );
  });
});

test("is there after a crash, also while romanad is away", async () => {
  await begin(hostView());
  await scene.timers.advance(2_000);
  expect(table()).toBeUndefined();
  await tell({ kind: "chains", type: "put", object: { ...CHAIN, revision: 50 } });
  await scene.timers.advance(1_000);
  await scene.kill();
  scene.romanad.isAway = true;
  await scene.start();
  expect(table()).toContain("goto take_1_4");
  expect(isSteered()).toBe(true);
});

test("news about others cost no look at the kernel", async () => {
  await attached();
  const rules = scene.kernel.rules.bind(scene.kernel);
  let looks = 0;
  scene.kernel.rules = () => {
    looks += 1;
    return rules();
  };
  scene.romanad.put(endpoint(9));
  await scene.timers.advance(100);
  expect(looks).toBe(0);
  await tell({ kind: "backends", type: "put", object: { ...BACKENDS, backends: [LOCAL], revision: 51 } });
  expect(looks).toBeGreaterThan(0);
});

describe("what others change is mended:", () => {
  const hop = (number: number): { rule: KernelRule; routes: readonly KernelRoute[] } => ({
    rule: scene.kernel.rules()[number - 1] as KernelRule,
    routes: scene.kernel.routes(CHAIN_TABLES + number),
  });
  test.each<[string, () => void]>([
    ["the table", () => scene.kernel.outside.runNft("delete table inet romana_chains\n")],
    ["a chain of it", () => scene.kernel.outside.runNft("flush chain inet romana_chains prerouting\n")],
    ["a rule", () => scene.kernel.outside.apply([{ type: "delete-rule", rule: hop(2).rule }])],
    [
      "the routes of a next hop",
      () =>
        scene.kernel.outside.apply(hop(1).routes.map((route) => ({ type: "delete-route", route }) as const)),
    ],
    [
      "a next hop that leads elsewhere",
      () =>
        scene.kernel.outside.apply([
          {
            type: "replace-route",
            route: { ...(hop(1).routes[0] as KernelRoute), gateway: parseAddress("192.168.0.3") },
          },
        ]),
    ],
    [
      "the reverse path filter",
      () => scene.kernel.outside.setSysctl(`net.ipv4.conf.${DEVICE}.rp_filter`, "1"),
    ],
  ])("%s", async (_, change) => {
    await attached();
    const ways = (): string[] => hops().map((hop) => hop.slice(hop.indexOf(":")));
    const before = ways().toSorted();
    change();
    await scene.timers.advance(100);
    expect(ways().toSorted()).toEqual(before);
    expect(table()).toContain("goto take_1_4");
    expect(filter(DEVICE)).toBe("0");
  });
});

describe("the underlay", () => {
  test("has its reverse path filter loosened while there are chains, and then as before", async () => {
    expect(filter("eth0")).toBe("0");
    await withoutChains();
    scene.kernel.outside.setSysctl("net.ipv4.conf.eth0.rp_filter", "1");
    await tell({ kind: "chains", type: "put", object: { ...CHAIN, revision: 52 } });
    expect(filter("eth0")).toBe("2");
    const redirects = ["all", "eth0"].map((name) => `net.ipv4.conf.${name}.send_redirects`);
    expect(redirects.map((name) => scene.kernel.sysctl(name))).toEqual(["0", "0"]);
    await withoutChains();
    expect(filter("eth0")).toBe("1");
    expect(redirects.map((name) => scene.kernel.sysctl(name))).toEqual(["1", "1"]);
  });

  test("of a host that is in no link of this one is no way", async () => {
    const far = { name: "host-2", id: 2, group: [], underlay: { ipv4: parseAddress("203.0.113.2") } };
    const base = view();
    await begin(view({ hosts: [base.hosts[0] as (typeof base.hosts)[0], { ...far, revision: 12 }] }));
    expect(hops()).toEqual([]);
    expect(scene.agent.status().problems).toContainEqual(
      'No way to function "acme/web" at 10.2.1.18 on host "host-2": chains need hosts in one link',
    );
  });

  test("tells who may send what is in the middle of a chain from outside", async () => {
    await begin(view({ chains: [{ ...CHAIN, from: { kind: "any" }, revision: 30 }] }));
    expect(table()).not.toContain("02:00:00:00:00:09");
    const link = scene.kernel.links().find(({ name }) => name === "eth0")?.index ?? 0;
    scene.kernel.meet({ link, address: parseAddress("192.168.0.2"), mac: "02:00:00:00:00:09" });
    scene.kernel.meet({ link, address: parseAddress("192.168.0.77"), mac: "02:00:00:00:00:77" });
    await scene.timers.advance(2_000);
    expect(table()).toContain("02:00:00:00:00:09");
    expect(table()).not.toContain("02:00:00:00:00:77");
  });
});

describe("what the kernel refuses", () => {
  test("is told and tried again", async () => {
    scene.refuse = (operation) =>
      operation.method === "runNft" && operation.text.includes("romana_chains") ? "EPERM" : undefined;
    await tell({
      kind: "backends",
      type: "put",
      object: { ...BACKENDS, backends: [], revision: 51 },
    });
    expect(scene.agent.status().problems).toEqual([expect.stringContaining("Chains are not in force: ")]);
    scene.refuse = undefined;
    await scene.timers.advance(1_000);
    expect(scene.agent.status().problems).toEqual([]);
    expect(table()).toContain("counter name no-function drop");
  });

  test("chains are not enforced with iptables, which is told", async () => {
    await begin(view(), { firewall: "iptables" });
    expect(table()).toBeUndefined();
    expect(hops()).toEqual([]);
    expect(scene.agent.status().problems).toContainEqual(
      "Chains are not enforced on this host, whose firewall is iptables: guard",
    );
  });

  test("a strict reverse path filter of the whole machine is told", async () => {
    scene.kernel.outside.setSysctl("net.ipv4.conf.all.rp_filter", "1");
    await attached();
    expect(scene.agent.status().problems).toContainEqual(
      expect.stringContaining("net.ipv4.conf.all.rp_filter of this host must be 0"),
    );
  });
});

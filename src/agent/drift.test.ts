import { describe, expect, test } from "vitest";
import { AgentScene, NAMESPACE } from "../../test/support/agent-scene.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { Kernel, KernelRoute, Link } from "../system/kernel.ts";
import { MAIN_TABLE, ROMANA_PROTOCOL } from "../system/kernel.ts";

const STATIC = 4;

function link({ kernel }: AgentScene, name: string): Link {
  const found = kernel.links().find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`there is no link ${name}`);
  return found;
}

function route({ kernel }: AgentScene, destination: string): KernelRoute {
  const { value, length } = parsePrefix(destination);
  const found = kernel
    .routes(MAIN_TABLE)
    .find((candidate) => candidate.destination.value === value && candidate.destination.length === length);
  if (found === undefined) throw new Error(`there is no route to ${destination}`);
  return found;
}

const change =
  (make: (scene: AgentScene) => Parameters<Kernel["apply"]>[0][number]) =>
  (scene: AgentScene): void => {
    scene.kernel.outside.apply([make(scene)]);
  };

const nft =
  (text: string) =>
  (scene: AgentScene): void => {
    scene.kernel.outside.runNft(text);
  };

const sysctl =
  (name: string, value: string) =>
  (scene: AgentScene): void => {
    scene.kernel.outside.setSysctl(name, value);
  };

/** What others do, what kind of repair it takes. */
const DRIFTS: [string, (scene: AgentScene) => void, string][] = [
  ["a route is deleted", change((s) => ({ type: "delete-route", route: route(s, "10.2.0.0/16") })), "route"],
  [
    "a route is rewritten",
    change((s) => ({
      type: "replace-route",
      route: { ...route(s, "10.2.0.0/16"), gateway: parseAddress("192.168.0.66"), protocol: STATIC },
    })),
    "route",
  ],
  [
    "an IPv6 route is rewritten",
    change((s) => ({
      type: "replace-route",
      route: { ...route(s, "fd00:10:0:200::/56"), gateway: parseAddress("fd99::66"), protocol: STATIC },
    })),
    "route",
  ],
  [
    "the blackhole is deleted",
    change((s) => ({ type: "delete-route", route: route(s, "10.1.0.0/16") })),
    "route",
  ],
  [
    "the route of an endpoint is deleted",
    change((s) => ({ type: "delete-route", route: route(s, "10.1.1.17/32") })),
    "route",
  ],
  [
    "a route of our protocol appears",
    change((s) => ({
      type: "replace-route",
      route: { ...route(s, "10.2.0.0/16"), destination: parsePrefix("10.77.0.0/16") },
    })),
    "route",
  ],
  [
    "the gateway's address is deleted",
    change((s) => ({
      type: "delete-address",
      address: { link: link(s, "romana-gw").index, address: parseAddress("10.1.0.1"), prefixLength: 32 },
    })),
    "address",
  ],
  [
    "the gateway gets another address",
    change((s) => ({
      type: "add-address",
      address: { link: link(s, "romana-gw").index, address: parseAddress("10.1.0.2"), prefixLength: 24 },
    })),
    "address",
  ],
  ["the gateway is deleted", change(() => ({ type: "delete-link", name: "romana-gw" })), "link"],
  ["the gateway is set down", (s) => s.kernel.setLinkDown("romana-gw"), "link"],
  ["the device of an endpoint is set down", (s) => s.kernel.setLinkDown("rom0a010111"), "link"],
  ["the table is deleted", nft("delete table inet romana\n"), "table"],
  ["the ruleset is flushed", nft("flush ruleset\n"), "table"],
  ["a rule is added", nft("add rule inet romana forward accept\n"), "table"],
  ["an element is deleted", nft('delete element inet romana endpoint_devices { "rom0a010111" }\n'), "table"],
  ["an element is added", nft("add element inet romana open4 { 10.0.1.0 }\n"), "table"],
  ["forwarding is switched off", sysctl("net.ipv4.ip_forward", "0"), "sysctl"],
  ["IPv6 forwarding is switched off", sysctl("net.ipv6.conf.all.forwarding", "0"), "sysctl"],
  ["the reverse path is not checked", sysctl("net.ipv4.conf.rom0a010111.rp_filter", "0"), "sysctl"],
  ["neighbours are not proxied", sysctl("net.ipv6.conf.rom0a010111.proxy_ndp", "0"), "sysctl"],
];

/** Sysctls of the host and the endpoint, as text. */
function sysctls({ kernel, agent }: AgentScene): string {
  const lines = (agent.desired()?.sysctls ?? "").split("\n").map((line) => line.split(" = ")[0] ?? "");
  return lines.map((name) => `${name} ${kernel.sysctl(name)}`).join("\n");
}

describe("drift is repaired by events, within milliseconds", () => {
  test.each(DRIFTS)("%s", async (_, drift, kind) => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.timers.advance(1_000);
    const before = [scene.text(), sysctls(scene)];
    drift(scene);
    expect([scene.text(), sysctls(scene)]).not.toEqual(before);
    await scene.timers.advance(10);
    expect([scene.text(), sysctls(scene)]).toEqual(before);
    expect(scene.agent.metrics.repairs.values.get(kind)).toBeGreaterThan(0);
    await scene.timers.advance(1_000);
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("the link-local address of an endpoint's device, by which the host asks for it, is given back", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const address = {
      link: link(scene, "rom0a010111").index,
      address: parseAddress("fe80::1234"),
      prefixLength: 64,
    };
    // The kernel gives it with the device.
    scene.kernel.outside.apply([{ type: "add-address", address }]);
    await scene.timers.advance(1_000);
    const before = scene.text();
    scene.kernel.outside.apply([{ type: "delete-address", address }]);
    await scene.timers.advance(10);
    expect(scene.text()).toBe(before);
    await scene.agent.detach("web-1");
    expect(scene.text()).not.toContain("fe80::1234");
  });

  test("what others do beside us is left alone, and needs no look", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.timers.advance(1_000);
    const looks = scene.agent.metrics.looks.values.get("drift");
    const eth0 = link(scene, "eth0").index;
    scene.kernel.outside.runNft("table inet theirs {\n  counter hits {\n    packets 3 bytes 9\n  }\n}\n");
    scene.kernel.addLink({ name: "docker0", kind: "bridge" });
    scene.kernel.outside.apply([
      {
        type: "replace-route",
        route: {
          destination: parsePrefix("10.2.3.0/24"),
          type: "unicast",
          device: eth0,
          table: MAIN_TABLE,
          metric: 0,
          protocol: STATIC,
        },
      },
      { type: "add-address", address: { link: eth0, address: parseAddress("172.16.0.1"), prefixLength: 24 } },
    ]);
    const before = scene.text();
    await scene.timers.advance(1_000);
    expect(scene.text()).toBe(before);
    expect(scene.agent.metrics.looks.values.get("drift")).toBe(looks);
  });
});

describe("the safety net", () => {
  test("a sysctl that nobody tells of is set right by the next resync", async () => {
    const scene = await new AgentScene({ config: { resyncInterval: 60 } }).start();
    await scene.attach();
    await scene.timers.advance(1_000);
    scene.kernel.outside.setSysctl("net.ipv6.conf.rom0a010111.accept_ra", "2");
    await scene.timers.advance(10_000);
    expect(scene.kernel.sysctl("net.ipv6.conf.rom0a010111.accept_ra")).toBe("2");
    await scene.timers.advance(60_000);
    expect(scene.kernel.sysctl("net.ipv6.conf.rom0a010111.accept_ra")).toBe("0");
  });

  test("a proxied neighbour that vanished is back after the next resync", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const before = scene.text();
    const neighbour = scene.kernel.proxyNeighbours()[0];
    if (neighbour === undefined) throw new Error("there is no neighbour");
    scene.kernel.outside.apply([{ type: "delete-proxy-neighbour", neighbour }]);
    await scene.timers.advance(60_000);
    expect(scene.text()).toBe(before);
  });

  test("lost events cause a look at everything, sysctls included", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.timers.advance(1_000);
    scene.kernel.outside.setSysctl("net.ipv6.conf.rom0a010111.accept_ra", "2");
    const looks = scene.agent.metrics.looks.values.get("drift") ?? 0;
    scene.kernel.overrun();
    await scene.timers.advance(10);
    expect(scene.kernel.sysctl("net.ipv6.conf.rom0a010111.accept_ra")).toBe("0");
    expect(scene.agent.metrics.looks.values.get("drift")).toBe(looks + 1);
  });
});

describe("somebody fights back", () => {
  test("repairs become rare, others are not held up, and the status says so", async () => {
    const scene = await new AgentScene().start();
    const rewritten = {
      ...route(scene, "10.2.0.0/16"),
      gateway: parseAddress("192.168.0.66"),
      protocol: STATIC,
    };
    const abort = new AbortController();
    const fight = async (): Promise<void> => {
      for await (const event of scene.kernel.outside.events(abort.signal)) {
        const isRepair = event.type === "route" && event.route.protocol === ROMANA_PROTOCOL;
        if (isRepair) scene.kernel.outside.apply([{ type: "replace-route", route: rewritten }]);
      }
    };
    const fighting = fight();
    scene.kernel.outside.apply([{ type: "replace-route", route: rewritten }]);
    await scene.timers.advance(60_000);
    const repairs = scene.agent.metrics.repairs.values.get("route") ?? 0;
    expect(repairs).toBeGreaterThan(60);
    expect(repairs).toBeLessThan(100);
    expect(scene.agent.status()).toMatchObject({
      state: "degraded",
      problems: ["Somebody keeps changing route 10.2.0.0/16"],
    });
    scene.kernel.outside.runNft("flush ruleset\n");
    await scene.timers.advance(10);
    expect(scene.kernel.listTable("romana")).toBeDefined();
    abort.abort();
    await fighting;
    await scene.timers.advance(1_000);
    expect(route(scene, "10.2.0.0/16").protocol).toBe(ROMANA_PROTOCOL);
    await scene.timers.advance(20_000);
    expect(scene.agent.status().problems).toEqual([]);
  });
});

describe("what the kernel refused", () => {
  test("is tried again later, and when it may have become possible", async () => {
    const scene = new AgentScene();
    let isReachable = false;
    scene.refuse = (operation) =>
      operation.method === "apply" &&
      operation.change.type === "replace-route" &&
      operation.change.route.gateway?.family === 4 &&
      !isReachable
        ? "ENETUNREACH"
        : undefined;
    await scene.start();
    expect(scene.agent.status().problems).toEqual(["Cannot set route 10.2.0.0/16: ENETUNREACH"]);
    await scene.timers.advance(30_000);
    const tries = scene.agent.metrics.refusals.values.get("desired") ?? 0;
    expect(tries).toBeGreaterThan(3);
    expect(tries).toBeLessThan(8);
    isReachable = true;
    scene.kernel.addLink({ name: "eth1" });
    await scene.timers.advance(500);
    expect(scene.agent.status().problems).toEqual([]);
    expect(route(scene, "10.2.0.0/16").protocol).toBe(ROMANA_PROTOCOL);
  });
});

describe("a device is gone", () => {
  test("the endpoint keeps its address, and the status says so", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    scene.kernel.deleteNamespace(NAMESPACE);
    await scene.timers.advance(10);
    expect(scene.agent.attachment("web-1")?.state).toBe("device-missing");
    expect(scene.agent.status().problems).toEqual(["The device is gone of web-1 (rom0a010111)"]);
    expect(scene.romanad.endpoints.size).toBe(1);
    expect(scene.kernel.listTable("romana")).not.toContain('"rom0a010111" .');
    expect(await scene.agent.detach("web-1")).toEqual({ detached: true, released: true });
    expect(scene.agent.status().problems).toEqual([]);
  });

  test("a tap that comes back is wired again", async () => {
    const scene = await new AgentScene().start();
    scene.kernel.addLink({ name: "tap0", kind: "tun" });
    await scene.attach(1, { attach: { kind: "tap", device: "tap0" } });
    const before = scene.text();
    scene.kernel.outside.apply([{ type: "delete-link", name: "tap0" }]);
    await scene.timers.advance(10);
    expect(scene.agent.attachment("web-1")?.state).toBe("device-missing");
    scene.kernel.addLink({ name: "tap0", kind: "tun", up: false });
    await scene.timers.advance(10);
    expect(scene.text()).toBe(before);
    expect(sysctls(scene)).toContain("net.ipv4.conf.tap0.rp_filter 1");
    expect(scene.agent.attachment("web-1")?.state).toBe("attached");
  });
});

test("while somebody keeps deleting the table, nothing new is attached without rules", async () => {
  const scene = await new AgentScene().start();
  for (let time = 0; time < 8; time++) {
    scene.kernel.outside.runNft("delete table inet romana\n");
    await scene.timers.advance(time < 6 ? 10 : 0);
    if (scene.kernel.listTable("romana") === undefined) break;
  }
  expect(scene.kernel.listTable("romana")).toBeUndefined();
  await scene.timers.advance(10);
  await expect(scene.attach()).rejects.toThrow("its rules are not in force");
  expect(scene.romanad.endpoints.size).toBe(0);
  await scene.timers.advance(1_000);
  await expect(scene.attach()).resolves.toMatchObject({ created: true });
});

import { describe, expect, test } from "vitest";
import {
  AgentScene,
  createSceneKernel,
  kernelText,
  NAMESPACE,
  networkText,
} from "../../test/support/agent-scene.ts";
import { hostView, underlayHost } from "../../test/support/agent-view.ts";
import { FakeRomanad } from "../../test/support/fake-romanad.ts";

/** The kernel of a host without endpoints. */
const HOST_TEXT = [
  "address 10.1.0.1/32 of 32 dev romana-gw",
  "address 192.168.0.1/24 of 32 dev eth0",
  "address fd00:10:0:100::1/128 of 128 dev romana-gw",
  "address fd99::1/64 of 128 dev eth0",
  "link eth0 - up",
  "link lo - up",
  "link romana-gw dummy up",
  "route blackhole 10.1.0.0/16 metric 0 proto 114",
  "route blackhole fd00:10:0:100::/56 metric 1024 proto 114",
  "route unicast 10.2.0.0/16 via 192.168.0.2 dev eth0 metric 0 proto 114",
  "route unicast 192.168.0.0/24 dev eth0 src 192.168.0.1 metric 0 proto 2",
  "route unicast fd00:10:0:100::1/128 dev romana-gw metric 256 proto 2",
  "route unicast fd00:10:0:200::/56 via fd99::2 dev eth0 metric 1024 proto 114",
  "route unicast fd99::/64 dev eth0 metric 256 proto 2",
];

/** What an endpoint adds to it. */
const ENDPOINT_TEXT = [
  "link rom0a010111 veth up",
  "proxy fd00:10:0:100::1 dev rom0a010111",
  "route unicast 10.1.1.17/32 dev rom0a010111 src 10.1.0.1 metric 0 proto 114",
  "route unicast fd00:10:0:100:1:1:0:1/128 dev rom0a010111 src fd00:10:0:100::1 metric 1024 proto 114",
];

describe("an agent on a new host", () => {
  test("makes gateway, routes and rules, and reports", async () => {
    const scene = await new AgentScene().start();
    expect(networkText(scene.kernel).split("\n")).toEqual(HOST_TEXT);
    expect(scene.kernel.sysctl("net.ipv4.ip_forward")).toBe("1");
    expect(scene.kernel.sysctl("net.ipv6.conf.all.forwarding")).toBe("1");
    expect(scene.kernel.sysctl("net.netfilter.nf_conntrack_tcp_loose")).toBe("0");
    await scene.timers.advance(500);
    expect(scene.romanad.reports).toHaveLength(1);
    expect(scene.romanad.reports[0]).toMatchObject({
      observedRevision: 40,
      state: "ok",
      problems: [],
      attachments: 0,
      version: "1.2.3",
    });
    expect(scene.romanad.reports[0]?.routes.map(({ device, state }) => `${state} ${device}`)).toEqual([
      "present undefined",
      "present eth0",
      "present undefined",
      "present eth0",
    ]);
  });

  test("makes the gateway before anything else, and the rules before any route", async () => {
    const { operations } = await new AgentScene().start();
    const kinds = operations.map((operation) =>
      operation.method === "apply" ? operation.change.type : operation.method,
    );
    expect([...new Set(kinds)]).toEqual([
      "add-link",
      "set-link-up",
      "add-address",
      "setSysctl",
      "runNft",
      "replace-route",
    ]);
  });

  test("uses a bridge where the kernel has no dummy", async () => {
    const { createFakeKernel } = await import("../system/fake-kernel.ts");
    const scene = await new AgentScene({ kernel: createFakeKernel({ linkKinds: ["bridge"] }) }).start();
    expect(scene.kernel.links().map(({ name, kind }) => `${name} ${kind ?? ""}`)).toContain(
      "romana-gw bridge",
    );
  });

  test("changes nothing before romanad has told about the host", async () => {
    const romanad = new FakeRomanad();
    romanad.leave();
    const scene = await new AgentScene({ romanad }).start();
    expect(scene.operations).toEqual([]);
    expect(scene.agent.status()).toMatchObject({
      state: "degraded",
      problems: ["romanad has not told about this host"],
      romanad: { connected: false, error: "Cannot GET /v1: nobody listens there; is it running?" },
    });
    romanad.comeBack();
    await scene.timers.advance(5_000);
    expect(scene.agent.status()).toMatchObject({ state: "ok", romanad: { connected: true } });
  });

  test("says when a device of another kind has the gateway's name, and does the rest", async () => {
    const kernel = createSceneKernel();
    kernel.addLink({ name: "romana-gw", kind: "vlan" });
    const scene = await new AgentScene({ kernel }).start();
    expect(scene.agent.status().problems).toContain(
      'Cannot use device "romana-gw" as gateway: it is there already and of kind vlan',
    );
    expect(networkText(kernel)).toContain("route unicast 10.2.0.0/16 via 192.168.0.2");
    expect(networkText(kernel)).not.toContain("10.1.0.1/32");
  });

  test("says when the kernel would not answer for the gateway", async () => {
    const scene = await new AgentScene().start();
    scene.kernel.outside.setSysctl("net.ipv4.conf.all.arp_ignore", "1");
    expect(scene.agent.status().problems).toEqual([
      "net.ipv4.conf.all.arp_ignore is 1: endpoints cannot find their IPv4 gateway until it is 0",
    ]);
  });
});

describe("attach and detach", () => {
  test("an endpoint costs its device, its routes and elements, and leaves nothing behind", async () => {
    const scene = await new AgentScene().start();
    const before = scene.text();
    const { created, attachment } = await scene.attach();
    expect(created).toBe(true);
    expect(attachment).toMatchObject({
      state: "attached",
      device: "rom0a010111",
      interface: "eth1",
      mtu: 1500,
      endpoint: { name: "web-1", endpointId: 1 },
      gateways: { ipv4: { family: 4, value: 0x0a010001n } },
    });
    expect(networkText(scene.kernel).split("\n")).toEqual([...HOST_TEXT, ...ENDPOINT_TEXT].toSorted());
    const inside = scene.kernel.interfaces(NAMESPACE).get("eth1");
    expect(inside?.addresses.map(({ length }) => length)).toEqual([32, 128]);
    expect(await scene.agent.detach("web-1")).toEqual({ detached: true, released: true });
    expect(scene.text()).toBe(before);
    expect(scene.romanad.endpoints.size).toBe(0);
  });

  test("neither renders the table anew nor causes a look at the kernel", async () => {
    const scene = await new AgentScene().start();
    const looks = (): number[] => [...scene.agent.metrics.looks.values.values()];
    const before = looks();
    scene.operations.length = 0;
    for (let number = 1; number <= 10; number++) await scene.attach(number);
    for (let number = 1; number <= 10; number++) await scene.agent.detach(`web-${number}`);
    await scene.timers.advance(1_000);
    expect(scene.operations.filter(({ method }) => method === "runNft")).toEqual([]);
    expect(looks()).toEqual(before);
  });
});

describe("the view changes", () => {
  test("routes follow the hosts", async () => {
    const scene = await new AgentScene().start();
    const object = { ...underlayHost(3), group: [], prefixes: new Map(), revision: 41 };
    const hosts = [...hostView().hosts, object];
    scene.romanad.change({ ...hostView(), hosts }, { kind: "hosts", type: "put", object });
    await scene.timers.advance(100);
    expect(networkText(scene.kernel)).toContain("route unicast 10.3.0.0/16 via 192.168.0.3 dev eth0");
    scene.romanad.change(hostView(), { kind: "hosts", type: "delete", object });
    await scene.timers.advance(100);
    expect(networkText(scene.kernel).split("\n")).toEqual(HOST_TEXT);
  });

  test("a new tenant costs elements, not a new table", async () => {
    const scene = await new AgentScene().start();
    scene.operations.length = 0;
    const object = { name: "new", id: 9, isolation: "tenant", revision: 41 } as const;
    const tenants = [...hostView().tenants, object];
    scene.romanad.change({ ...hostView(), tenants }, { kind: "tenants", type: "put", object });
    await scene.timers.advance(100);
    expect(scene.operations.map(({ method }) => method)).toEqual(["changeSets"]);
    expect(scene.kernel.listTable("romana")).toContain("10.0.9.0 . 10.0.9.0");
  });

  test("its revision is told once the kernel is made so, not when it is heard of", async () => {
    const scene = await new AgentScene().start();
    const object = { name: "new", id: 9, isolation: "tenant", revision: 41 } as const;
    const tenants = [...hostView().tenants, object];
    scene.romanad.change({ ...hostView(), tenants }, { kind: "tenants", type: "put", object });
    const seen: string[] = [];
    for (let step = 0; step < 30; step++) {
      await scene.timers.advance(1);
      const isEnforced = scene.kernel.listTable("romana")?.includes("10.0.9.0 . 10.0.9.0") === true;
      seen.push(`${scene.agent.status().observedRevision} ${isEnforced}`);
    }
    expect([...new Set(seen)]).toEqual(["40 false", "41 true"]);
  });

  test("what is in force stays when the host itself is deleted", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const before = scene.text();
    const object = { ...underlayHost(1), group: [], prefixes: new Map(), revision: 11 };
    const hosts = hostView().hosts.filter(({ name }) => name !== "host-1");
    scene.romanad.change({ ...hostView(), hosts }, { kind: "hosts", type: "delete", object });
    await scene.timers.advance(100);
    expect(scene.text()).toBe(before);
    expect(scene.agent.status().problems).toEqual(["romanad has not told about this host"]);
  });

  test("a host without an underlay address is a problem, not an error", async () => {
    const { underlay: _, ...nameless } = underlayHost(3);
    const hosts = [...hostView().hosts, { ...nameless, underlay: {}, revision: 13 }];
    const scene = await new AgentScene({ romanad: new FakeRomanad(hostView({ hosts })) }).start();
    expect(networkText(scene.kernel).split("\n")).toEqual(HOST_TEXT);
    expect(scene.agent.status().problems).toEqual([
      'No route in network "default": host "host-3" has no IPv4 underlay address',
      'No route in network "default": host "host-3" has no IPv6 underlay address',
    ]);
  });
});

describe("an endpoint is released at romanad", () => {
  test("the agent takes it away", async () => {
    const scene = await new AgentScene().start();
    const before = scene.text();
    await scene.attach();
    scene.romanad.remove("10.1.1.17");
    await scene.timers.advance(100);
    expect(scene.text()).toBe(before);
    expect(scene.agent.attachments()).toEqual([]);
  });

  test("also when it learns of it from a snapshot", async () => {
    const scene = await new AgentScene().start();
    const before = scene.text();
    await scene.attach();
    await scene.kill();
    scene.romanad.remove("10.1.1.17");
    await scene.start();
    expect(scene.text()).toBe(before);
  });

  test("an endpoint that has its address since is another one", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    await scene.kill();
    const endpoint = scene.romanad.endpoints.get("10.1.1.17");
    if (endpoint === undefined) throw new Error("there is no endpoint");
    scene.romanad.remove("10.1.1.17");
    scene.romanad.put({ ...endpoint, name: "other", createdAt: endpoint.createdAt + 1 });
    await scene.start();
    expect(scene.agent.attachments()).toEqual([]);
    expect(scene.romanad.endpoints.get("10.1.1.17")?.name).toBe("other");
  });

  test("a store that lost everything has released nothing", async () => {
    const scene = await new AgentScene().start();
    await scene.attach();
    const before = scene.text();
    await scene.kill();
    scene.romanad.loseEndpoints(20);
    await scene.start();
    expect(scene.text()).toBe(before);
    expect(scene.agent.status().problems).toEqual([
      "romanad's store is older than revision 41, which this agent has seen: endpoints that it does not know stay attached",
    ]);
  });
});

test("desired() is the desired state as text", async () => {
  const scene = await new AgentScene().start();
  await scene.attach();
  const desired = scene.agent.desired();
  expect(desired?.links).toBe(
    "romana-gw type dummy up\n10.1.0.1 dev romana-gw\nfd00:10:0:100::1 dev romana-gw\nrom0a010111 type veth up\n",
  );
  expect(desired?.routes).toBe(
    `${[
      "blackhole 10.1.0.0/16 proto 114",
      "10.2.0.0/16 via 192.168.0.2 proto 114",
      "blackhole fd00:10:0:100::/56 proto 114",
      "fd00:10:0:200::/56 via fd99::2 proto 114",
      "10.1.1.17/32 dev rom0a010111 src 10.1.0.1 proto 114",
      "fd00:10:0:100:1:1:0:1/128 dev rom0a010111 src fd00:10:0:100::1 proto 114",
    ].join("\n")}\n`,
  );
  expect(desired?.neighbours).toBe("proxy fd00:10:0:100::1 dev rom0a010111\n");
  expect(desired?.sysctls).toContain("net.ipv4.conf.rom0a010111.rp_filter = 1\n");
  expect(desired?.table).toContain('"rom0a010111"');
});

test("close() leaves the kernel as it is", async () => {
  const scene = await new AgentScene().start();
  await scene.attach();
  const before = kernelText(scene.kernel);
  await scene.stop();
  expect(kernelText(scene.kernel)).toBe(before);
});

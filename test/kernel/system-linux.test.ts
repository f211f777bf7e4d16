import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel, KernelChange, KernelRoute } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

const ROUTES = 10_000;

leaveHostNamespace();

describe("Linux, seen with its own tools", () => {
  let number = 0;
  let name: string;
  let kernel: Kernel;

  beforeEach(() => {
    name = `romsys-${process.pid}-l${++number}`;
    createNamespace(`${name}h`);
    createNamespace(`${name}p`);
    kernel = createLinuxKernel({ namespace: namespacePath(`${name}h`) });
  });
  afterEach(() => {
    kernel.close();
    deleteNamespace(`${name}h`);
    deleteNamespace(`${name}p`);
  });

  const host = (...argv: string[]): Promise<string> =>
    runCommand({ argv, namespace: namespacePath(`${name}h`) });
  const peer = (...argv: string[]): Promise<string> =>
    runCommand({ argv, namespace: namespacePath(`${name}p`) });
  const nft = (input: string): Promise<string> =>
    runCommand({ argv: ["nft", "-f", "-"], input, namespace: namespacePath(`${name}h`) });

  /** A gateway device with the host's gateway addresses, and forwarding, as the agent sets it up. */
  const addGateway = (): number => {
    kernel.apply([{ type: "add-link", name: "romana-gw", kind: "bridge" }]);
    const link = kernel.links().find((other) => other.name === "romana-gw")?.index ?? 0;
    const failures = kernel.apply([
      { type: "set-link-up", link },
      { type: "add-address", address: { link, address: parseAddress("10.1.0.1"), prefixLength: 32 } },
      { type: "add-address", address: { link, address: parseAddress("fd00:1::1"), prefixLength: 128 } },
    ]);
    expect(failures).toEqual([]);
    kernel.setSysctl("net.ipv4.ip_forward", "1");
    kernel.setSysctl("net.ipv6.conf.all.forwarding", "1");
    return link;
  };

  describe("routes", () => {
    const changes = (type: "replace-route" | "delete-route", family: 4 | 6): KernelChange[] =>
      Array.from({ length: ROUTES }, (_, index): KernelChange => {
        const base = family === 4 ? parseAddress("10.0.0.0") : parseAddress("fd00::");
        const destination = { family, value: base.value + BigInt(index), length: family === 4 ? 32 : 128 };
        return { type, route: { destination, type: "blackhole", table: 254, metric: 0, protocol: 114 } };
      });

    test.each([
      [4, "10.0.39.15", "192.0.2.0/24"],
      [6, "fd00::270f", "2001:db8::/32"],
    ] as const)("10,000 of IPv%i come and go, foreign ones stay", async (family, last, foreign) => {
      const ip = (...argv: string[]): Promise<string> => host("ip", `-${family}`, ...argv);
      await ip("route", "add", "blackhole", foreign, "proto", "static");
      await ip("route", "add", "prohibit", foreign, "proto", "static", "metric", "2000");
      const before = await ip("route", "show", "proto", "static");
      expect(kernel.apply(changes("replace-route", family))).toEqual([]);
      const own = kernel.routes(254, 114);
      expect(own).toHaveLength(ROUTES);
      expect(own).toContainEqual({
        destination: { ...parseAddress(last), length: family === 4 ? 32 : 128 },
        type: "blackhole",
        table: 254,
        metric: family === 4 ? 0 : 1024,
        protocol: 114,
      });
      const listed = (await ip("route", "show", "proto", "114")).trim().split("\n");
      expect(listed).toHaveLength(ROUTES);
      expect(listed.some((line) => line.split(" ")[1] === last)).toBe(true);
      expect(kernel.apply(changes("delete-route", family))).toEqual([]);
      expect(kernel.routes(254, 114)).toEqual([]);
      expect(await ip("route", "show", "proto", "static")).toBe(before);
      expect(kernel.routes(254, 4).map(({ type }) => type)).toEqual(["blackhole", "prohibit"]);
    });
    test("are refused in the kernel's own words", () => {
      const destination = parsePrefix("10.2.0.0/16");
      const route = { destination, gateway: parseAddress("192.0.2.1"), table: 254, metric: 0, protocol: 114 };
      const change: KernelChange = { type: "replace-route", route: { ...route, type: "unicast" } };
      expect(kernel.apply([change])).toEqual([
        { change, errno: "ENETUNREACH", detail: expect.stringMatching(/gateway/) },
      ]);
    });
    test("of several ways and via IPv6 are read as what they are", async () => {
      addGateway();
      await host("ip", "route", "add", "10.5.0.0/16", "via", "inet6", "fe80::1", "dev", "romana-gw");
      await host(
        "ip",
        "route",
        "add",
        "10.6.0.0/16",
        "nexthop",
        "dev",
        "romana-gw",
        "nexthop",
        "dev",
        "romana-gw",
      );
      const routes = new Map(
        kernel.routes(254).map((route): [bigint, KernelRoute] => [route.destination.value, route]),
      );
      const device = kernel.links().find((link) => link.name === "romana-gw")?.index;
      expect(routes.get(parsePrefix("10.5.0.0/16").value)).toMatchObject({
        gateway: parseAddress("fe80::1"),
        device,
      });
      const several = routes.get(parsePrefix("10.6.0.0/16").value);
      expect([several?.type, several?.gateway, several?.device]).toEqual(["unicast", undefined, undefined]);
    });
  });

  test("a veth pair carries pings of both families at once, without a wait", async () => {
    addGateway();
    const veth = await kernel.createVeth({
      name: "rom0a01011b",
      mtu: 1400,
      peer: {
        namespace: namespacePath(`${name}p`),
        name: "eth0",
        mac: "02:00:0a:01:01:1b",
        addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("fd00:1::27/128")],
        gateways: [parseAddress("10.1.0.1"), parseAddress("fd00:1::1")],
      },
    });
    const device = veth.host.index;
    const route = { type: "unicast", device, table: 254, metric: 0, protocol: 114 } as const;
    const failures = kernel.apply([
      { type: "add-proxy-neighbour", neighbour: { link: device, address: parseAddress("fd00:1::1") } },
      {
        type: "replace-route",
        route: { ...route, destination: parsePrefix("10.1.1.27/32"), source: parseAddress("10.1.0.1") },
      },
      {
        type: "replace-route",
        route: { ...route, destination: parsePrefix("fd00:1::27/128"), source: parseAddress("fd00:1::1") },
      },
    ]);
    expect(failures).toEqual([]);
    const answers = [
      await host("ping", "-c1", "-W1", "fd00:1::27"),
      await host("ping", "-c1", "-W1", "10.1.1.27"),
      await peer("ping", "-c1", "-W1", "fd00:1::1"),
      await peer("ping", "-c1", "-W1", "10.1.0.1"),
    ];
    // Duplicate address detection takes 1 s, the delay of proxied advertisements up to 0.8 s.
    const times = answers.map((text) => Number(/time=([0-9.]+) ms/.exec(text)?.[1]));
    expect(times.filter((time) => !(time < 200))).toEqual([]);
    expect(await peer("ip", "-4", "route")).toBe(
      "default via 10.1.0.1 dev eth0 proto 114 \n10.1.0.1 dev eth0 proto 114 scope link \n",
    );
    expect(await peer("ip", "-o", "address", "show", "dev", "eth0")).toMatch(
      /inet 10\.1\.1\.27\/32 .*\n.*inet6 fd00:1::27\/128 scope global nodad/,
    );
    expect(await peer("ip", "link", "show", "dev", "eth0")).toMatch(/mtu 1400 [\s\S]*02:00:0a:01:01:1b/);
    expect(await peer("ip", "-6", "-o", "address", "show", "dev", "eth0", "scope", "link")).toMatch(
      /^[^\n]*inet6 fe80::aff:fe01:11b\/64 scope link nodad [^\n]*\n$/,
    );
  });

  test("a namespace where IPv6 is switched off gets it for the endpoint's interface", async () => {
    await peer("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
    const address = parsePrefix("fd00:1::27/128");
    const namespace = namespacePath(`${name}p`);
    await kernel.createVeth({
      name: "rom0",
      peer: { namespace, name: "eth0", addresses: [address], gateways: [] },
    });
    expect(await peer("ip", "-6", "-o", "address", "show", "dev", "eth0")).toContain("fd00:1::27/128");
  });

  test("many links are deleted together, and attaching goes on meanwhile", async () => {
    const create = async (index: number): Promise<void> => {
      const peer = { namespace: namespacePath(`${name}p`), name: `eth${index}`, addresses: [], gateways: [] };
      await kernel.createVeth({ name: `rom${index}`, peer });
    };
    const indexes = Array.from({ length: 110 }, (_, index) => index);
    for (const index of indexes) await create(index);
    const timed = async (work: () => Promise<unknown>): Promise<number> => {
      const start = performance.now();
      await work();
      return performance.now() - start;
    };
    const tenOneByOne = await timed(async () => {
      for (const index of indexes.slice(0, 10)) await kernel.deleteLink(`rom${index}`);
    });
    const hundredTogether = await timed(async () => {
      const deleted = Promise.all(indexes.slice(10).map((index) => kernel.deleteLink(`rom${index}`)));
      await create(1_000);
      await deleted;
    });
    expect(hundredTogether).toBeLessThan(5 * tenOneByOne);
    expect(kernel.links().map((link) => link.name)).toEqual(["lo", "rom1000"]);
  });

  test("deletions end with the kernel that was asked", async () => {
    const peer = { namespace: namespacePath(`${name}p`), addresses: [], gateways: [] };
    for (const index of [1, 2])
      await kernel.createVeth({ name: `rom${index}`, peer: { ...peer, name: `eth${index}` } });
    const first = kernel.deleteLink("rom1");
    await Promise.resolve();
    const second = kernel.deleteLink("rom2");
    kernel.close();
    const results = await Promise.allSettled([first, second]);
    expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });

  test("a plain file is no namespace", async () => {
    const spec = { namespace: "/etc/hostname", name: "eth0", addresses: [], gateways: [] };
    await expect(kernel.createVeth({ name: "rom0", peer: spec })).rejects.toThrow(
      'Cannot find network namespace "/etc/hostname"',
    );
    expect(kernel.links().map((link) => link.name)).toEqual(["lo"]);
  });

  test("supportsLinkKind() says what `ip` says", async () => {
    const dummy = await host("ip", "link", "add", "d0", "type", "dummy").then(
      () => true,
      () => false,
    );
    expect(kernel.supportsLinkKind("dummy")).toBe(dummy);
  });

  describe("nftables", () => {
    const FOREIGN =
      "table inet foreign {\n\tchain c {\n\t\ttype filter hook input priority 0;\n\t\tcounter accept\n\t}\n}\n";
    const OWN =
      "add table inet romana\ndelete table inet romana\ntable inet romana {\n\tset s {\n\t\ttype ipv4_addr\n\t}\n}\n";

    test("the listing is that of the nft command, and other tables stay as they are", async () => {
      await nft(FOREIGN);
      const before = await host("nft", "list", "table", "inet", "foreign");
      kernel.runNft(OWN);
      kernel.runNft(OWN);
      expect(kernel.listTable("romana")).toBe(await host("nft", "-s", "list", "table", "inet", "romana"));
      expect(() => kernel.runNft("flush ruleset\nadd rule inet romana nochain accept\n")).toThrow(
        "Cannot run nft text: line 2: Could not process rule: No such file or directory: add rule inet romana nochain accept",
      );
      expect(await host("nft", "list", "table", "inet", "foreign")).toBe(before);
      expect(kernel.listTable("romana")).toContain("set s");
    });
    test("10,000 elements go in and out in one transaction each", async () => {
      kernel.runNft(OWN);
      const keys = Array.from({ length: 10_000 }, (_, index) =>
        Buffer.from([10, 0, index >> 8, index & 255]),
      );
      kernel.changeSets([{ table: "romana", set: "s", add: keys, remove: [] }]);
      const listing = await host("nft", "list", "set", "inet", "romana", "s");
      expect(listing.match(/10\.0\.\d+\.\d+/g)).toHaveLength(10_000);
      expect(listing).toContain("10.0.39.15");
      kernel.changeSets([{ table: "romana", set: "s", add: [], remove: keys }]);
      expect(await host("nft", "list", "set", "inet", "romana", "s")).not.toContain("elements");
    });
    test("a device that is younger than the library is found by its name", () => {
      kernel.runNft(OWN);
      addGateway();
      kernel.runNft('add chain inet romana c\nadd rule inet romana c iif "romana-gw" accept\n');
      expect(kernel.listTable("romana")).toContain('iif "romana-gw" accept');
    });
    test("text longer than any pipe goes in whole", () => {
      const lines = Array.from(
        { length: 5_000 },
        (_, index) => `add element inet romana s { 10.0.${index >> 8}.${index & 255} }`,
      );
      kernel.runNft(`${OWN}${lines.join("\n")}\n`);
      expect(kernel.listTable("romana")?.match(/10\.0\.\d+\.\d+/g)).toHaveLength(5_000);
    });
  });
});

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import {
  type Kernel,
  type KernelChange,
  type KernelEvent,
  type KernelRoute,
  MAIN_TABLE,
  ROMANA_PROTOCOL,
  type VethSpec,
} from "./kernel.ts";

/** A kernel with nothing but a loopback device, and what the suite does to it from outside. */
export interface KernelFixture {
  readonly kernel: Kernel;
  /** Path of a namespace for peers, where nothing is. */
  readonly peerNamespace: string;
  deletePeerNamespace(): void;
  /** Runs nft text in another process. */
  foreignNft(text: string): void;
  close(): void;
}

/** A link kind that every tested kernel can make (the development machines have no dummy). */
const KIND = "bridge";

/** The laws of {@link Kernel}: the same suite for the fake and for Linux. */
export function kernelCases(open: () => KernelFixture): void {
  let fixture: KernelFixture;
  let kernel: Kernel;

  beforeEach(() => {
    fixture = open();
    ({ kernel } = fixture);
  });
  afterEach(() => fixture.close());

  const indexOf = (name: string): number => {
    const link = kernel.links().find((other) => other.name === name);
    if (link === undefined) throw new Error(`no link ${name}`);
    return link.index;
  };

  /** A bridge that is up and has 10.9.0.1/24 and fd00:9::1/64. */
  const addUnderlay = (): number => {
    expect(kernel.apply([{ type: "add-link", name: "up0", kind: KIND }])).toEqual([]);
    const link = indexOf("up0");
    const changes: KernelChange[] = [
      { type: "set-link-up", link },
      { type: "add-address", address: { link, address: parseAddress("10.9.0.1"), prefixLength: 24 } },
      { type: "add-address", address: { link, address: parseAddress("fd00:9::1"), prefixLength: 64 } },
    ];
    expect(kernel.apply(changes)).toEqual([]);
    return link;
  };

  const failuresOf = (...changes: KernelChange[]): string[] =>
    kernel.apply(changes).map(({ change, errno }) => `${changes.indexOf(change)} ${errno}`);

  const addressTexts = (link: number): string[] =>
    kernel
      .addresses()
      .filter((address) => address.link === link && !formatAddress(address.address).startsWith("fe80"))
      .map(({ address, prefixLength }) => `${formatAddress(address)}/${prefixLength}`);

  /** Our routes as text, without those of another protocol. */
  const routeTexts = (table = MAIN_TABLE): string[] =>
    kernel.routes(table, ROMANA_PROTOCOL).map((route) => routeText(route));

  const replace = (text: string, more: Partial<KernelRoute> = {}): KernelChange => ({
    type: "replace-route",
    route: route(text, more),
  });
  const remove = (text: string, more: Partial<KernelRoute> = {}): KernelChange => ({
    type: "delete-route",
    route: route(text, more),
  });

  describe("links", () => {
    test("a new kernel has the loopback device", () => {
      expect(kernel.links().map(({ index, name, mtu }) => ({ index, name, mtu }))).toEqual([
        { index: 1, name: "lo", mtu: 65_536 },
      ]);
    });
    test("add-link makes a link that is down, with its MAC address", () => {
      const change: KernelChange = { type: "add-link", name: "a0", kind: KIND, mac: "02:00:00:00:00:07" };
      expect(failuresOf(change, change)).toEqual([]);
      expect(kernel.links().filter(({ name }) => name === "a0")).toEqual([
        { index: indexOf("a0"), name: "a0", kind: KIND, up: false, mac: "02:00:00:00:00:07", mtu: 1500 },
      ]);
    });
    test("add-link of what is there sets its MAC address", () => {
      const changes: KernelChange[] = ["02:00:00:00:00:07", "02:00:00:00:00:08"].map((mac) => ({
        type: "add-link",
        name: "a0",
        kind: KIND,
        mac,
      }));
      expect(failuresOf(...changes)).toEqual([]);
      expect(kernel.links().find(({ name }) => name === "a0")?.mac).toBe("02:00:00:00:00:08");
    });
    test("add-link refuses a name that another kind of link has", () => {
      kernel.createVeth(vethSpec());
      expect(failuresOf({ type: "add-link", name: "rom0a01011b", kind: KIND })).toEqual(["0 EEXIST"]);
    });
    test("set-link-up brings a link up, and refuses one that is gone", () => {
      failuresOf({ type: "add-link", name: "a0", kind: KIND });
      expect(
        failuresOf({ type: "set-link-up", link: indexOf("a0") }, { type: "set-link-up", link: 4711 }),
      ).toEqual(["1 ENODEV"]);
      expect(kernel.links().find(({ name }) => name === "a0")?.up).toBe(true);
    });
    test("delete-link takes addresses and routes along, and is content when there is none", () => {
      const device = addUnderlay();
      failuresOf(replace("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }));
      expect(routeTexts()).toEqual([`10.2.0.0/16 via 10.9.0.2 dev ${device} metric 0`]);
      expect(failuresOf({ type: "delete-link", name: "up0" }, { type: "delete-link", name: "up0" })).toEqual(
        [],
      );
      expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
      expect(kernel.addresses()).toEqual([]);
      expect(routeTexts()).toEqual([]);
    });
    test("supportsLinkKind() leaves no link behind", () => {
      expect(kernel.supportsLinkKind(KIND)).toBe(true);
      expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
    });
  });

  describe("addresses", () => {
    test("are added once and deleted once", () => {
      const link = addUnderlay();
      const address = { link, address: parseAddress("10.1.0.1"), prefixLength: 32 };
      expect(failuresOf({ type: "add-address", address }, { type: "add-address", address })).toEqual([]);
      expect(addressTexts(link)).toEqual(
        expect.arrayContaining(["10.1.0.1/32", "10.9.0.1/24", "fd00:9::1/64"]),
      );
      expect(failuresOf({ type: "delete-address", address }, { type: "delete-address", address })).toEqual(
        [],
      );
      expect(addressTexts(link).toSorted()).toEqual(["10.9.0.1/24", "fd00:9::1/64"]);
    });
    test("are refused on a link that is gone, and deleting them there is fine", () => {
      const address = { link: 4711, address: parseAddress("fd00::1"), prefixLength: 128 };
      expect(failuresOf({ type: "add-address", address }, { type: "delete-address", address })).toEqual([
        "0 ENODEV",
      ]);
    });
    test("of IPv6 are refused with another prefix length", () => {
      const address = { link: addUnderlay(), address: parseAddress("fd00:9::1"), prefixLength: 128 };
      expect(failuresOf({ type: "add-address", address })).toEqual(["0 EEXIST"]);
    });
    test("bring the route to their prefix", () => {
      const link = addUnderlay();
      const connected = kernel
        .routes(MAIN_TABLE)
        .filter(({ destination }) => !formatPrefix(destination).startsWith("fe80"));
      expect(connected.map(routeText)).toEqual([
        `10.9.0.0/24 dev ${link} src 10.9.0.1 metric 0`,
        `fd00:9::/64 dev ${link} metric 256`,
      ]);
      expect(connected.map(({ protocol }) => protocol)).toEqual([2, 2]);
    });
  });

  describe("routes", () => {
    test("of all kinds read back as they were written", () => {
      const device = addUnderlay();
      const changes = [
        replace("10.1.0.0/16", { type: "blackhole" }),
        replace("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), device }),
        replace("10.3.0.0/16", { gateway: parseAddress("10.9.0.3"), source: parseAddress("10.9.0.1") }),
        replace("10.4.0.1/32", { device, metric: 7 }),
        replace("fd00:1::/48", { type: "blackhole" }),
        replace("fd00:2::/48", { gateway: parseAddress("fd00:9::2"), device }),
        replace("fd00:3::/48", { gateway: parseAddress("fd00:9::3"), source: parseAddress("fd00:9::1") }),
        replace("fd00:4::1/128", { device, metric: 7 }),
      ];
      expect(failuresOf(...changes)).toEqual([]);
      const expected = [
        "10.1.0.0/16 blackhole metric 0",
        `10.2.0.0/16 via 10.9.0.2 dev ${device} metric 0`,
        `10.3.0.0/16 via 10.9.0.3 dev ${device} src 10.9.0.1 metric 0`,
        `10.4.0.1/32 dev ${device} metric 7`,
        "fd00:1::/48 blackhole metric 1024",
        `fd00:2::/48 via fd00:9::2 dev ${device} metric 1024`,
        `fd00:3::/48 via fd00:9::3 dev ${device} src fd00:9::1 metric 1024`,
        `fd00:4::1/128 dev ${device} metric 7`,
      ];
      expect(routeTexts().toSorted()).toEqual(expected);
      expect(failuresOf(...changes)).toEqual([]);
      expect(routeTexts().toSorted()).toEqual(expected);
    });
    test.each([
      ["10.2.0.0/16", "10.9.0.2", "10.9.0.3", 0],
      ["fd00:2::/48", "fd00:9::2", "fd00:9::3", 1024],
    ])("%s is replaced in its slot, also when it was foreign", (destination, first, second, metric) => {
      const device = addUnderlay();
      expect(
        failuresOf(
          replace(destination, { gateway: parseAddress(first), protocol: 4 }),
          replace(destination, { gateway: parseAddress(second) }),
        ),
      ).toEqual([]);
      const all = kernel
        .routes(MAIN_TABLE)
        .filter((found) => formatPrefix(found.destination) === destination);
      expect(all.map(routeText)).toEqual([`${destination} via ${second} dev ${device} metric ${metric}`]);
    });
    test.each(["10.2.0.0/16", "fd00:2::/48"])(
      "%s: a way out takes the place of a blackhole and back",
      (text) => {
        const device = addUnderlay();
        expect(failuresOf(replace(text, { type: "blackhole" }), replace(text, { device }))).toEqual([]);
        expect(routeTexts()).toEqual([expect.stringContaining(`${text} dev ${device}`)]);
        expect(failuresOf(replace(text, { type: "blackhole" }))).toEqual([]);
        expect(routeTexts()).toEqual([expect.stringContaining(`${text} blackhole`)]);
      },
    );
    test.each(["10.2.0.0/16", "fd00:2::/48"])("%s: other tables and metrics are other slots", (text) => {
      const changes = [
        replace(text, { type: "blackhole", metric: 5 }),
        replace(text, { type: "blackhole", metric: 6 }),
        replace(text, { type: "blackhole", metric: 5, table: 1000 }),
      ];
      expect(failuresOf(...changes)).toEqual([]);
      expect(routeTexts()).toEqual([`${text} blackhole metric 5`, `${text} blackhole metric 6`]);
      expect(routeTexts(1000)).toEqual([`${text} blackhole metric 5`]);
      expect(failuresOf(remove(text, { type: "blackhole", metric: 5 }))).toEqual([]);
      expect(routeTexts()).toEqual([`${text} blackhole metric 6`]);
      expect(routeTexts(1000)).toEqual([`${text} blackhole metric 5`]);
    });
    test("are not there in a table that nobody uses", () => {
      expect(kernel.routes(4711)).toEqual([]);
    });
    test.each(["10.2.0.0/16", "fd00:2::/48"])("%s: deleting spares a route that is not ours", (text) => {
      const foreign = { type: "blackhole", protocol: 4 } as const;
      failuresOf(replace(text, foreign));
      expect(failuresOf(remove(text, { type: "blackhole" }))).toEqual([]);
      const left = kernel.routes(MAIN_TABLE).filter((found) => formatPrefix(found.destination) === text);
      expect(left.map(({ protocol }) => protocol)).toEqual([4]);
      expect(failuresOf(remove(text, foreign), remove(text, foreign))).toEqual([]);
    });
    test("deleting what is gone succeeds, with its link too", () => {
      expect(
        failuresOf(
          remove("10.2.0.0/16", { type: "blackhole" }),
          remove("fd00:2::/48", { type: "blackhole" }),
          remove("10.2.0.0/16", { device: 4711 }),
          remove("fd00:2::/48", { device: 4711 }),
          remove("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), table: 4711 }),
        ),
      ).toEqual([]);
    });
    test("that lead nowhere are refused one by one, and the others are made", () => {
      failuresOf({ type: "add-link", name: "down0", kind: KIND });
      addUnderlay();
      expect(
        failuresOf(
          replace("10.2.0.0/16", { gateway: parseAddress("192.0.2.1") }),
          replace("10.3.0.0/16", { type: "blackhole" }),
          replace("10.4.0.0/16", { device: 4711 }),
          replace("10.5.0.0/16", { device: indexOf("down0") }),
          replace("10.6.0.0/16", { gateway: parseAddress("10.9.0.2"), source: parseAddress("192.0.2.1") }),
          replace("fd00:2::/48", { gateway: parseAddress("2001:db8::1") }),
          replace("fd00:3::/48", { gateway: parseAddress("fe80::1") }),
          replace("fd00:4::/48", { device: 4711 }),
          replace("fd00:5::/48", { device: indexOf("down0") }),
          replace("fd00:6::/48", { type: "blackhole" }),
        ),
      ).toEqual([
        "0 ENETUNREACH",
        "2 ENODEV",
        "3 ENETDOWN",
        "4 EINVAL",
        "5 EHOSTUNREACH",
        "6 EINVAL",
        "7 ENODEV",
        "8 ENETDOWN",
      ]);
      expect(routeTexts()).toEqual(["10.3.0.0/16 blackhole metric 0", "fd00:6::/48 blackhole metric 1024"]);
    });
  });

  describe("proxied neighbours", () => {
    test.each(["10.1.0.1", "fd00:1::1"])("%s is added once and deleted once", (text) => {
      const neighbour = { link: addUnderlay(), address: parseAddress(text) };
      const add: KernelChange = { type: "add-proxy-neighbour", neighbour };
      expect(failuresOf(add, add)).toEqual([]);
      expect(kernel.proxyNeighbours()).toEqual([neighbour]);
      const drop: KernelChange = { type: "delete-proxy-neighbour", neighbour };
      expect(failuresOf(drop, drop)).toEqual([]);
      expect(kernel.proxyNeighbours()).toEqual([]);
    });
    test("are refused on a link that is gone, and deleting them there is fine", () => {
      const neighbour = { link: 4711, address: parseAddress("fd00:1::1") };
      expect(
        failuresOf({ type: "add-proxy-neighbour", neighbour }, { type: "delete-proxy-neighbour", neighbour }),
      ).toEqual(["0 ENODEV"]);
    });
  });

  const vethSpec = (peer: Partial<VethSpec["peer"]> = {}): VethSpec => ({
    name: "rom0a01011b",
    peer: {
      namespace: fixture.peerNamespace,
      name: "eth0",
      addresses: [parsePrefix("10.1.1.27/32"), parsePrefix("fd00:1::27/128")],
      gateways: [parseAddress("10.1.0.1"), parseAddress("fd00:1::1")],
      ...peer,
    },
  });

  describe("veth pairs", () => {
    test("are made with the host's end up and its sysctls set", () => {
      const veth = kernel.createVeth({ ...vethSpec({ mac: "02:00:0a:01:01:1b" }), mtu: 1400 });
      const { name, kind, up, mtu } = veth.host;
      expect({ name, kind, up, mtu }).toEqual({ name: "rom0a01011b", kind: "veth", up: true, mtu: 1400 });
      expect(veth.peer).toEqual({ name: "eth0", mac: "02:00:0a:01:01:1b" });
      expect(kernel.links().find((link) => link.name === name)?.index).toBe(veth.host.index);
      const conf = (text: string): string | undefined => kernel.sysctl(text);
      expect(conf("net.ipv4.conf.rom0a01011b.rp_filter")).toBe("1");
      expect(conf("net.ipv6.conf.rom0a01011b.proxy_ndp")).toBe("1");
      expect(conf("net.ipv6.neigh.rom0a01011b.proxy_delay")).toBe("0");
      expect(conf("net.ipv6.conf.rom0a01011b.accept_ra")).toBe("0");
    });
    test("get a MAC address when none is given", () => {
      expect(kernel.createVeth(vethSpec()).peer.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
    });
    test.each<[string, string, Partial<VethSpec["peer"]>]>([
      ["the host's name", "rom0a01011b", { name: "eth1" }],
      ["the peer's name", "eth0", {}],
    ])("are refused when %s is taken", (what, taken, peer) => {
      kernel.createVeth(vethSpec());
      const name = what.startsWith("the host") ? "rom0a01011b" : "romother";
      const error = thrown(() => kernel.createVeth({ ...vethSpec(peer), name }));
      expect(error).toMatchObject({ failure: { code: "conflict", noun: "interface", name: taken } });
      expect(kernel.links().map((link) => link.name)).toEqual(["lo", "rom0a01011b"]);
    });
    test("are refused when the namespace is gone", () => {
      fixture.deletePeerNamespace();
      const error = thrown(() => kernel.createVeth(vethSpec()));
      expect(error).toMatchObject({
        message: `Cannot find network namespace "${fixture.peerNamespace}"`,
        failure: { code: "not-found" },
      });
      expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
    });
    test("leave nothing behind when the last step fails", () => {
      const twice = [parsePrefix("10.1.1.27/32"), parsePrefix("10.1.1.27/32")];
      const error = thrown(() => kernel.createVeth(vethSpec({ addresses: twice })));
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "EEXIST" } });
      expect(kernel.links().map(({ name }) => name)).toEqual(["lo"]);
      kernel.createVeth(vethSpec());
    });
    test("go with their namespace", async () => {
      kernel.createVeth(vethSpec());
      fixture.deletePeerNamespace();
      // Linux dismantles namespaces in the background.
      await expect.poll(() => kernel.links().map(({ name }) => name), { timeout: 5_000 }).toEqual(["lo"]);
    });
    test("go when the host's end is deleted, and can be made again", () => {
      kernel.createVeth(vethSpec());
      expect(failuresOf({ type: "delete-link", name: "rom0a01011b" })).toEqual([]);
      kernel.createVeth(vethSpec());
    });
  });

  describe("sysctls", () => {
    test("are read, set and read back", () => {
      expect(kernel.sysctl("net.ipv4.ip_forward")).toBe("0");
      kernel.setSysctl("net.ipv4.ip_forward", "1");
      kernel.setSysctl("net.ipv6.conf.all.forwarding", "1");
      expect(kernel.sysctl("net.ipv4.ip_forward")).toBe("1");
      expect(kernel.sysctl("net.ipv4.conf.all.forwarding")).toBe("1");
      expect(kernel.sysctl("net.ipv6.conf.lo.forwarding")).toBe("1");
    });
    test.each(["net.ipv4.conf.nothere.rp_filter", "net.ipv4.nothing", "net..x", "net.../...x", "__proto__"])(
      "%s is not there",
      (name) => {
        expect(kernel.sysctl(name)).toBeUndefined();
        expect(
          hasCode(
            thrown(() => kernel.setSysctl(name, "1")),
            "not-found",
          ),
        ).toBe(true);
      },
    );
    test("of a link with a dot in its name are reached with a slash", () => {
      failuresOf({ type: "add-link", name: "a.7", kind: KIND });
      kernel.setSysctl("net.ipv4.conf.a/7.rp_filter", "1");
      expect(kernel.sysctl("net.ipv4.conf.a/7.rp_filter")).toBe("1");
    });
  });

  describe("nftables", () => {
    const TABLE = [
      "add table inet romana",
      "delete table inet romana",
      "table inet romana {",
      "  counter drops { packets 3 bytes 300; }",
      "  set bound {",
      "    type iface_index . ipv4_addr",
      "    elements = { 1 . 10.1.1.27, }",
      "  }",
      "  set endpoint_devices {",
      "    type ifname",
      "  }",
      "  chain forward {",
      "    type filter hook forward priority 0; policy accept;",
      "    iif . ip saddr @bound accept",
      "    counter name drops drop",
      "  }",
      "}",
      "",
    ].join("\n");

    test("text makes a table, which reads back the same each time", () => {
      expect(kernel.listTable("romana")).toBeUndefined();
      kernel.runNft(TABLE);
      const first = kernel.listTable("romana");
      expect(first).toMatch(/^table inet romana \{\n/);
      expect(first).toContain("10.1.1.27");
      kernel.runNft(TABLE);
      expect(kernel.listTable("romana")).toBe(first);
    });
    test.each([
      ["no nft", "add table inet other\nthis is no nft\n"],
      ["an unknown chain", "add table inet other\nadd rule inet other nochain accept\n"],
      ["an unknown set", "table inet other {\n  chain c {\n    ip saddr @nothere accept\n  }\n}\n"],
      ["an unknown table", "add table inet other\ndelete table inet nothere\n"],
      ["a brace that is not closed", "table inet other {\n  chain c {\n    accept\n  }\n"],
    ])("text with %s changes nothing", (_, text) => {
      kernel.runNft(TABLE);
      const before = kernel.listTable("romana");
      const error = thrown(() => kernel.runNft(`flush table inet romana\n${text}`));
      expect(error).toMatchObject({
        message: expect.stringMatching(/^Cannot run nft text: .+/),
        failure: { code: "command-failed", argv: ["nft", "-f", "-"], status: 1 },
      });
      expect(kernel.listTable("other")).toBeUndefined();
      expect(kernel.listTable("romana")).toBe(before);
    });
    test("the message names the line", () => {
      const error = thrown(() => kernel.runNft("add table inet other\n\nfoo bar\n"));
      expect((error as Error).message).toMatch(/^Cannot run nft text: line 3: syntax error.*: foo bar$/);
    });
    test("counters are read, and do not change the listing", () => {
      kernel.runNft(TABLE);
      expect([...kernel.counters("romana")]).toEqual([["drops", { packets: 3, bytes: 300 }]]);
      const listing = kernel.listTable("romana");
      kernel.runNft(TABLE.replace("packets 3 bytes 300", "packets 4 bytes 400"));
      expect([...kernel.counters("romana")]).toEqual([["drops", { packets: 4, bytes: 400 }]]);
      expect(kernel.listTable("romana")).toBe(listing);
      expect([...kernel.counters("nothere")]).toEqual([]);
    });
    test("elements come and go without a look at the rest, and twice is fine", () => {
      kernel.runNft(TABLE);
      const before = kernel.listTable("romana");
      const key = boundKey(1, [10, 1, 1, 28]);
      const name = Buffer.alloc(16);
      name.write("rom0a01011c");
      const change = (keys: Uint8Array[], names: Uint8Array[], type: "add" | "remove"): void => {
        const none = { add: [], remove: [] };
        kernel.changeSets([
          { table: "romana", set: "bound", ...none, [type]: keys },
          { table: "romana", set: "endpoint_devices", ...none, [type]: names },
        ]);
      };
      change([key], [name], "add");
      change([key], [name], "add");
      expect(kernel.listTable("romana")).toMatch(/10\.1\.1\.28[\s\S]*rom0a01011c/);
      change([key], [name], "remove");
      change([key], [name], "remove");
      expect(kernel.listTable("romana")).toBe(before);
    });
    test("an element that is removed and added in one change is there after it", () => {
      kernel.runNft(TABLE);
      const before = kernel.listTable("romana");
      const key = boundKey(1, [10, 1, 1, 27]);
      kernel.changeSets([{ table: "romana", set: "bound", add: [key], remove: [key] }]);
      expect(kernel.listTable("romana")).toBe(before);
    });
    test("a change of elements happens as a whole or not at all", () => {
      kernel.runNft(TABLE);
      const before = kernel.listTable("romana");
      const add = [boundKey(1, [10, 1, 1, 28])];
      const error = thrown(() =>
        kernel.changeSets([
          { table: "romana", set: "bound", add, remove: [] },
          { table: "romana", set: "nothere", add, remove: [] },
        ]),
      );
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "ENOENT" } });
      expect(kernel.listTable("romana")).toBe(before);
      kernel.changeSets([]);
      kernel.changeSets([{ table: "romana", set: "nothere", add: [], remove: [] }]);
    });
  });

  describe("events", () => {
    let abort: AbortController;
    let seen: KernelEvent[];
    let ended: Promise<void>;

    beforeEach(() => {
      abort = new AbortController();
      seen = [];
      const events = kernel.events(abort.signal);
      ended = (async () => {
        for await (const event of events) seen.push(event);
      })();
    });
    afterEach(() => abort.abort());

    test("tell links, addresses and routes as they are read", async () => {
      const link = addUnderlay();
      failuresOf(
        replace("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }),
        remove("10.2.0.0/16", { gateway: parseAddress("10.9.0.2") }),
        replace("fd00:2::/48", { gateway: parseAddress("fd00:9::2") }),
      );
      const written = (destination: string): KernelEvent => ({
        type: "route",
        action: "new",
        route: kernel
          .routes(MAIN_TABLE)
          .find((found) => formatPrefix(found.destination) === destination) as KernelRoute,
      });
      const deleted = route("10.2.0.0/16", { gateway: parseAddress("10.9.0.2"), device: link });
      const up = kernel.links().find(({ index }) => index === link);
      await expect
        .poll(() => seen)
        .toEqual(
          expect.arrayContaining([
            { type: "link", action: "new", link: expect.objectContaining({ index: link, up: false }) },
            { type: "link", action: "new", link: up },
            {
              type: "address",
              action: "new",
              address: { link, address: parseAddress("10.9.0.1"), prefixLength: 24 },
            },
            { type: "route", action: "new", route: deleted },
            { type: "route", action: "delete", route: deleted },
            written("fd00:2::/48"),
          ]),
        );
      failuresOf({ type: "delete-link", name: "up0" });
      const gone = { type: "link", action: "delete", link: expect.objectContaining({ index: link }) };
      await expect.poll(() => seen).toContainEqual(gone);
    });
    test("tell changed tables and who changed them", async () => {
      kernel.runNft("add table inet romana\nadd set inet romana s { type ipv4_addr; }\n");
      const own = { type: "table", table: "romana", ownProcess: true };
      await expect.poll(() => tables(seen)).toEqual([own]);
      kernel.changeSets([{ table: "romana", set: "s", add: [Buffer.from([10, 1, 1, 1])], remove: [] }]);
      await expect.poll(() => tables(seen)).toEqual([own, own]);
      fixture.foreignNft("add table inet other\ndelete table inet romana\n");
      await expect.poll(() => tables(seen)).toHaveLength(4);
      expect(tables(seen).slice(2)).toEqual(
        expect.arrayContaining([
          { type: "table", table: "other", ownProcess: false },
          { type: "table", table: "romana", ownProcess: false },
        ]),
      );
    });
    test("tell sysctls by family and link", async () => {
      const link = addUnderlay();
      kernel.setSysctl("net.ipv4.conf.up0.rp_filter", "2");
      kernel.setSysctl("net.ipv6.conf.up0.proxy_ndp", "1");
      kernel.setSysctl("net.ipv4.ip_forward", "1");
      await expect
        .poll(() => seen)
        .toEqual(
          expect.arrayContaining([
            { type: "netconf", family: 4, link },
            { type: "netconf", family: 6, link },
            { type: "netconf", family: 4, link: "all" },
          ]),
        );
    });
    test("start when events() returns, for everybody who asked", async () => {
      const late = new AbortController();
      const events = kernel.events(late.signal);
      failuresOf({ type: "add-link", name: "a0", kind: KIND });
      const first = await events[Symbol.asyncIterator]().next();
      expect(first.value).toMatchObject({ type: expect.stringMatching(/^(link|netconf)$/) });
      await expect.poll(() => seen.filter(({ type }) => type === "link")).not.toEqual([]);
      late.abort();
    });
    test("end at once when aborted", async () => {
      abort.abort();
      await ended;
      failuresOf({ type: "add-link", name: "a0", kind: KIND });
      expect(seen).toEqual([]);
    });
    test("do not begin when aborted before", async () => {
      const found: KernelEvent[] = [];
      for await (const event of kernel.events(AbortSignal.abort())) found.push(event);
      expect(found).toEqual([]);
    });
    test("end when the kernel is closed", async () => {
      kernel.close();
      await ended;
    });
  });
}

function tables(events: readonly KernelEvent[]): readonly KernelEvent[] {
  return events.filter(({ type }) => type === "table");
}

function boundKey(link: number, address: readonly number[]): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeUInt32LE(link, 0);
  key.set(address, 4);
  return key;
}

function route(destination: string, more: Partial<KernelRoute>): KernelRoute {
  return {
    destination: parsePrefix(destination),
    type: "unicast",
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
    ...more,
  };
}

function routeText({ destination, type, gateway, device, source, metric }: KernelRoute): string {
  return [
    formatPrefix(destination),
    ...(type === "unicast" ? [] : [type]),
    ...(gateway === undefined ? [] : ["via", formatAddress(gateway)]),
    ...(device === undefined ? [] : ["dev", device]),
    ...(source === undefined ? [] : ["src", formatAddress(source)]),
    "metric",
    metric,
  ].join(" ");
}

/** What a function throws. */
function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

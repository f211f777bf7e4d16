import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatAddress, formatPrefix, parsePrefix } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel, KernelChange, KernelEvent } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { leaveHostNamespace } from "../support/network-sandbox.ts";

/** Within this many milliseconds after the command has ended its event must be here. */
const BOUND = 100;

leaveHostNamespace();

describe("drift made by other tools", () => {
  let number = 0;
  let name: string;
  let kernel: Kernel;
  let abort: AbortController;
  let events: AsyncIterator<KernelEvent>;

  beforeEach(async () => {
    name = `romsys-${process.pid}-e${++number}`;
    createNamespace(name);
    kernel = createLinuxKernel({ namespace: namespacePath(name) });
    await host("ip", "link", "add", "br0", "type", "bridge");
    await host("ip", "link", "set", "br0", "up");
    await host("ip", "address", "add", "10.9.0.1/24", "dev", "br0");
    kernel.runNft("add table inet romana\nadd set inet romana s { type ipv4_addr; }\n");
    abort = new AbortController();
    events = kernel.events(abort.signal)[Symbol.asyncIterator]();
  });
  afterEach(() => {
    abort.abort();
    kernel.close();
    deleteNamespace(name);
  });

  const host = (...argv: string[]): Promise<string> => runCommand({ argv, namespace: namespacePath(name) });

  /** A short text for an event, without what differs from run to run. */
  const text = (event: KernelEvent): string => {
    switch (event.type) {
      case "link":
        return `link ${event.action} ${event.link.name} ${event.link.up ? "up" : "down"}`;
      case "address":
        return `address ${event.action} ${formatAddress(event.address.address)}/${event.address.prefixLength}`;
      case "route":
        return `route ${event.action} ${event.route.type} ${formatPrefix(event.route.destination)}`;
      case "netconf":
        return `netconf ${event.family} ${typeof event.link === "number" ? "device" : event.link}`;
      case "table":
        return `table ${event.table} ${event.ownProcess ? "own" : "foreign"}`;
      default:
        return event.type;
    }
  };

  /** Waits for an event with this text and returns the events before it. */
  const until = async (expected: string): Promise<string[]> => {
    const before: string[] = [];
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error(`the events ended before "${expected}", after ${before.join(", ")}`);
      if (text(value) === expected) return before;
      before.push(text(value));
    }
  };

  test.each([
    ["ip route add blackhole 10.7.0.0/16", "route new blackhole 10.7.0.0/16"],
    ["ip route replace prohibit 10.7.0.0/16", "route new prohibit 10.7.0.0/16"],
    ["ip -6 route add blackhole fd00:7::/48", "route new blackhole fd00:7::/48"],
    ["ip route delete 10.9.0.0/24 dev br0", "route delete unicast 10.9.0.0/24"],
    ["ip address add 10.8.0.1/32 dev br0", "address new 10.8.0.1/32"],
    ["ip address delete 10.9.0.1/24 dev br0", "address delete 10.9.0.1/24"],
    ["ip -6 address add fd00:8::1/128 dev br0 nodad", "address new fd00:8::1/128"],
    ["ip link set br0 down", "link new br0 down"],
    ["ip link add br1 type bridge", "link new br1 down"],
    ["ip link delete br0", "link delete br0 down"],
    ["nft add table inet other", "table other foreign"],
    ["nft flush ruleset", "table romana foreign"],
    ["nft add element inet romana s { 10.1.1.1 }", "table romana foreign"],
    ["nft add chain inet romana c", "table romana foreign"],
    ["sysctl -qw net.ipv4.ip_forward=1", "netconf 4 all"],
    ["sysctl -qw net.ipv6.conf.all.forwarding=1", "netconf 6 all"],
    ["sysctl -qw net.ipv4.conf.br0.forwarding=1", "netconf 4 device"],
    ["sysctl -qw net.ipv4.conf.br0.rp_filter=2", "netconf 4 device"],
    ["sysctl -qw net.ipv4.conf.br0.proxy_arp=1", "netconf 4 device"],
    ["sysctl -qw net.ipv6.conf.br0.forwarding=1", "netconf 6 device"],
    ["sysctl -qw net.ipv6.conf.br0.proxy_ndp=1", "netconf 6 device"],
  ])("%s is seen as %s", async (command, expected) => {
    await host(...command.split(" "));
    const ended = performance.now();
    await until(expected);
    expect(performance.now() - ended).toBeLessThan(BOUND);
  });

  test.each([
    "sysctl -qw net.ipv6.conf.br0.accept_ra=0",
    "sysctl -qw net.ipv6.conf.br0.autoconf=0",
    "sysctl -qw net.ipv6.conf.br0.accept_dad=0",
    "sysctl -qw net.ipv4.conf.br0.accept_redirects=0",
    "sysctl -qw net.ipv6.conf.br0.accept_redirects=0",
    "sysctl -qw net.ipv4.conf.br0.arp_ignore=1",
    "sysctl -qw net.ipv6.neigh.br0.proxy_delay=0",
    "ip neighbour add proxy 10.1.0.1 dev br0",
  ])("%s is silent: whoever cares must look", async (command) => {
    await host(...command.split(" "));
    await host("ip", "route", "add", "blackhole", "10.7.0.0/16");
    expect(await until("route new blackhole 10.7.0.0/16")).toEqual([]);
  });

  test("IPv4 routes go with their link and nobody tells", async () => {
    await host("ip", "route", "add", "10.7.0.0/16", "via", "10.9.0.2");
    await until("route new unicast 10.7.0.0/16");
    await host("ip", "link", "set", "br0", "down");
    expect(kernel.routes(254)).toEqual([]);
    await host("ip", "route", "add", "blackhole", "10.6.0.0/16");
    const before = await until("route new blackhole 10.6.0.0/16");
    expect(before).toContain("link new br0 down");
    expect(before.filter((line) => line.startsWith("route delete unicast 10."))).toEqual([]);
  });

  test("a transaction is one event per table, and our own are known", async () => {
    const add = Array.from({ length: 500 }, (_, index) => Buffer.from([10, 0, index >> 8, index & 255]));
    kernel.changeSets([{ table: "romana", set: "s", add, remove: [] }]);
    kernel.runNft("add table inet other\nadd chain inet romana c\n");
    await host("nft", "add", "chain", "inet", "romana", "d");
    expect(await until("table romana foreign")).toEqual([
      "table romana own",
      "table other own",
      "table romana own",
    ]);
  });

  test("more than the buffer holds is told as an overrun, and what comes after is told again", async () => {
    const changes = (type: "replace-route" | "delete-route"): KernelChange[] =>
      Array.from({ length: 10_000 }, (_, index): KernelChange => {
        const destination = { ...parsePrefix("10.0.0.0/32"), value: 0x0a000000n + BigInt(index) };
        return { type, route: { destination, type: "blackhole", table: 254, metric: 0, protocol: 114 } };
      });
    for (let round = 0; round < 5; round++) {
      kernel.apply(changes("replace-route"));
      kernel.apply(changes("delete-route"));
    }
    await until("overrun");
    await host("ip", "route", "add", "blackhole", "192.0.2.0/24");
    await until("route new blackhole 192.0.2.0/24");
  });
});

describe("the process", () => {
  const code = (rest: string): string => `
    import { createLinuxKernel } from ${JSON.stringify(`${import.meta.dirname}/../../src/system/linux-kernel.ts`)};
    const kernel = createLinuxKernel();
    const events = kernel.events(new AbortController().signal);
    (async () => { for await (const event of events) void event; })();
    ${rest}`;

  test.each([
    ["runs out of work", ""],
    ["exits", "setTimeout(() => process.exit(0), 10);"],
    ["closes the kernel", "setTimeout(() => kernel.close(), 10);"],
  ])("is not held up by a subscription when it %s", async (_, rest) => {
    const namespace = `romsys-${process.pid}-x`;
    createNamespace(namespace);
    try {
      await runCommand({
        argv: [process.execPath, "--input-type=module", "--eval", code(rest)],
        namespace: namespacePath(namespace),
        timeout: 5_000,
      });
    } finally {
      deleteNamespace(namespace);
    }
  });
});

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatAddress, formatPrefix } from "../../src/net/index.ts";
import { MAIN_TABLE } from "../../src/system/kernel.ts";
import { AgentSite, until } from "../support/agent-site.ts";

let site: AgentSite;
beforeAll(async () => {
  site = await AgentSite.create();
  await site.startAgents();
  await site.attach(1, "web-1", { endpointId: 11 });
});
afterAll(async () => {
  await site.close();
});

const DEVICE = "rom0a01140b";

/** Longest time from a change of others to its repair, in milliseconds. */
const BAR = 1_000;

const SYSCTLS = [
  "net.ipv4.ip_forward",
  "net.ipv6.conf.all.forwarding",
  `net.ipv4.conf.${DEVICE}.rp_filter`,
  `net.ipv4.conf.${DEVICE}.forwarding`,
  `net.ipv6.conf.${DEVICE}.proxy_ndp`,
  "net.ipv4.conf.eth0.forwarding",
];

/** Everything of the agent's on host 1, with names in place of indices; read in this process, for it is timed. */
function state(): readonly string[] {
  const { kernel } = site.host(1);
  const links = new Map(
    kernel.links().map(({ index, name, up }) => [index, `${name} ${up ? "up" : "down"}`]),
  );
  const device = (index: number | undefined): string =>
    index === undefined ? "" : (links.get(index) ?? "?");
  const lines = [
    ...links.values(),
    ...kernel
      .routes(MAIN_TABLE)
      .map(({ destination, gateway, source, device: index, type, metric, protocol }) => {
        const via = [gateway, source].map((address) => (address ? formatAddress(address) : ""));
        return [type, formatPrefix(destination), ...via, device(index), metric, protocol].join(" ");
      }),
    ...kernel
      .addresses()
      .map(({ link, address, prefixLength }) => `${formatAddress(address)}/${prefixLength} ${device(link)}`),
    ...kernel.proxyNeighbours().map(({ link, address }) => `proxy ${formatAddress(address)} ${device(link)}`),
    ...SYSCTLS.map((name) => `${name} ${kernel.sysctl(name)}`),
    kernel.listTable("romana") ?? "no table",
  ];
  // The kernel makes the gateway's link-local address, which nobody uses, with the device only.
  return lines.filter((line) => !/^(fe80|unicast fe80).* romana-gw /.test(line)).toSorted();
}

/** What others do to host 1, as a shell would. */
const DRIFTS: readonly string[] = [
  "ip route del 10.2.0.0/16",
  "ip route replace 10.2.0.0/16 via 192.168.0.99 proto static",
  "ip route append 10.2.0.0/16 via 192.168.0.99 proto static",
  "ip -6 route replace fd00:10:0:200::/56 via fd99::99 proto static",
  "ip -6 route append fd00:10:0:200::/56 via fd99::99 proto static",
  "ip route del blackhole 10.1.0.0/16",
  "ip route add unreachable 10.99.0.0/16 proto 114",
  "ip route flush proto 114",
  "ip -6 route flush proto 114",
  `ip addr flush dev ${DEVICE}`,
  "ip addr del 10.1.0.1/32 dev romana-gw",
  "ip addr flush dev romana-gw",
  "ip addr add 10.1.0.9/24 dev romana-gw",
  "ip link set romana-gw down",
  "ip link del romana-gw",
  `ip link set ${DEVICE} down`,
  "nft flush ruleset",
  "nft delete table inet romana",
  "nft flush table inet romana",
  "nft flush chain inet romana forward",
  "nft insert rule inet romana forward accept",
  "nft flush set inet romana bound4",
  `nft delete element inet romana endpoint_devices { ${DEVICE} }`,
  "nft add element inet romana same_segment4 { 10.0.0.0 . 10.0.16.0 }",
  "sysctl -q net.ipv4.ip_forward=0",
  "sysctl -q net.ipv6.conf.all.forwarding=0",
  `sysctl -q net.ipv4.conf.${DEVICE}.rp_filter=0`,
  `sysctl -q net.ipv4.conf.${DEVICE}.forwarding=0`,
  "sysctl -q net.ipv4.conf.eth0.forwarding=0",
  `sysctl -q net.ipv6.conf.${DEVICE}.proxy_ndp=0`,
];

describe("drift is repaired", () => {
  test.each(DRIFTS)("%s", async (command) => {
    const before = state();
    await site.run(site.host(1).namespace, ...command.split(" "));
    const start = performance.now();
    await until(
      "all is as before",
      () => {
        expect(state()).toEqual(before);
      },
      5_000,
    );
    expect(performance.now() - start).toBeLessThan(BAR);
  });

  test("and traffic flows again", async () => {
    const netns = site.addNamespace("check");
    await site.run(netns, "ip", "link", "set", "lo", "up");
    const attach = { kind: "netns", netns, interface: "eth0" } as const;
    await site
      .host(2)
      .agent.call("createAttachment", { body: { name: "check", tenant: "acme", segment: "web", attach } });
    for (const target of ["10.1.20.11", "fd00:10:0:100:1:1:0:b"]) {
      await site.run(netns, "ping", "-q", "-c", "2", "-i", "0.1", "-W", "1", target);
    }
    await site.well(1);
  });
});

describe("what is not ours", () => {
  /** Routes but for those of the agent, those that the kernel makes for its devices, and link-local ones. */
  function routesOfOthers(routes: string): readonly string[] {
    const isOwn = (line: string): boolean =>
      (line.includes("proto 114") && !line.includes("table 77")) ||
      / dev (romana-gw|rom[0-9a-f]{8}) /.test(`${line} `) ||
      /fe80:|ff00:/.test(line);
    return routes
      .split("\n")
      .filter((line) => !isOwn(line))
      .toSorted();
  }

  test("stays byte-identical through repairs, a restart and the end of everything", async () => {
    const { namespace, agent } = site.host(1);
    const run = (...argv: string[]): Promise<string> => site.run(namespace, ...argv);
    await run(
      "nft",
      "add table inet theirs { set s { type ipv4_addr; elements = { 10.1.20.11 }; }; chain c { type filter hook forward priority -5; ip saddr @s counter accept; }; }",
    );
    await run("nft", "add table ip romana { chain x { type nat hook postrouting priority 100; }; }");
    await run("ip", "link", "add", "foreign0", "type", "bridge");
    await run("ip", "addr", "add", "10.1.77.1/24", "dev", "foreign0");
    await run("ip", "link", "set", "foreign0", "up");
    const routes = [
      "10.2.3.0/24 via 192.168.0.50 proto static",
      "10.2.0.0/16 via 192.168.0.51 metric 50",
      "192.0.2.0/24 via 192.168.0.52 proto 114 table 77",
      "198.51.100.0/24 dev foreign0",
    ];
    for (const route of routes) await run("ip", "route", "add", ...route.split(" "));
    await run("ip", "-6", "route", "add", "fd00:10:0:200:7::/80", "via", "fd99::50");
    // The kernel makes link-local addresses a moment after their devices.
    const foreign = async (): Promise<readonly (string | readonly string[])[]> => [
      await run("nft", "-s", "list", "table", "inet", "theirs"),
      await run("nft", "-s", "list", "table", "ip", "romana"),
      routesOfOthers(await run("ip", "-4", "route", "show", "table", "all")),
      routesOfOthers(await run("ip", "-6", "route", "show", "table", "all")),
      await run("ip", "-4", "-br", "addr", "show", "dev", "foreign0"),
    ];
    const before = await foreign();
    for (const command of DRIFTS.filter((drift) => !/flush ruleset|forwarding/.test(drift))) {
      // What the command is about may not be repaired yet from the one before.
      await run(...command.split(" ")).catch(() => "");
    }
    await site.well(1);
    await site.stop("host-1");
    await site.startAgent(1);
    expect(await foreign()).toEqual(before);
    await agent.call("deleteAttachment", { params: { ref: "web-1" } });
    await site.stop("host-1");
    const program = `${import.meta.dirname}/../../bin/romana-agent.mjs`;
    const teardown = [process.execPath, program, "--teardown"];
    expect(await run(...teardown, "--dry-run")).toContain("would remove table inet romana\n");
    expect(await run("nft", "list", "tables")).toContain("table inet romana");
    await run(...teardown);
    expect(await run(...teardown)).toBe("nothing of the agent's is in the kernel\n");
    expect(await foreign()).toEqual(before);
    expect(await run("ip", "route")).not.toContain("proto 114");
  });
});

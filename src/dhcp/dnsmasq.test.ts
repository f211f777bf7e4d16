import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { type DhcpSettings, renderDnsmasqConfig } from "./dnsmasq-config.ts";
import { renderDnsmasqHosts } from "./dnsmasq-hosts.ts";

const SETTINGS: DhcpSettings = {
  directory: "/run/romana-dhcp",
  subnets: [
    { prefix: parsePrefix("10.0.0.0/8"), gateway: parseAddress("10.1.0.1") },
    { prefix: parsePrefix("fd00:10:0:100::/64"), gateway: parseAddress("fd00:10:0:100::") },
  ],
  devices: ["tap0a1b2c3d-4e", "vm7"],
  dns: [parseAddress("192.0.2.53"), parseAddress("2001:db8::53")],
  domain: "example.org",
  leaseTime: 86_400,
  mtu: 1450,
  isVerbose: false,
};

describe("renderDnsmasqConfig()", () => {
  test("both families", () => {
    expect(renderDnsmasqConfig(SETTINGS)).toBe(`port=0
no-hosts
no-resolv
bind-dynamic
except-interface=lo
interface=tap*
interface=vm7
pid-file=/run/romana-dhcp/pid
dhcp-leasefile=/run/romana-dhcp/leases
dhcp-hostsfile=/run/romana-dhcp/hosts
dhcp-lease-max=100000
dhcp-authoritative
dhcp-ignore=tag:!known
no-ping
quiet-dhcp
quiet-dhcp6
quiet-ra
dhcp-range=set:subnet0,10.0.0.0,static,255.0.0.0,86400
dhcp-option=tag:subnet0,option:router,10.1.0.1
dhcp-option=tag:subnet0,option:classless-static-route,10.1.0.1/32,0.0.0.0,0.0.0.0/0,10.1.0.1
dhcp-range=set:subnet1,fd00:10:0:100::,static,off-link,64,86400
dhcp-option=option:netmask,255.255.255.255
dhcp-option=option:mtu,1450
dhcp-option=option:dns-server,192.0.2.53
dhcp-option=option6:dns-server,[2001:db8::53]
dhcp-option=option:domain-name,example.org
dhcp-option=option6:domain-search,example.org
enable-ra
ra-param=tap*,mtu:1450,600,9000
ra-param=vm7,mtu:1450,600,9000
`);
  });

  test("IPv4 alone advertises no router", () => {
    const { domain: _, ...settings } = SETTINGS;
    const text = renderDnsmasqConfig({ ...settings, subnets: SETTINGS.subnets.slice(0, 1), dns: [] });
    expect(text).not.toMatch(/enable-ra|ra-param|option6|dns-server|domain/);
  });

  test("a device that is called as taps are changes nothing", () => {
    const more = { ...SETTINGS, devices: ["tapother", ...SETTINGS.devices] };
    expect(renderDnsmasqConfig(more)).toBe(renderDnsmasqConfig(SETTINGS));
  });

  test.each([false, true])("dnsmasq takes it (verbose: %s)", (isVerbose) => {
    const directory = mkdtempSync(join(tmpdir(), "romana-dhcp-"));
    try {
      const file = join(directory, "dnsmasq.conf");
      writeFileSync(file, renderDnsmasqConfig({ ...SETTINGS, isVerbose, directory }));
      writeFileSync(join(directory, "hosts"), "");
      expect(() =>
        execFileSync("dnsmasq", ["--test", `--conf-file=${file}`], { stdio: "pipe" }),
      ).not.toThrow();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe("renderDnsmasqHosts()", () => {
  const ipv4 = parseAddress("10.1.1.27");
  const ipv6 = parseAddress("fd00:10:0:100:1:1:0:b");
  const both = { device: "tapb", mac: "fa:16:3e:00:00:02", addresses: { ipv4, ipv6 } };
  const old = { device: "tapa", mac: "fa:16:3e:00:00:01", addresses: { ipv4: parseAddress("10.1.1.28") } };
  const TEXT = `fa:16:3e:00:00:01,tag:tapa,10.1.1.28
fa:16:3e:00:00:02,tag:tapb,10.1.1.27,[fd00:10:0:100:1:1:0:b]
`;
  test.each([
    ["nobody", [], ""],
    ["two guests", [both, old], TEXT],
    ["two guests in another order", [old, both], TEXT],
  ])("%s", (_, guests, text) => {
    expect(renderDnsmasqHosts(guests)).toBe(text);
  });
});

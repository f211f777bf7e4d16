import {
  type Address,
  addressBits,
  type Family,
  formatAddress,
  type Prefix,
  prefixMask,
} from "../net/index.ts";

/** Addresses that guests may have, and their way out. */
export interface DhcpSubnet {
  /** IPv4: the plan's prefix; IPv6: the host's own, of 64 bits or more. */
  readonly prefix: Prefix;
  /** The gateway address of this host, which the devices of guests have, too. */
  readonly gateway: Address;
}

/** What dnsmasq is told besides who its guests are. */
export interface DhcpSettings {
  /** Directory of its files, see {@link DNSMASQ_FILES}. */
  readonly directory: string;
  readonly subnets: readonly DhcpSubnet[];
  /** Names of the guests' devices. */
  readonly devices: readonly string[];
  /** Servers that guests ask for names. */
  readonly dns: readonly Address[];
  /** Domain of guests. */
  readonly domain?: string;
  /** Seconds. */
  readonly leaseTime: number;
  readonly mtu: number;
  /** Each lease is logged. */
  readonly isVerbose: boolean;
}

/** Names of dnsmasq's files in its directory. */
export const DNSMASQ_FILES = {
  config: "dnsmasq.conf",
  hosts: "hosts",
  leases: "leases",
  pid: "pid",
} as const;

/** Nova and Neutron call taps so; devices of such names come and go without another configuration. */
const USUAL_DEVICES = "tap";
/** More leases than a host has guests; dnsmasq's own limit is 1,000. */
const MOST_LEASES = 100_000;
/** Router advertisements: seconds between two, and how long guests keep their route without one (RFC 4861, section 6.2.1). */
const ADVERTISEMENTS = "600,9000";

/**
 * The configuration of a dnsmasq that answers guests on their devices, and nobody else. A guest hears that its address is alone
 * on its link and that everything else is behind the gateway: hosts route, and nobody is anybody's neighbour.
 */
export function renderDnsmasqConfig(settings: DhcpSettings): string {
  const { directory, subnets, dns, domain, leaseTime, mtu, isVerbose } = settings;
  const file = (name: keyof typeof DNSMASQ_FILES): string => `${directory}/${DNSMASQ_FILES[name]}`;
  const names = (family: Family): string =>
    dns.flatMap((one) => (one.family === family ? [optionText(one)] : [])).join(",");
  const advertised = subnets.some(({ prefix }) => prefix.family === 6);
  const lines = [
    // No DNS.
    "port=0",
    "no-hosts",
    "no-resolv",
    "bind-dynamic",
    "except-interface=lo",
    ...interfaces(settings).map((name) => `interface=${name}`),
    `pid-file=${file("pid")}`,
    `dhcp-leasefile=${file("leases")}`,
    `dhcp-hostsfile=${file("hosts")}`,
    `dhcp-lease-max=${MOST_LEASES}`,
    "dhcp-authoritative",
    "dhcp-ignore=tag:!known",
    "no-ping",
    ...(isVerbose ? ["log-dhcp"] : ["quiet-dhcp", "quiet-dhcp6", "quiet-ra"]),
    ...subnets.flatMap((subnet, index) => subnetLines(subnet, `subnet${index}`, leaseTime)),
    "dhcp-option=option:netmask,255.255.255.255",
    `dhcp-option=option:mtu,${mtu}`,
    ...(names(4) === "" ? [] : [`dhcp-option=option:dns-server,${names(4)}`]),
    ...(names(6) === "" ? [] : [`dhcp-option=option6:dns-server,${names(6)}`]),
    ...(domain === undefined
      ? []
      : [`dhcp-option=option:domain-name,${domain}`, `dhcp-option=option6:domain-search,${domain}`]),
    ...(advertised
      ? ["enable-ra", ...interfaces(settings).map((name) => `ra-param=${name},mtu:${mtu},${ADVERTISEMENTS}`)]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * What dnsmasq finds as its leases when it starts: none, and who it is towards DHCPv6 clients (RFC 6355). All hosts are one server, so
 * that a guest that moved is known where it arrives.
 */
export const EMPTY_LEASES = "duid 00:04:72:6f:6d:61:6e:61:4d:01:90:21:64:68:63:70:76:36\n";

function interfaces({ devices }: DhcpSettings): readonly string[] {
  return [`${USUAL_DEVICES}*`, ...devices.filter((name) => !name.startsWith(USUAL_DEVICES)).toSorted()];
}

function subnetLines({ prefix, gateway }: DhcpSubnet, tag: string, leaseTime: number): readonly string[] {
  const first = formatAddress(prefix);
  if (prefix.family === 6)
    return [`dhcp-range=set:${tag},${first},static,off-link,${prefix.length},${leaseTime}`];
  const mask = formatAddress({ family: 4, value: prefixMask(4, prefix.length) });
  const router = formatAddress(gateway);
  const routes = `${router}/${addressBits(4)},0.0.0.0,0.0.0.0/0,${router}`;
  return [
    `dhcp-range=set:${tag},${first},static,${mask},${leaseTime}`,
    `dhcp-option=tag:${tag},option:router,${router}`,
    // RFC 3442: the gateway is on the link, although the mask does not say so.
    `dhcp-option=tag:${tag},option:classless-static-route,${routes}`,
  ];
}

function optionText(address: Address): string {
  return address.family === 4 ? formatAddress(address) : `[${formatAddress(address)}]`;
}

import { codes, host, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import type { Host, Tenant } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { Flow } from "./flow.ts";
import { PROTOCOL } from "./traffic-match.ts";
import type { PolicyWorld } from "./world.ts";

/** The world of the cases without its policies: two hosts, tenants of each isolation, exceptions of each kind. */
export const CASE_WORLD: Omit<PolicyWorld, "policies"> = {
  networks: [network("default", SEED_IPV4, SEED_IPV6)],
  hosts: [underlaid(host(1), "front"), underlaid(host(2), "back")],
  tenants: [
    { ...tenant(1, "acme", "segment", { env: "prod", team: "a" }), externalId: "project-acme" },
    tenant(2, "beta", "tenant", { env: "prod", team: "b" }),
    { ...tenant(3, "open", "none", { env: "dev" }), externalId: "project-open" },
    { id: 4, name: "plain", isolation: "none" },
  ],
  segments: [
    {
      tenant: "acme",
      name: "web",
      codes: codes("1"),
      labels: labels({ app: "web" }),
      ports: [{ name: "http", protocol: PROTOCOL.tcp, port: 80 }],
    },
    { tenant: "acme", name: "db", codes: codes("2", "3", "17+1"), labels: labels({ app: "db" }) },
    { tenant: "beta", name: "web", codes: codes("1") },
    { tenant: "beta", name: "db", codes: codes("2") },
    {
      tenant: "open",
      name: "web",
      externalId: "group-web",
      codes: codes("1"),
      labels: labels({ app: "web", tier: "front" }),
      ports: [
        { name: "http", protocol: PROTOCOL.tcp, port: 8080 },
        { name: "http", protocol: PROTOCOL.tcp, port: 8081 },
        { name: "dns", protocol: PROTOCOL.udp, port: 53 },
      ],
    },
    { tenant: "open", name: "db", codes: codes("2"), labels: labels({ app: "db", tier: "back" }) },
    { tenant: "open", name: "bare", codes: codes("3") },
    { tenant: "plain", name: "web", codes: codes("1"), labels: labels({ app: "web" }) },
  ],
  exceptions: [
    {
      blocks: ["10.1.3.41/32", "fd00:10:0:100:3:2:0:29/128"].map(parsePrefix),
      tenant: "open",
      segment: "web",
    },
    { blocks: ["172.16.0.9/32", "2001:db8:5::9/128"].map(parsePrefix), tenant: "open", segment: "web" },
    {
      blocks: ["10.1.1.43/32", "fd00:10:0:100:1:2:0:2b/128"].map(parsePrefix),
      tenant: "acme",
      segment: "web",
    },
    { blocks: ["172.16.0.66/32", "2001:db8:5::66/128"].map(parsePrefix), tenant: "ghost", segment: "web" },
    { blocks: ["172.16.0.77/32", "2001:db8:5::77/128"].map(parsePrefix), tenant: "open", segment: "ghost" },
  ],
};

/** Who the cases are about, by name: an IPv4 and an IPv6 address. */
export const PARTIES = {
  "acme/web": ["10.1.1.17", "fd00:10:0:100:1:1:0:1"],
  /** Another endpoint of the segment, on the other host. */
  "acme/web 2": ["10.2.1.18", "fd00:10:0:200:1:1:0:2"],
  "acme/db": ["10.1.1.33", "fd00:10:0:100:1:2:0:1"],
  /** The same segment by its second code. */
  "acme/db 2": ["10.2.1.49", "fd00:10:0:200:1:3:0:1"],
  /** A tenant that isolates its segments, a code of none of them. */
  "acme/?": ["10.1.1.113", "fd00:10:0:100:1:7:0:1"],
  "beta/web": ["10.1.2.17", "fd00:10:0:100:2:1:0:1"],
  "beta/db": ["10.2.2.33", "fd00:10:0:200:2:2:0:1"],
  "open/web": ["10.1.3.17", "fd00:10:0:100:3:1:0:1"],
  "open/db": ["10.2.3.33", "fd00:10:0:200:3:2:0:1"],
  "open/bare": ["10.1.3.49", "fd00:10:0:100:3:3:0:1"],
  /** A known tenant, a code of no segment. */
  "open/?": ["10.1.3.113", "fd00:10:0:100:3:7:0:1"],
  "plain/web": ["10.1.4.17", "fd00:10:0:100:4:1:0:1"],
  /** Bits of a tenant that nobody is. */
  "?/?": ["10.1.9.17", "fd00:10:0:100:9:1:0:1"],
  /** Bits of open/db; an exception says open/web. */
  "acting open/web": ["10.1.3.41", "fd00:10:0:100:3:2:0:29"],
  /** Bits of acme/db; an exception says acme/web. */
  "acting acme/web": ["10.1.1.43", "fd00:10:0:100:1:2:0:2b"],
  /** In no network; an exception says open/web. */
  "pinned open/web": ["172.16.0.9", "2001:db8:5::9"],
  /** An exception of a tenant that nobody is. */
  "pinned ghost": ["172.16.0.66", "2001:db8:5::66"],
  /** An exception of a known tenant in a segment that is not there. */
  "pinned open/?": ["172.16.0.77", "2001:db8:5::77"],
  outside: ["192.0.2.1", "2001:db8:2::1"],
  "outside 2": ["192.0.2.129", "2001:db8:2:8000::1"],
  "host-1": ["192.168.0.1", "2001:db8:9::1"],
  "host-2": ["192.168.0.2", "2001:db8:9::2"],
  /** The own address of host-1 in the network. */
  "gateway-1": ["10.1.0.1", "fd00:10:0:100::1"],
} as const satisfies Record<string, readonly [string, string]>;

/** A name of {@link PARTIES}. */
export type PartyName = keyof typeof PARTIES;

/**
 * A flow from what it carries: `tcp/80`, `udp` (without a port), `sctp/9`, `47` (a protocol by its number),
 * `icmp/8/0` or `icmpv6/128/0` (type and code).
 */
export function caseFlow(family: 4 | 6, from: PartyName, to: PartyName, traffic: string): Flow {
  const [name = "", first, code] = traffic.split("/");
  const place = family === 4 ? 0 : 1;
  const protocol = name in PROTOCOL ? PROTOCOL[name as keyof typeof PROTOCOL] : Number(name);
  const icmp = { type: Number(first), code: Number(code) };
  return {
    source: parseAddress(PARTIES[from][place]),
    destination: parseAddress(PARTIES[to][place]),
    protocol,
    ...(code !== undefined && { icmp }),
    ...(code === undefined && first !== undefined && { port: Number(first) }),
  };
}

function tenant(
  id: number,
  name: string,
  isolation: Tenant["isolation"],
  own: Record<string, string>,
): Tenant {
  return { id, name, isolation, labels: labels(own) };
}

function underlaid(plain: Host, rack: string): Host {
  const underlay = {
    ipv4: parseAddress(`192.168.0.${plain.id}`),
    ipv6: parseAddress(`2001:db8:9::${plain.id}`),
  };
  return { ...plain, underlay, labels: labels({ rack }) };
}

function labels(own: Record<string, string>): ReadonlyMap<string, string> {
  return new Map(Object.entries(own));
}

import { decodeAddress, gatewayAddress, hostPosition } from "../addressing/index.ts";
import type { FirewallInput, PolicyRules, SafetyNet } from "../firewall/index.ts";
import {
  type Endpoint,
  type Fabric,
  type Host,
  invalidInput,
  type Network,
  plansOf,
  type Relocation,
  type Segment,
  type Tenant,
} from "../model/index.ts";
import { type Address, type Family, firstAddress, formatAddress, type Prefix } from "../net/index.ts";
import { type GatewayService, METADATA } from "../policy/index.ts";
import { createRouting, endpointRoute, servicePrefixes } from "../routing/index.ts";
import { endpointSysctls, tapSysctls } from "../system/endpoint-sysctls.ts";
import { withoutLearned } from "./fabric-ways.ts";
import { endpointKey } from "./host-knowledge.ts";

/** A route as it shall be in the main table, with protocol and metric that are the same for all of ours. */
export interface DesiredRoute {
  readonly destination: Prefix;
  readonly type: "unicast" | "blackhole";
  readonly gateway?: Address;
  /** Name of the device; absent when the kernel finds it by the gateway. */
  readonly device?: string;
  /** Preferred source of packets that this host sends over it. */
  readonly source?: Address;
}

/** What follows from the view alone: the same whichever endpoints are attached. */
export interface DesiredHost {
  /** Device with the host's gateway addresses, in full length. */
  readonly gateway: {
    readonly name: string;
    readonly kind: "dummy" | "bridge";
    readonly addresses: readonly Address[];
  };
  readonly sysctls: ReadonlyMap<string, string>;
  /** Blackholes of own prefixes, the ways to other hosts, and those to addresses of services. */
  readonly routes: readonly DesiredRoute[];
  /** The table, but for the devices that it is about. */
  readonly firewall: Omit<FirewallInput, "devices" | "underlayDevices">;
  /** Sentences for people about what cannot be, such as a host without an underlay address. */
  readonly problems: readonly string[];
}

/** What one attached endpoint needs on its host. */
export interface DesiredEndpoint {
  /** Key of the endpoint, for messages. */
  readonly key: string;
  readonly device: string;
  /** True when the agent makes the device and deletes it; false for a tap, which is somebody else's. */
  readonly isOwnDevice: boolean;
  /** What it may send from: its block in each plan of its network. */
  readonly owns: readonly Prefix[];
  readonly routes: readonly DesiredRoute[];
  /** Its default gateways; its device answers for those that are not addresses of this host, and for those of IPv6. */
  readonly gateways: readonly Address[];
  /** True when its addresses are in the prefix of another host (ADR 0022). */
  readonly isVisitor?: boolean;
  readonly sysctls: ReadonlyMap<string, string>;
}

/** What follows from networks and hosts alone. */
export type DesiredWays = Omit<DesiredHost, "firewall">;

/** What is known of the network. */
export interface KnownNetwork {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  readonly relocations?: readonly Relocation[];
  readonly fabric?: Fabric | undefined;
}

/** What the host's own configuration says. */
export interface HostSettings {
  readonly gatewayInterface: string;
  /** `dummy` where the kernel can; a bridge without ports behaves the same. */
  readonly gatewayKind: "dummy" | "bridge";
  readonly table: string;
  readonly gatewayServices: readonly GatewayService[];
  /** Absent: guests get no addresses. */
  readonly dhcp?: { readonly enabled: boolean };
  /** With a routing daemon, that one learns what is behind the leaves of a fabric. */
  readonly routing?: { readonly daemon: string };
  /** Without a URL guests get no metadata. */
  readonly metadata?: { readonly url?: string };
  readonly packetLog: NonNullable<FirewallInput["packetLog"]>;
  readonly safetyNet: SafetyNet;
}

/**
 * The part of the desired state that follows from the view.
 * @param ways of the same host, networks, hosts and settings, if they are known
 * @throws RomanaError when the host has no place in a network.
 */
export function desiredHost(
  host: Host,
  known: KnownNetwork,
  settings: HostSettings,
  policyRules?: PolicyRules,
  ways: DesiredWays = desiredWays(host, known, settings),
): DesiredHost {
  const { networks, tenants, segments, relocations = [] } = known;
  const { table, packetLog, safetyNet } = settings;
  return {
    ...ways,
    firewall: {
      table,
      host,
      networks,
      tenants,
      segments,
      ...guestRules(settings),
      packetLog,
      safetyNet,
      ...movedBlocks(host, relocations),
      ...(policyRules && { policyRules }),
    },
  };
}

/** What of the addresses of a host is elsewhere, and what of others' is here; nothing as long as there is nothing. */
function movedBlocks(
  { name }: Host,
  relocations: readonly Relocation[],
): Pick<FirewallInput, "visiting" | "away"> {
  const visiting = relocations.filter(({ locatedOn }) => locatedOn === name).flatMap(({ blocks }) => blocks);
  const away = relocations.filter(({ host }) => host === name).flatMap(({ blocks }) => blocks);
  return { ...(visiting.length > 0 && { visiting }), ...(away.length > 0 && { away }) };
}

/** A guest that has an address renews it at its gateway (RFC 2131, section 4.3.2). */
const RENEWAL: GatewayService = { protocol: "udp", port: 67 };

function guestRules({
  gatewayServices,
  dhcp,
  metadata,
}: HostSettings): Pick<FirewallInput, "gatewayServices" | "guestServices"> {
  const guestServices = { dhcp: dhcp?.enabled === true, metadata: metadata?.url !== undefined };
  if (!guestServices.dhcp && !guestServices.metadata) return { gatewayServices };
  return { gatewayServices: [...gatewayServices, ...(guestServices.dhcp ? [RENEWAL] : [])], guestServices };
}

/** Gateway, sysctls and routes of a host. @throws RomanaError when the host has no place in a network. */
export function desiredWays(
  host: Host,
  {
    networks,
    hosts,
    relocations = [],
    fabric,
  }: Pick<KnownNetwork, "networks" | "hosts" | "relocations" | "fabric">,
  settings: Pick<HostSettings, "gatewayInterface" | "gatewayKind" | "metadata" | "routing">,
): DesiredWays {
  const all = createRouting(networks, hosts, relocations).routesOf(host.name);
  const isLearning = (settings.routing?.daemon ?? "none") !== "none";
  const { routes, problems } = isLearning ? withoutLearned(all, host.name, { networks, hosts, fabric }) : all;
  const gateways = networks.flatMap((network) =>
    plansOf(network).map((plan) => gatewayAddress(plan, hostPosition(network, host))),
  );
  const metadata: readonly Address[] = settings.metadata?.url === undefined ? [] : [firstAddress(METADATA)];
  const families = new Set(gateways.map(({ family }) => family));
  return {
    gateway: {
      name: settings.gatewayInterface,
      kind: settings.gatewayKind,
      addresses: [...gateways, ...metadata],
    },
    sysctls: new Map([
      ...(families.has(4) ? [["net.ipv4.ip_forward", "1"] as const] : []),
      ...(families.has(6) ? [["net.ipv6.conf.all.forwarding", "1"] as const] : []),
      // Else any packet in the middle of a connection that was cut would begin it anew, as one of its sender's.
      ["net.netfilter.nf_conntrack_tcp_loose", "0"],
    ]),
    routes: [
      ...routes.map(
        ({ destination, gateway }): DesiredRoute =>
          gateway ? { destination, type: "unicast", gateway } : { destination, type: "blackhole" },
      ),
      ...networks.flatMap((network) => serviceRoutes(network, host, settings.gatewayInterface)),
    ],
    problems: problems.map(({ network, reason }) => `No route in network "${network}": ${reason}`),
  };
}

/**
 * Where packets to addresses of services go: nowhere, but without a route the host would not send any that its rules could
 * translate. They leave as from the host itself.
 */
function serviceRoutes(network: Network, host: Host, device: string): readonly DesiredRoute[] {
  return servicePrefixes(network).map(({ plan, destination }) => ({
    destination,
    type: "unicast",
    device,
    source: gatewayAddress(plan, hostPosition(network, host)),
  }));
}

/**
 * What an endpoint needs on its host.
 * @param here the host that it is on, when its address may say another one
 * @throws RomanaError `invalid-input` when it has no address of the network.
 */
export function desiredEndpoint(
  network: Network,
  endpoint: Endpoint,
  device: { readonly name: string; readonly isOwn: boolean },
  here?: Host,
): DesiredEndpoint {
  const host = here === undefined || here.name === endpoint.host ? undefined : here;
  const routes = plansOf(network).flatMap((plan): (DesiredRoute & { source: Address })[] => {
    const address = plan.family === 4 ? endpoint.addresses.ipv4 : endpoint.addresses.ipv6;
    if (address === undefined) return [];
    const decoded = decodeAddress(plan, address, () => [endpoint.code]);
    if (decoded?.endpoint === undefined) {
      const reason = `${formatAddress(address)} is no endpoint's address in network "${network.name}"`;
      throw invalidInput(`use endpoint "${endpointKey(endpoint)}"`, [{ path: "addresses", reason }]);
    }
    const route = endpointRoute(plan, { ...decoded, endpoint: decoded.endpoint });
    return [{ ...route, type: "unicast", device: device.name }];
  });
  return {
    key: endpointKey(endpoint),
    device: device.name,
    isOwnDevice: device.isOwn,
    owns: routes.map(({ destination }) => destination),
    routes: host === undefined ? routes : routes.map((route) => sentFrom(network, host, route)),
    ...(host !== undefined && { isVisitor: true }),
    gateways: routes.map(({ source }) => source),
    sysctls: new Map([
      ...endpointSysctls(device.name),
      ...(device.isOwn ? [] : tapSysctls(device.name)),
      ...routes.map(({ destination }) => forwardingSysctl(destination.family, device.name)),
      ...(host === undefined ? [] : [proxyDelaySysctl(device.name)]),
    ]),
  };
}

/** The host has no gateway address of another one: what it sends to a guest is sent from its own. */
function sentFrom(network: Network, host: Host, route: DesiredRoute): DesiredRoute {
  const plan = plansOf(network).find(({ family }) => family === route.destination.family);
  return plan === undefined ? route : { ...route, source: gatewayAddress(plan, hostPosition(network, host)) };
}

/** ARP for a proxied address is answered without the random wait of up to 0.8 s. */
function proxyDelaySysctl(device: string): readonly [string, string] {
  return [`net.ipv4.neigh.${device.replaceAll(".", "/")}.proxy_delay`, "0"];
}

/** Packets that come in by the device may be forwarded; devices have it from the host, until somebody says otherwise. */
export function forwardingSysctl(family: Family, device: string): readonly [string, string] {
  return [`net.ipv${family}.conf.${device.replaceAll(".", "/")}.forwarding`, "1"];
}

/** The addresses that the endpoint's device answers for besides own ones of the host, which answers ARP for all of these. */
export function proxiedAddresses({ gateways, isVisitor = false }: DesiredEndpoint): readonly Address[] {
  return isVisitor ? gateways : gateways.filter(({ family }) => family === 6);
}

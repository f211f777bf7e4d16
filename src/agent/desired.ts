import { decodeAddress, gatewayAddress, hostPosition } from "../addressing/index.ts";
import type { FirewallInput, PolicyRules, SafetyNet } from "../firewall/index.ts";
import {
  type Endpoint,
  type Host,
  invalidInput,
  type Network,
  plansOf,
  type Segment,
  type Tenant,
} from "../model/index.ts";
import { type Address, type Family, formatAddress, type Prefix } from "../net/index.ts";
import type { GatewayService } from "../policy/index.ts";
import { createRouting, endpointRoute, servicePrefixes } from "../routing/index.ts";
import { endpointSysctls, tapSysctls } from "../system/endpoint-sysctls.ts";
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
  /** Its default gateways; for those of IPv6 its device answers neighbour solicitations. */
  readonly gateways: readonly Address[];
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
}

/** What the host's own configuration says. */
export interface HostSettings {
  readonly gatewayInterface: string;
  /** `dummy` where the kernel can; a bridge without ports behaves the same. */
  readonly gatewayKind: "dummy" | "bridge";
  readonly table: string;
  readonly gatewayServices: readonly GatewayService[];
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
  const { networks, tenants, segments } = known;
  const { table, gatewayServices, packetLog, safetyNet } = settings;
  return {
    ...ways,
    firewall: {
      table,
      host,
      networks,
      tenants,
      segments,
      gatewayServices,
      packetLog,
      safetyNet,
      ...(policyRules && { policyRules }),
    },
  };
}

/** Gateway, sysctls and routes of a host. @throws RomanaError when the host has no place in a network. */
export function desiredWays(
  host: Host,
  { networks, hosts }: Pick<KnownNetwork, "networks" | "hosts">,
  settings: Pick<HostSettings, "gatewayInterface" | "gatewayKind">,
): DesiredWays {
  const { routes, problems } = createRouting(networks, hosts).routesOf(host.name);
  const gateways = networks.flatMap((network) =>
    plansOf(network).map((plan) => gatewayAddress(plan, hostPosition(network, host))),
  );
  const families = new Set(gateways.map(({ family }) => family));
  return {
    gateway: { name: settings.gatewayInterface, kind: settings.gatewayKind, addresses: gateways },
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
 * @throws RomanaError `invalid-input` when it has no address of the network.
 */
export function desiredEndpoint(
  network: Network,
  endpoint: Endpoint,
  device: { readonly name: string; readonly isOwn: boolean },
): DesiredEndpoint {
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
    routes,
    gateways: routes.map(({ source }) => source),
    sysctls: new Map([
      ...endpointSysctls(device.name),
      ...(device.isOwn ? [] : tapSysctls(device.name)),
      ...routes.map(({ destination }) => forwardingSysctl(destination.family, device.name)),
    ]),
  };
}

/** Packets that come in by the device may be forwarded; devices have it from the host, until somebody says otherwise. */
export function forwardingSysctl(family: Family, device: string): readonly [string, string] {
  return [`net.ipv${family}.conf.${device.replaceAll(".", "/")}.forwarding`, "1"];
}

/** The addresses that the endpoint's device answers neighbour solicitations for. (ARP is answered for all own ones.) */
export function proxiedAddresses({ gateways }: DesiredEndpoint): readonly Address[] {
  return gateways.filter(({ family }) => family === 6);
}

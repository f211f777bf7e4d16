import { type AddressPair, type Group, invalidInput, type Network, plansOf } from "../model/index.ts";
import {
  type Address,
  addToAddress,
  createAddress,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixesOverlap,
} from "../net/index.ts";
import type { LabEndpointSpec, LabHostSpec, LabSpec, LabTenantSpec } from "../schema/lab.ts";
import { type LabPaths, labPaths, namespaceName } from "./paths.ts";

/** A pair of prefixes, one per family. */
export interface PrefixPair {
  readonly ipv4: Prefix;
  readonly ipv6: Prefix;
}

/** One L2 segment of the underlay: a bridge in the underlay's namespace that joins the hosts of a leaf group. */
export interface LabBridge {
  /** Name of the bridge. */
  readonly name: string;
  /** Names of the groups from the first level down; empty in a lab without groups. */
  readonly group: readonly string[];
  readonly prefixes: PrefixPair;
  /** Addresses of the bridge: the router of its hosts. */
  readonly router: Required<AddressPair>;
}

/** A host of the lab: a namespace with a link to a bridge of the underlay and an agent. */
export interface LabHost {
  readonly spec: LabHostSpec;
  readonly namespace: string;
  readonly bridge: LabBridge;
  /** Name of its port on the bridge. */
  readonly port: string;
  readonly underlay: Required<AddressPair>;
}

/** An endpoint of the lab: a namespace that the agent of its host attaches. */
export interface LabEndpoint {
  readonly spec: LabEndpointSpec;
  readonly namespace: string;
}

/** Everything that a lab consists of, by name, before anything of it is made. */
export interface LabTopology {
  readonly name: string;
  readonly paths: LabPaths;
  /** With routers for the leaf groups that name none. */
  readonly networks: readonly Network[];
  readonly underlay: string;
  readonly bridges: readonly LabBridge[];
  readonly hosts: readonly LabHost[];
  readonly tenants: readonly LabTenantSpec[];
  readonly endpoints: readonly LabEndpoint[];
}

/** Where the underlay's addresses come from when the lab's file does not say. */
const DEFAULT_UNDERLAY: PrefixPair = {
  ipv4: parsePrefix("172.20.0.0/16"),
  ipv6: parsePrefix("fd72:6f6d:616e::/48"),
};

/** Length of the prefix of one bridge. */
const BRIDGE_LENGTHS = { ipv4: 24, ipv6: 64 } as const;

/** The bridge's own address is the last one of its /24; hosts count from 1. */
const ROUTER_NUMBER = 254n;
const MAX_HOSTS_PER_BRIDGE = 253;
const MAX_BRIDGES = 256;

/**
 * What a lab consists of.
 * @throws RomanaError `invalid-input` when the underlay has no room or overlaps a network.
 */
export function planTopology(spec: LabSpec, directory: string): LabTopology {
  const underlay = { ...DEFAULT_UNDERLAY, ...spec.underlay };
  refuseOverlaps(spec.network, underlay);
  const bridges = bridgesOf(spec.hosts, underlay);
  return {
    name: spec.name,
    paths: labPaths(directory),
    networks: spec.network.map((network) => ({
      ...network,
      groups: withRouters(network.groups, [], bridges),
    })),
    underlay: namespaceName(spec.name, "underlay"),
    bridges,
    hosts: hostsOf(spec, bridges),
    tenants: spec.tenants,
    endpoints: spec.endpoints.map((endpoint) => ({
      spec: endpoint,
      namespace: namespaceName(spec.name, "endpoint", endpoint.name),
    })),
  };
}

function refuseOverlaps(networks: readonly Network[], underlay: PrefixPair): void {
  for (const network of networks) {
    for (const { prefix } of plansOf(network)) {
      const other = prefix.family === 4 ? underlay.ipv4 : underlay.ipv6;
      if (!prefixesOverlap(prefix, other)) continue;
      const reason = `${formatPrefix(other)} overlaps ${formatPrefix(prefix)} of network "${network.name}"`;
      throw invalidInput("plan lab", [{ path: `underlay.ipv${prefix.family}`, reason }]);
    }
  }
}

function bridgesOf(hosts: readonly LabHostSpec[], underlay: PrefixPair): LabBridge[] {
  const groups = new Map(hosts.map(({ group }) => [group.join("/"), group]));
  if (groups.size > MAX_BRIDGES) {
    throw invalidInput("plan lab", [{ path: "hosts", reason: `more than ${MAX_BRIDGES} groups` }]);
  }
  return [...groups.values()].map((group, index) => {
    const prefixes = {
      ipv4: subPrefix(underlay.ipv4, BRIDGE_LENGTHS.ipv4, index),
      ipv6: subPrefix(underlay.ipv6, BRIDGE_LENGTHS.ipv6, index),
    };
    return { name: `br${index}`, group, prefixes, router: numbered(prefixes, ROUTER_NUMBER) };
  });
}

function hostsOf(spec: LabSpec, bridges: readonly LabBridge[]): LabHost[] {
  const used = new Map<LabBridge, number>();
  return spec.hosts.map((host, index) => {
    const bridge = bridges.find(({ group }) => isSamePath(group, host.group)) as LabBridge;
    const number = (used.get(bridge) ?? 0) + 1;
    used.set(bridge, number);
    if (number > MAX_HOSTS_PER_BRIDGE) {
      const reason = `more than ${MAX_HOSTS_PER_BRIDGE} hosts in one group`;
      throw invalidInput("plan lab", [{ path: `hosts.${index}`, reason }]);
    }
    return {
      spec: host,
      namespace: namespaceName(spec.name, "host", host.name),
      bridge,
      port: `port${index + 1}`,
      underlay: numbered(bridge.prefixes, BigInt(number)),
    };
  });
}

/** The group tree with the router of its bridge for each leaf that names none. */
function withRouters(
  groups: readonly Group[],
  path: readonly string[],
  bridges: readonly LabBridge[],
): readonly Group[] {
  return groups.map((group) => {
    const own = [...path, group.name];
    const bridge = bridges.find((candidate) => isSamePath(candidate.group, own));
    const named = group.router.ipv4 !== undefined || group.router.ipv6 !== undefined;
    return {
      ...group,
      router: bridge === undefined || named ? group.router : bridge.router,
      groups: withRouters(group.groups, own, bridges),
    };
  });
}

function subPrefix(prefix: Prefix, length: number, index: number): Prefix {
  const shift = BigInt((prefix.family === 4 ? 32 : 128) - length);
  return { family: prefix.family, value: prefix.value + (BigInt(index) << shift), length };
}

function numbered({ ipv4, ipv6 }: PrefixPair, number: bigint): { ipv4: Address; ipv6: Address } {
  const inside = (prefix: Prefix): Address =>
    addToAddress(createAddress(prefix.family, prefix.value), number);
  return { ipv4: inside(ipv4), ipv6: inside(ipv6) };
}

function isSamePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}

import type { AddressPair, HostSelector, VirtualIp } from "../model/index.ts";
import { type Address, type Family, formatAddress, isSameAddress } from "../net/index.ts";
import { namespacedName } from "./object-name.ts";

/** The class of load balancers that Romana is (Kubernetes Service API, `spec.loadBalancerClass`). */
export const LOAD_BALANCER_CLASS = "romana.io/vip";

/** Addresses that services ask for, with commas between them; stronger than `spec.loadBalancerIP`. */
export const VIRTUAL_IP_ANNOTATION = "romana.io/vip";

/** Addresses from the first to the last one, of one family. */
export interface AddressRange {
  readonly first: Address;
  readonly last: Address;
}

/** What matters of a service of our class. */
export interface LoadBalancedService {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly families: readonly Family[];
  /** What it asks for; empty: any. */
  readonly requested: readonly Address[];
  /** Nodes with ready endpoints, when only these may take its traffic (`externalTrafficPolicy: Local`). */
  readonly localNodes?: readonly string[];
}

/** Where addresses come from. */
export interface AddressSource {
  readonly pools: readonly AddressRange[];
  /** True for addresses that somebody else has. */
  readonly isTaken: (address: Address) => boolean;
  /** What the service has now. */
  readonly current?: AddressPair;
}

/** The virtual IP of a service, and what of the service cannot be honoured. */
export interface DesiredVirtualIp {
  /** Absent when there is no address for it at all. */
  readonly virtualIp?: Pick<VirtualIp, "name" | "addresses" | "externalId"> & {
    readonly hosts: HostSelector;
  };
  readonly problems: readonly string[];
}

/** Labels of nodes that the kubelet sets, and that keeps load balancers away (Kubernetes "Well-Known Labels"). */
const HOSTNAME_LABEL = "kubernetes.io/hostname";
const EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers";

/** Most addresses of a pool that are looked at for a free one. */
const LONGEST_SEARCH = 65_536n;

/**
 * The virtual IP that a service shall have: what it asks for if that lies in a pool, else what it has, else the lowest free
 * address of each family's pools.
 */
export function desiredVirtualIp(service: LoadBalancedService, source: AddressSource): DesiredVirtualIp {
  const { namespace, name, uid, families, requested, localNodes } = service;
  const problems: string[] = [];
  const found = new Map<Family, Address>();
  for (const address of requested) {
    const text = formatAddress(address);
    if (!families.includes(address.family))
      problems.push(`it has no IPv${address.family}, which ${text} is of`);
    else if (found.has(address.family))
      problems.push(`it asks for more than one address of IPv${address.family}`);
    else if (!source.pools.some((range) => isInRange(range, address))) {
      problems.push(`${text}, which it asks for, is in no pool of virtualIpPools`);
    } else if (source.isTaken(address)) problems.push(`${text}, which it asks for, is taken`);
    else found.set(address.family, address);
  }
  if (requested.length === 0) {
    for (const family of families) {
      const address = chooseAddress(family, source);
      if (address !== undefined) found.set(family, address);
      else problems.push(`no address of IPv${family} is free in virtualIpPools`);
    }
  }
  if (found.size === 0) return { problems };
  const [ipv4, ipv6] = [found.get(4), found.get(6)];
  return {
    problems,
    virtualIp: {
      name: namespacedName(namespace, name),
      addresses: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
      hosts: localNodes === undefined ? EVERY_NODE : { by: "names", names: [...localNodes].sort() },
      externalId: uid,
    },
  };
}

/** Hosts that are nodes, but for those that do not want traffic from outside. */
const EVERY_NODE: HostSelector = {
  by: "labels",
  requirements: [
    { key: HOSTNAME_LABEL, operator: "Exists", values: [] },
    { key: EXCLUDE_LABEL, operator: "DoesNotExist", values: [] },
  ],
};

function chooseAddress(family: Family, { pools, isTaken, current }: AddressSource): Address | undefined {
  const ranges = pools.filter(({ first }) => first.family === family);
  const own = family === 4 ? current?.ipv4 : current?.ipv6;
  if (own !== undefined && ranges.some((range) => isInRange(range, own)) && !isTaken(own)) return own;
  for (const { first, last } of ranges) {
    const end = last.value < first.value + LONGEST_SEARCH ? last.value : first.value + LONGEST_SEARCH;
    for (let value = first.value; value <= end; value++) {
      const address: Address = { family, value };
      if (!isTaken(address)) return address;
    }
  }
  return undefined;
}

function isInRange({ first, last }: AddressRange, address: Address): boolean {
  return address.family === first.family && address.value >= first.value && address.value <= last.value;
}

/** True when both pairs are the same addresses. */
export function isSamePair(a: AddressPair, b: AddressPair): boolean {
  return isSameOrAbsent(a.ipv4, b.ipv4) && isSameOrAbsent(a.ipv6, b.ipv6);
}

function isSameOrAbsent(a: Address | undefined, b: Address | undefined): boolean {
  return a === undefined || b === undefined ? a === b : isSameAddress(a, b);
}

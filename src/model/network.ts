import type { Address, Family, Prefix } from "../net/index.ts";

/**
 * How IDs become bits. `literal`: as they are (the seed's numbers). `v1`: as the original system did, host
 * bits hold id − 1 and endpoint k gets the value 3 + k·2^stride.
 */
export type Numbering = "literal" | "v1";

/** A topology level above the host bits, such as `zone` or `rack`. */
export interface GroupLevel {
  readonly name: string;
  readonly bits: number;
}

/**
 * How the bits of an address are cut, most significant first: prefix, group levels, host, tenant, segment,
 * endpoint, stride. Widths are in bits and add up to exactly 32 or 128.
 */
export interface AddressPlan {
  readonly family: Family;
  readonly prefix: Prefix;
  readonly numbering: Numbering;
  readonly groupLevels: readonly GroupLevel[];
  readonly hostBits: number;
  readonly tenantBits: number;
  readonly segmentBits: number;
  readonly endpointBits: number;
  /** Each endpoint owns 2^strideBits addresses. */
  readonly strideBits: number;
  /** Endpoint IDs that are never allocated, in each segment code. Literal plans reserve 0 by default. */
  readonly reservedEndpoints: readonly number[];
}

/** One group of hosts (a zone, a rack) with its ID among its siblings; groups nest as the plan's levels do. */
export interface Group {
  readonly name: string;
  readonly id: number;
  /** The router that the hosts of this group use towards other groups, per family. */
  readonly router: { readonly ipv4?: Address; readonly ipv6?: Address };
  readonly groups: readonly Group[];
}

/**
 * A named address space: one plan for IPv4, one for IPv6, or both. The same host, tenant, segment and
 * endpoint IDs are used in both, so a dual-stack endpoint has one identity and two addresses.
 */
export interface Network {
  readonly name: string;
  readonly plans: { readonly ipv4?: AddressPlan; readonly ipv6?: AddressPlan };
  /** The groups of the first level; empty when the plans have no group levels. */
  readonly groups: readonly Group[];
  /** Where the addresses of services are taken from; outside of every plan. Absent: no services of that family. */
  readonly services?: { readonly ipv4?: Prefix; readonly ipv6?: Prefix };
}

/** The plans of a network, IPv4 first. */
export function plansOf(network: Network): readonly AddressPlan[] {
  return [network.plans.ipv4, network.plans.ipv6].filter((plan) => plan !== undefined);
}

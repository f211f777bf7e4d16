import type { Address, Family, Prefix } from "../net/index.ts";

/** What a device is in the network. */
export type DeviceRole = "host" | "leaf" | "spine";

/** A device that has routes. */
export interface Device {
  readonly name: string;
  readonly role: DeviceRole;
  /** The group path of its rack, such as `zone-a/rack-3`; spines, and hosts outside of racks, have none. */
  readonly rack?: string;
}

/** Where a route hands packets to. */
export interface NextHop {
  readonly address: Address;
  /** Who has the address; a router that nothing is known of is called by its address. */
  readonly device: string;
}

/** A route that a device must have. */
export interface DeviceRoute {
  readonly network: string;
  readonly destination: Prefix;
  /** `blackhole`: the own prefix; `host`: the prefix of one host; `group`: the prefix of a rack or of other groups. */
  readonly kind: "blackhole" | "host" | "group" | "relocation";
  /** Who puts it there: the agent of a host by itself, or the routing daemon, which learns it or announces it. */
  readonly origin: "agent" | "daemon";
  /** Whose prefix it is: a host, or paths of groups joined by "+". */
  readonly owner: string;
  /** Equal ways: packets of a flow take one of them. A blackhole has none. */
  readonly nextHops: readonly NextHop[];
}

/** Something that a device cannot reach, and why. */
export interface DeviceProblem {
  readonly device: string;
  readonly reason: string;
}

/** One BGP session, as one of its ends sees it. */
export interface Session {
  readonly family: Family;
  readonly peer: string;
  readonly peerRole: DeviceRole;
  readonly localAddress: Address;
  readonly peerAddress: Address;
  readonly localAsn: number;
  readonly peerAsn: number;
  /** What is believed of what the peer announces. */
  readonly imports: RouteFilter;
  /** What is announced to the peer. */
  readonly exports: RouteFilter;
}

/** Prefixes that may pass: those of one of `accept`, unless `refuse` has exactly them; everything else is refused. */
export interface RouteFilter {
  readonly refuse: readonly Prefix[];
  readonly accept: readonly PrefixRange[];
}

/** Prefixes inside another whose length is one of these. */
export interface PrefixRange {
  readonly inside: Prefix;
  readonly minLength: number;
  readonly maxLength: number;
}

/** The routes of every device. */
export interface DeviceRouting {
  /** Spines, then leaves, then hosts. */
  readonly devices: readonly Device[];
  /** By network and family, then by destination; none for a device that is not there. */
  routesOf(device: string): readonly DeviceRoute[];
  problemsOf(device: string): readonly DeviceProblem[];
}

import type { Address } from "../net/index.ts";
import type { AddressPair } from "./nouns.ts";

/** A spine or a leaf: a device of the fabric that Romana does not run on. */
export interface FabricDevice {
  readonly name: string;
  /** Its autonomous system; RFC 6793 has four bytes for it. */
  readonly asn: number;
  /** Identifies it in BGP: an IPv4 address that no other device has. */
  readonly routerId: Address;
  /** A leaf's addresses on the segment that it shares with the hosts of its rack; absent: it shares none. */
  readonly segment?: AddressPair;
}

/** One innermost topology group and the leaves that its hosts are behind. */
export interface FabricRack {
  /** Group names from the first level down, as hosts have them. */
  readonly group: readonly string[];
  readonly leaves: readonly FabricDevice[];
}

/** One end of a cable. */
export interface FabricPort extends AddressPair {
  /** A spine, a leaf or a host. */
  readonly device: string;
}

/** A cable between a leaf and a spine, two leaves of a rack, or a leaf and a host. Each family has both addresses or none. */
export interface FabricLink {
  readonly ends: readonly [FabricPort, FabricPort];
}

/** What is marked on routes where they begin: standard (`65000:1`, RFC 1997) or large communities (`65000:1:2`, RFC 8092). */
export interface FabricCommunities {
  /** On the prefixes of hosts. */
  readonly host: readonly string[];
  /** On the aggregates of racks. */
  readonly rack: readonly string[];
}

/** How fast a dead neighbour is noticed (RFC 5880): after `intervalMs` times `multiplier` milliseconds. */
export interface FabricBfd {
  readonly intervalMs: number;
  readonly multiplier: number;
}

/** The routers around the hosts and how they talk: one fabric carries all networks. */
export interface Fabric {
  readonly name: string;
  /** The autonomous system of all hosts. */
  readonly hostAsn: number;
  readonly spines: readonly FabricDevice[];
  readonly racks: readonly FabricRack[];
  readonly links: readonly FabricLink[];
  /** Absent: neighbours are missed after the hold time only. */
  readonly bfd?: FabricBfd;
  /** Routes outlive a restart of a neighbour's daemon (RFC 4724); only together with BFD. */
  readonly gracefulRestart: boolean;
  readonly communities: FabricCommunities;
  /** Name of the password of all sessions (RFC 2385); the password itself is not part of the fabric. */
  readonly passwordName?: string;
}

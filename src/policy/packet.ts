import type { Address, Prefix } from "../net/index.ts";

/** One packet as a host sees it: what the rules may look at. */
export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  readonly arrival: Arrival;
  /** `host`: for an address of the host itself, or multicast and broadcast, which end here; `forward`: for others. */
  readonly delivery: "forward" | "host";
  /** `established` includes related ICMP errors. What the kernel cannot follow (`invalid`) counts as `new`. */
  readonly state: "new" | "established";
  readonly traffic: Traffic;
  /** Where it comes in; of a process of the host: where it goes out. Only targets `machine` ask. */
  readonly interfaceName?: string;
}

/** Where the host got a packet from. */
export type Arrival =
  /** The device of an own endpoint, which owns these blocks of addresses (none: known, but not bound). */
  | { readonly from: "endpoint"; readonly owns: readonly Prefix[] }
  /** Any other device: the underlay, or something that is not Romana's. */
  | { readonly from: "elsewhere" }
  /** A process of the host itself. */
  | { readonly from: "host" };

/** What a packet carries, as far as rules tell it apart. */
export type Traffic =
  | { readonly kind: "tcp" | "udp" | "sctp"; readonly port: number }
  | { readonly kind: "echo-request" }
  /** Neighbour solicitation or advertisement. */
  | { readonly kind: "neighbour-discovery"; readonly hopLimit: number }
  /** ICMP redirect of IPv4, which connection tracking may call related. */
  | { readonly kind: "redirect" }
  /** Asks the link how to be configured: a DHCP request by broadcast or multicast, or a router solicitation. */
  | { readonly kind: "configuration" }
  /** Sent to all: multicast or broadcast that is none of these, such as MLD or mDNS. */
  | { readonly kind: "multicast" }
  | { readonly kind: "icmp"; readonly type: number; readonly code: number }
  /** Only known by its IP protocol number (IANA). */
  | { readonly kind: "protocol"; readonly protocol: number }
  | { readonly kind: "other" };

/** True for an echo request, however it is told: by its name or by its ICMP type (RFC 792, RFC 4443). */
export function isEchoRequest({ source, traffic }: Pick<Packet, "source" | "traffic">): boolean {
  const type = source.family === 4 ? 8 : 128;
  return traffic.kind === "echo-request" || (traffic.kind === "icmp" && traffic.type === type);
}

/** Why a packet is dropped. Each reason has a counter of this name. */
export const DROP_REASONS = [
  /** A source address that the sender does not own. */
  "spoofed-source",
  /** The isolation of the destination's tenant does not let this identity in. */
  "isolation",
  /** A rule of a policy drops it. */
  "denied",
  /** Policies isolate the sender or the receiver, and no rule accepts it. */
  "not-allowed",
  /** From outside all networks to an endpoint whose tenant is not open. */
  "from-outside",
  /** From an endpoint to the host itself, other than the gateway services. */
  "to-host",
  /** Multicast or broadcast of an endpoint, which nobody listens to. */
  "multicast",
] as const;

/** Why a packet is dropped. */
export type DropReason = (typeof DROP_REASONS)[number];

/** Why a packet passes. */
export type AcceptReason =
  | "established"
  | "from-own-host"
  | "foreign"
  /** A rule of a policy accepts it. */
  | "allowed"
  | "open-tenant"
  | "same-tenant"
  | "same-segment"
  | "sending"
  | "neighbour-discovery"
  | "configuration"
  | "gateway-service";

/** A verdict with its reason. */
export type Judgement =
  | { readonly verdict: "accept"; readonly reason: AcceptReason }
  | { readonly verdict: "drop"; readonly reason: DropReason };

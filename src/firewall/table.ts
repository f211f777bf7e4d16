import type { Family, Prefix } from "../net/index.ts";

/** An nftables table of family inet as data. {@link renderTable} makes it text; tests interpret it. */
export interface Table {
  readonly name: string;
  /** Named counters. */
  readonly counters: readonly string[];
  readonly sets: readonly NamedSet[];
  /** In the order of their text: a chain stands before those that go to it. */
  readonly chains: readonly Chain[];
}

/** A named set: with exact (hashed) keys, or with ranges, which never overlap. */
export interface NamedSet {
  readonly name: string;
  /** What an element means, for people who list the table. */
  readonly comment: string;
  readonly key: readonly KeyType[];
  /** True when parts of elements may be ranges; such keys have at least two parts. */
  readonly hasRanges?: boolean;
  /** True when each element counts the packets that found it. */
  readonly hasCounters?: boolean;
  /** In ascending order, part by part. */
  readonly elements: readonly Element[];
}

/** nftables names of the data types that our keys are made of. */
export type KeyType = KeyPart["type"];

/** One part of a set's key. With `last` it is a range, both ends included. */
export type KeyPart =
  | { readonly type: "ifname"; readonly value: string }
  | { readonly type: "ipv4_addr" | "ipv6_addr"; readonly value: bigint; readonly last?: bigint }
  | { readonly type: NumberType; readonly value: number; readonly last?: number };

/** nftables names of types whose values are small numbers. */
export type NumberType =
  | "iface_index"
  | "inet_proto"
  | "inet_service"
  | "nf_proto"
  | "icmp_type"
  | "icmp_code"
  | "icmpv6_type"
  | "icmpv6_code";

/** The parts of one key, in the order of the set's types. */
export type Element = readonly KeyPart[];

/** A chain; without a hook it is only gone to from others. */
export interface Chain {
  readonly name: string;
  /** Base chains sit at the ordinary filter priority and accept what no rule decides. */
  readonly hook?: Hook;
  readonly rules: readonly Rule[];
}

/** Where a base chain sits. `raw-…` comes before connection tracking. */
export type Hook = "input" | "forward" | "output" | "raw-prerouting" | "raw-output";

/** All matches must hold; then the packet is counted and logged, and the verdict holds. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly counter?: string;
  readonly log?: PacketLog;
  readonly verdict: Verdict;
}

/** A copy of the packet for who listens to the netlink log group, at most so many a second. */
export interface PacketLog {
  readonly prefix: string;
  readonly group: number;
  readonly perSecond: number;
}

/**
 * `accept` and `drop` are final in this table. `goto` never comes back: what the chain does not decide is accepted, or,
 * behind a `jump`, left to the rules behind that. `notrack` keeps the packet from connection tracking and goes on, as
 * `continue` does.
 */
export type Verdict =
  | { readonly kind: "accept" | "drop" | "return" | "continue" | "notrack" }
  | { readonly kind: "goto" | "jump"; readonly chain: string };

/** One condition on a packet. */
export type Match =
  | { readonly kind: "source" | "destination"; readonly prefix: Prefix }
  | { readonly kind: "not-source" | "not-destination"; readonly prefix: Prefix }
  /** Came in by the device with this index. */
  | { readonly kind: "input-device"; readonly index: number }
  /** Comes in or goes out by the device with this name. */
  | { readonly kind: "input-name" | "output-name"; readonly name: string }
  /** Masks bits of the packet and looks the result up in a set; `negated` holds when it is not there. */
  | {
      readonly kind: "lookup";
      readonly key: readonly KeyField[];
      readonly set: string;
      readonly negated: boolean;
    }
  /** The packet's mark is the value under the mask. */
  | { readonly kind: "mark"; readonly mask: number; readonly value: number }
  /** Part of a known flow, or an ICMP error that belongs to one. */
  | { readonly kind: "established" }
  | { readonly kind: "loopback" | "output-loopback" }
  | { readonly kind: "family"; readonly family: Family }
  /** For an address of this machine, before it is known where the packet goes. */
  | { readonly kind: "to-this-machine" }
  | { readonly kind: "protocol-port"; readonly protocol: number; readonly port: number }
  | { readonly kind: "echo-request"; readonly family: Family }
  /** Neighbour solicitation or advertisement that was not forwarded. */
  | { readonly kind: "neighbour-discovery" }
  /** Router solicitation or advertisement that was not forwarded, and reports of multicast listeners. */
  | { readonly kind: "router-discovery" }
  /** Router solicitation that was not forwarded. */
  | { readonly kind: "router-solicitation" }
  /** From a DHCP client to all servers of its link (RFC 2131, RFC 8415). */
  | { readonly kind: "dhcp-request"; readonly family: Family }
  /** From fe80::/10 or ::, where neighbour discovery starts. */
  | { readonly kind: "starting-source" }
  /** ICMP redirect of IPv4. */
  | { readonly kind: "redirect" }
  /** Received by multicast or broadcast of the link. */
  | { readonly kind: "multicast" };

/** Where a part of a look-up key comes from. */
export type KeyField =
  | {
      readonly field:
        | "input-index"
        | "input-name"
        | "output-name"
        | "family"
        | "protocol"
        | "destination-port";
    }
  | { readonly field: "icmp-type" | "icmp-code"; readonly family: Family }
  | { readonly field: "source" | "destination"; readonly family: Family; readonly mask: bigint };

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

/** A named set with exact (hashed) keys. */
export interface NamedSet {
  readonly name: string;
  /** What an element means, for people who list the table. */
  readonly comment: string;
  readonly key: readonly KeyType[];
  /** In ascending order, part by part. */
  readonly elements: readonly Element[];
}

/** nftables names of the data types that our keys are made of. */
export type KeyType = KeyPart["type"];

/** One part of a set's key. */
export type KeyPart =
  | { readonly type: "iface_index"; readonly value: number }
  | { readonly type: "ifname"; readonly value: string }
  | { readonly type: "ipv4_addr"; readonly value: bigint }
  | { readonly type: "ipv6_addr"; readonly value: bigint }
  | { readonly type: "inet_proto"; readonly value: "tcp" | "udp" }
  | { readonly type: "inet_service"; readonly value: number };

/** The parts of one key, in the order of the set's types. */
export type Element = readonly KeyPart[];

/** A chain; without a hook it is only gone to from others. */
export interface Chain {
  readonly name: string;
  /** Base chains sit at the ordinary filter priority and accept what no rule decides. */
  readonly hook?: "input" | "forward";
  readonly rules: readonly Rule[];
}

/** All matches must hold; then the packet is counted, and the verdict is final in this table. */
export interface Rule {
  readonly matches: readonly Match[];
  readonly counter?: string;
  readonly verdict: Verdict;
}

/** `goto` never comes back: what the chain does not decide is accepted. */
export type Verdict =
  | { readonly kind: "accept" }
  | { readonly kind: "drop" }
  | { readonly kind: "goto"; readonly chain: string };

/** One condition on a packet. */
export type Match =
  | { readonly kind: "source" | "destination"; readonly prefix: Prefix }
  | { readonly kind: "not-source" | "not-destination"; readonly prefix: Prefix }
  /** Came in by the device with this index. */
  | { readonly kind: "input-device"; readonly index: number }
  /** Masks bits of the packet and looks the result up in a set; `negated` holds when it is not there. */
  | {
      readonly kind: "lookup";
      readonly key: readonly KeyField[];
      readonly set: string;
      readonly negated: boolean;
    }
  /** Part of a known flow, or an ICMP error that belongs to one. */
  | { readonly kind: "established" }
  | { readonly kind: "loopback" }
  | { readonly kind: "echo-request"; readonly family: Family }
  /** Neighbour solicitation or advertisement that was not forwarded. */
  | { readonly kind: "neighbour-discovery" }
  /** From fe80::/10 or ::, where neighbour discovery starts. */
  | { readonly kind: "starting-source" }
  /** ICMP redirect of IPv4. */
  | { readonly kind: "redirect" }
  /** Received by multicast or broadcast of the link. */
  | { readonly kind: "multicast" };

/** Where a part of a look-up key comes from. */
export type KeyField =
  | { readonly field: "input-index" | "input-name" | "protocol" | "destination-port" }
  | { readonly field: "source" | "destination"; readonly family: Family; readonly mask: bigint };

import type { Address } from "../net/index.ts";

/** The first packet of a conversation, as policies see it. */
export interface Flow {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number (IANA). */
  readonly protocol: number;
  /** Destination port; absent where the protocol has none, and in fragments behind the first one. */
  readonly port?: number;
  /** Of an ICMP or ICMPv6 packet. */
  readonly icmp?: { readonly type: number; readonly code: number };
}

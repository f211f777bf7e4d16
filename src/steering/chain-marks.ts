/**
 * Bits of the packet mark that belong to chains on hosts that have any; nobody else may use them there. `hop` numbers the next hop, whose
 * routing table the mark selects; the other bits tell the table of policies what has been proved about the packet.
 */
export const CHAIN_MARKS = {
  mask: 0x3fff0000,
  hop: 0x0fff0000,
  hopShift: 16,
  /** On its way between two places of a chain, or judged on this host before: nothing is asked of it. */
  passing: 0x10000000,
  /** Has been through its chain and is at the host of its destination, which judges it. */
  arrived: 0x20000000,
} as const;

/** Stands for a next hop that there is no way to: packets with it are dropped. */
export const NOWHERE = 0xfff;

/** Connection tracking zone of the second way of a flow through one host that has both of its ends. */
export const CHAIN_ZONE = 11_400;

/** Number of the routing table of next hop 0; the others follow. */
export const CHAIN_TABLES = 1_140_000;

/** Priority of our routing policy rules (`ip rule`): all before the main table. */
export const CHAIN_RULE_PRIORITY = 11_400;

/** The nftables table of chains, of family inet. */
export const CHAIN_TABLE = "romana_chains";

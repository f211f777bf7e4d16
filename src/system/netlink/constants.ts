/** Netlink protocol of links, addresses, routes and neighbours. */
export const NETLINK_ROUTE = 0;
/** Netlink protocol of nftables. */
export const NETLINK_NETFILTER = 12;

/** Flags of a message header (`NLM_F_…`). */
export const FLAG = {
  REQUEST: 0x1,
  ACK: 0x4,
  /** What the request changes is told to who asked, too. */
  ECHO: 0x8,
  DUMP_INTERRUPTED: 0x10,
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCLUSIVE: 0x200,
  CREATE: 0x400,
  /** In a reply: the request is not echoed behind the error. */
  CAPPED: 0x100,
  /** In a reply: attributes follow the error. */
  ACK_ATTRIBUTES: 0x200,
} as const;

/** Message types of every netlink protocol. */
export const CONTROL = { ERROR: 2, DONE: 3, OVERRUN: 4 } as const;

/** Message types of NETLINK_ROUTE (`RTM_…`). */
export const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  DELROUTE: 25,
  GETROUTE: 26,
  NEWNEIGH: 28,
  DELNEIGH: 29,
  GETNEIGH: 30,
  NEWRULE: 32,
  DELRULE: 33,
  GETRULE: 34,
  NEWNETCONF: 80,
} as const;

/** Multicast groups of NETLINK_ROUTE (`RTNLGRP_…`). */
export const ROUTE_GROUP = {
  LINK: 1,
  IPV4_ADDRESS: 5,
  IPV4_ROUTE: 7,
  IPV4_RULE: 8,
  IPV6_ADDRESS: 9,
  IPV6_ROUTE: 11,
  IPV6_RULE: 19,
  IPV4_NETCONF: 24,
  IPV6_NETCONF: 25,
} as const;

/** Multicast group of NETLINK_NETFILTER for changes of nftables (`NFNLGRP_NFTABLES`). */
export const NFTABLES_GROUP = 7;

/** `AF_INET` and `AF_INET6`, by IP version. */
export const ADDRESS_FAMILY = { 4: 2, 6: 10 } as const;

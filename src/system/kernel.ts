import type { Address, Family, Prefix } from "../net/index.ts";

/** A network interface of the host's namespace. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** Kernel link kind (`veth`, `bridge`, `dummy`, `tun`, …); undefined for hardware and loopback. */
  readonly kind?: string;
  readonly up: boolean;
  /** It is up, but nothing is at the other end. */
  readonly hasNoCarrier?: true;
  /** `aa:bb:cc:dd:ee:ff`. */
  readonly mac?: string;
  readonly mtu: number;
}

/** An address on a link. */
export interface LinkAddress {
  readonly link: number;
  readonly address: Address;
  readonly prefixLength: number;
  /** Made by `lease-address`, which marks it with {@link ROMANA_PROTOCOL} (`IFA_PROTO`, Linux 5.18). */
  readonly isLeased?: true;
}

/** A proxied neighbour: the link answers ARP or neighbour solicitations for the address (`ip neigh add proxy`). */
export interface ProxyNeighbour {
  readonly link: number;
  readonly address: Address;
}

/** Somebody on a link, as the kernel has come to know of by ARP or neighbour discovery. */
export interface Neighbour {
  readonly link: number;
  readonly address: Address;
  readonly mac: string;
}

/** One route of the kernel, in the words of `ip route`. */
export interface KernelRoute {
  readonly destination: Prefix;
  /** Romana makes the first two; the others may be found where its routes belong. */
  readonly type: "unicast" | "blackhole" | "unreachable" | "prohibit" | "throw";
  readonly gateway?: Address;
  /** Index of the device; a blackhole has none. */
  readonly device?: number;
  /** Preferred source address of packets that this host sends over it. */
  readonly source?: Address;
  readonly table: number;
  /** 0 is the kernel's default (which IPv6 reads back as 1024). */
  readonly metric: number;
  /** Who made it; ours are {@link ROMANA_PROTOCOL}. */
  readonly protocol: number;
}

/**
 * A routing policy rule (`ip rule`): packets whose mark is `mark` under the mask look for their route in the table. Rules that ask
 * for anything else are none of these.
 */
export interface KernelRule {
  readonly family: Family;
  /** Rules are asked in this order; the main table is at 32,766. */
  readonly priority: number;
  readonly mark: number;
  readonly mask: number;
  readonly table: number;
  /** Who made it; ours are {@link ROMANA_PROTOCOL}. */
  readonly protocol: number;
}

/** Routing protocol number of our routes (`ip route show proto 114`), from the range free for users. */
export const ROMANA_PROTOCOL = 114;

/** The main routing table. */
export const MAIN_TABLE = 254;

/**
 * One change of the kernel's networking. Each is idempotent: making what is there, deleting what is gone, succeeds.
 * - `add-link` gives a link of that kind its MAC address when it is there already; of another kind it is `EEXIST`.
 * - `add-address` gives IPv6 no time for duplicate address detection; `withoutRoute` keeps the kernel from making a route to the
 *   prefix of an IPv6 address.
 * - `lease-address` adds an address that the kernel deletes by itself after so many seconds, up to 1.25 s late, or gives the one that is
 *   there so many seconds from now on. It also makes an address of somebody else ours: look first.
 * - `replace-route` writes into the slot (table, destination, metric) whatever was there.
 * - `delete-rule` deletes exactly this rule, so never one of somebody else's.
 * - `delete-route` deletes exactly this route, protocol included, so never one of somebody else's; metric 0 stands for
 *   any metric.
 */
export type KernelChange =
  | {
      readonly type: "add-link";
      readonly name: string;
      readonly kind: "dummy" | "bridge";
      readonly mac?: string;
    }
  | { readonly type: "delete-link"; readonly name: string }
  | { readonly type: "set-link-up"; readonly link: number }
  | { readonly type: "add-address"; readonly address: LinkAddress; readonly withoutRoute?: true }
  | { readonly type: "lease-address"; readonly address: LinkAddress; readonly seconds: number }
  | { readonly type: "delete-address"; readonly address: LinkAddress }
  | { readonly type: "replace-route"; readonly route: KernelRoute }
  | { readonly type: "delete-route"; readonly route: KernelRoute }
  | { readonly type: "add-rule"; readonly rule: KernelRule }
  | { readonly type: "delete-rule"; readonly rule: KernelRule }
  | { readonly type: "add-proxy-neighbour"; readonly neighbour: ProxyNeighbour }
  | { readonly type: "delete-proxy-neighbour"; readonly neighbour: ProxyNeighbour };

/** A change that the kernel refused. */
export interface ChangeFailure {
  readonly change: KernelChange;
  /** Name of the error number, such as `EEXIST` or `ENETUNREACH`. */
  readonly errno: string;
  /** The kernel's own words, where it has any. */
  readonly detail?: string;
}

/**
 * A veth pair whose peer goes into another network namespace with its addresses and routes, all or nothing. Both ends
 * are up, and the host's has its sysctls (`endpointSysctls()`).
 */
export interface VethSpec {
  /** Name on the host. */
  readonly name: string;
  readonly mtu?: number;
  readonly peer: {
    /** Path of the namespace, such as `/run/netns/NAME` or `/proc/PID/ns/net`. */
    readonly namespace: string;
    readonly name: string;
    readonly mac?: string;
    /** The first address of each is set, with full length and without duplicate address detection. */
    readonly addresses: readonly Prefix[];
    /** One per family: an on-link route to it, and the default route via it. */
    readonly gateways: readonly Address[];
  };
}

/** What is done about a veth pair while it is being made. */
export interface VethWiring {
  /**
   * Makes what must be there before the first packet: the host's end is up, the peer is not, and no event has told of
   * the device being up. If it throws, the pair is not made.
   */
  wire(host: Link): void;
  /** Undoes that when a later step fails, or `wire` did, before the pair is deleted. */
  unwire(): void;
}

/** Both ends of a veth pair that was made. */
export interface Veth {
  readonly host: Link;
  readonly peer: { readonly name: string; readonly mac: string };
}

/** An interface in another network namespace, as it is now. */
export interface PeerInterface {
  readonly link: Link;
  readonly addresses: readonly LinkAddress[];
  /** Routes over it in the main table of its namespace. */
  readonly routes: readonly KernelRoute[];
}

/** Families of nftables tables that sets can be changed in. */
export type TableFamily = "inet" | "ip" | "ip6" | "netdev";

/** An element of a set: one key, or a range of keys of a set with the flag `interval`. */
export interface SetElement {
  /** Raw key, as the kernel stores it; of a set with ranges every part is in network byte order. */
  readonly key: Uint8Array;
  /** Last key of the range, in each part of a concatenation; absent, or the same, for a single key. */
  readonly keyEnd?: Uint8Array;
}

/**
 * Add or delete elements of a set. The kernel refuses ranges that overlap others of the set with `EEXIST`: in a
 * concatenation, one of which the first or the last key lies in another.
 */
export interface SetChange {
  /** `inet` without it. */
  readonly family?: TableFamily;
  readonly table: string;
  readonly set: string;
  /** A bare key stands for an element without an end. */
  readonly add: readonly (Uint8Array | SetElement)[];
  readonly remove: readonly (Uint8Array | SetElement)[];
}

/** What the counter of one element has counted. */
export interface SetElementCounter extends SetElement {
  readonly packets: number;
  readonly bytes: number;
}

/**
 * Something in the kernel changed, whoever did it. The receiver reads what it cares about again.
 *
 * The kernel is silent about: IPv4 routes that vanish with a link that goes down or an address that is deleted, proxied
 * neighbours, and all sysctls but `forwarding`, `rp_filter`, `proxy_arp`, `proxy_ndp`, `mc_forwarding`, `bc_forwarding`
 * and `ignore_routes_with_linkdown`: `accept_ra`, `autoconf`, `accept_dad`, `accept_redirects`, `proxy_delay` and others
 * have to be looked at.
 */
export type KernelEvent =
  | { readonly type: "link"; readonly action: "new" | "delete"; readonly link: Link }
  | { readonly type: "address"; readonly action: "new" | "delete"; readonly address: LinkAddress }
  | { readonly type: "route"; readonly action: "new" | "delete"; readonly route: KernelRoute }
  | { readonly type: "rule"; readonly action: "new" | "delete"; readonly rule: KernelRule }
  | { readonly type: "netconf"; readonly family: Family; readonly link: number | "all" | "default" }
  | { readonly type: "table"; readonly table: string; readonly ownProcess: boolean }
  /** Events were lost (ENOBUFS): read everything again. */
  | { readonly type: "overrun" };

/** A packet that a rule with a log group has logged. */
export interface LoggedPacket {
  readonly type: "packet";
  /** The rule's prefix. */
  readonly prefix: string;
  /** Index of the device that it came from; what this host sends has none. */
  readonly inputDevice?: number;
  /** Index of the device that it leaves by, where that is known already. */
  readonly outputDevice?: number;
  /** Packet mark; absent for 0. */
  readonly mark?: number;
  /** Its first bytes from the IP header on, for {@link decodePacketHeader}. */
  readonly packet: Uint8Array;
}

/**
 * What a log group tells. `lost`: so many packets were logged and not delivered; without a number the kernel had no
 * room just now, and how many it were will be told with the next packet.
 */
export type PacketLogEvent = LoggedPacket | { readonly type: "lost"; readonly packets?: number };

/** The packets of one direction of a flow. */
export interface FlowTuple {
  readonly source: Address;
  readonly destination: Address;
  /** Number of the transport protocol. */
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmp?: { readonly type: number; readonly code: number; readonly id: number };
}

/** A connection that the kernel tracks. */
export interface Flow {
  /** As its first packet came, before any address translation. */
  readonly original: FlowTuple;
  /** As answers come. */
  readonly reply: FlowTuple;
  readonly seenReply: boolean;
  /** True when the kernel keeps it even if it runs out of room. */
  readonly assured: boolean;
  readonly mark: number;
  /** Zone of both directions; 0 is the one that everything is in. */
  readonly zone: number;
  /** The kernel's number for it. */
  readonly id: number;
}

/**
 * The networking of the kernel in this process's network namespace. Calls are synchronous and batched: a
 * child process per endpoint would cost more than all the rest (ADR 0003). {@link FakeKernel} obeys the same
 * laws and passes the same suite (`kernel.case.ts`).
 */
export interface Kernel {
  links(): readonly Link[];
  addresses(): readonly LinkAddress[];
  /** Routes of both families in the table; all protocols unless one is given. */
  routes(table: number, protocol?: number): readonly KernelRoute[];
  /** Routing policy rules of both families that go by the mark alone. */
  rules(): readonly KernelRule[];
  /** Neighbours of both families whose MAC address the kernel knows, some of whom may be gone by now. */
  neighbours(): readonly Neighbour[];
  proxyNeighbours(): readonly ProxyNeighbour[];
  /**
   * Applies the changes in order, going on after a failure, and returns those that failed. A thousand routes take
   * some 5 ms: hand over no more at once where other work waits.
   */
  apply(changes: readonly KernelChange[]): readonly ChangeFailure[];
  /**
   * Makes the pair and everything inside the peer's namespace, or leaves nothing behind. Others can work meanwhile.
   * @throws RomanaError `conflict` when a name is taken, `not-found` when the namespace is gone, `kernel-refused`.
   */
  createVeth(spec: VethSpec, wiring?: VethWiring): Promise<Veth>;
  /**
   * Looks at an interface of another namespace; undefined when it has none of this name.
   * @throws RomanaError `not-found` when the namespace is gone.
   */
  peerInterface(namespace: string, name: string): PeerInterface | undefined;
  /**
   * As the change `delete-link`, without holding up the event loop: to dismantle a device takes the kernel some 10 ms.
   * Those that wait go together. @throws RomanaError `kernel-refused`; a link that is gone is fine.
   */
  deleteLink(name: string): Promise<void>;
  /** True when the kernel can make links of this kind (probed once by making and deleting one). */
  supportsLinkKind(kind: "dummy" | "bridge"): boolean;
  /** Value of a sysctl by its dotted name with `/` for dots inside names; undefined when there is none. */
  sysctl(name: string): string | undefined;
  /** @throws RomanaError `not-found`, or `kernel-refused` for a value that the kernel does not take. */
  setSysctl(name: string, value: string): void;
  /** Runs nft text as one transaction. @throws RomanaError `command-failed` with nft's own message. */
  runNft(text: string): void;
  /** `nft -s list table inet NAME` (stateless: no counters); undefined when the table is not there. */
  listTable(name: string): string | undefined;
  /** The same without the elements of named sets (`nft -s -t`): as fast however many there are. */
  listTableShape(name: string): string | undefined;
  /** Number of the ruleset's state: every transaction of anybody, in whatever table, raises it by one. */
  rulesetGeneration(): number;
  /** Packets and bytes of the table's named counters. */
  counters(table: string): ReadonlyMap<string, { readonly packets: number; readonly bytes: number }>;
  /**
   * Element changes in one transaction, without a look at the rest of the table. Adding what is there and removing
   * what is not succeeds. @throws RomanaError `kernel-refused`, which names set and element: `ENOENT` when a table or
   * set is gone, `EEXIST` for a range that overlaps another, `EINVAL` for one of a set that has no ranges.
   */
  changeSets(changes: readonly SetChange[]): void;
  /**
   * Packets and bytes of every element of a set, in no order; 0 without `counter` in the set. Empty when the set is not
   * there. Each element is its {@link SetElement}, with an end only where it is a range.
   */
  readSetCounters(table: string, set: string, family?: TableFamily): readonly SetElementCounter[];
  /**
   * Packets that rules log to the group, from now on until the signal aborts. @throws RomanaError `kernel-refused`,
   * `EBUSY` when somebody listens to the group already.
   */
  loggedPackets(group: number, signal: AbortSignal): AsyncIterable<PacketLogEvent>;
  /** The flows that the kernel tracks, of one family or both: 100,000 take it some 0.4 s. */
  listFlows(family?: Family): readonly Flow[];
  /** All flows in parts, with a turn of the event loop between them; what comes and goes meanwhile may be missing. */
  walkFlows(): AsyncIterable<readonly Flow[]>;
  /** Deletes these flows and returns how many of them were still there. @throws RomanaError `kernel-refused`. */
  deleteFlows(flows: readonly Flow[]): number;
  /** Events from now on, until the signal aborts. The subscription exists when this returns. */
  events(signal: AbortSignal): AsyncIterable<KernelEvent>;
  close(): void;
}

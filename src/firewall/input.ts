import { hostPosition, hostPrefix } from "../addressing/index.ts";
import { type AddressPlan, type Host, type Network, plansOf } from "../model/index.ts";
import type { Family, Prefix } from "../net/index.ts";
import type { GatewayService, GuestServices, World } from "../policy/index.ts";
import type { PolicyRules } from "./policy-rules.ts";

/** Whose table it is: enough to know the host's own prefixes and the shape of its sets. */
export interface FirewallScope {
  /** Name of the table. */
  readonly table: string;
  readonly networks: readonly Network[];
  readonly host: Host;
  /** Blocks of other hosts' prefixes whose endpoints are here (ADR 0022); absent: none. */
  readonly visiting?: readonly Prefix[];
}

/** Everything that the table of one host is made from. */
export interface FirewallInput extends FirewallScope, Omit<World, "hosts"> {
  readonly devices: readonly EndpointDevice[];
  /**
   * Indices of the devices that lead to other hosts. Known flows from there take the shortest way; without them
   * the verdicts are the same. None of them may be an endpoint's.
   */
  readonly underlayDevices: readonly number[];
  readonly gatewayServices: readonly GatewayService[];
  /** What guests get from the host besides; absent: nothing. */
  readonly guestServices?: GuestServices;
  /** Blocks of the host's own prefixes whose endpoints are on other hosts (ADR 0022); absent: none. */
  readonly away?: readonly Prefix[];
  /** What policies say; absent: there are none. */
  readonly policyRules?: PolicyRules;
  /** Where copies of packets go, for who wants to read what was dropped or is logged by policies. */
  readonly packetLog?: {
    /** Netlink log group (nflog). */
    readonly group: number;
    readonly perSecond: number;
    /** False: only what policies log. */
    readonly drops: boolean;
  };
  /** How packets that are steered through functions are told; absent: none are. */
  readonly steered?: SteeredMarks;
  /** What no policy for the machine itself can take away. */
  readonly safetyNet?: SafetyNet;
}

/**
 * Marks of packets that come by another way than routes alone would send them (ADR 0018). Who marks them has proved what they are, and
 * that nobody else's packets have these marks.
 */
export interface SteeredMarks {
  /** The bits that say it. */
  readonly mask: number;
  /** On its way through this host, or judged here before. */
  readonly passing: number;
  /** At the host of its destination, with any device and any source: judged as what comes from another host. */
  readonly arrived: number;
}

/** Traffic of the machine that comes before all policies. Neighbour discovery, DHCP and known flows always do. */
export interface SafetyNet {
  /** Ports of the machine that stay reachable, such as TCP 22. */
  readonly services: readonly ProtocolPort[];
  /** What the machine itself still reaches: the control plane. Without a prefix: at any address. */
  readonly destinations: readonly (ProtocolPort & { readonly prefix?: Prefix })[];
}

/** An IP protocol number with a destination port. */
export interface ProtocolPort {
  readonly protocol: number;
  readonly port: number;
}

/** The host side of an own endpoint. */
export interface EndpointDevice {
  readonly name: string;
  /** Index of the device; undefined while it does not exist. Nothing passes from its name until it is bound. */
  readonly index: number | undefined;
  /** What it may send from: its block in each plan of its network. */
  readonly owns: readonly Prefix[];
}

/** The host's prefix in one plan. */
export interface OwnPrefix {
  readonly network: Network;
  readonly plan: AddressPlan;
  readonly prefix: Prefix;
}

/** The host's own prefixes of a family, in the order of the networks. */
export function ownPrefixes({ networks, host }: FirewallScope, family: Family): readonly OwnPrefix[] {
  return networks.flatMap((network) =>
    plansOf(network)
      .filter((plan) => plan.family === family)
      .map((plan) => ({ network, plan, prefix: hostPrefix(plan, hostPosition(network, host)) })),
  );
}

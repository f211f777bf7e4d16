import { hostPosition, hostPrefix } from "../addressing/index.ts";
import { type AddressPlan, type Host, type Network, plansOf } from "../model/index.ts";
import type { Family, Prefix } from "../net/index.ts";
import type { GatewayService, World } from "../policy/index.ts";

/** Whose table it is: enough to know the host's own prefixes and the shape of its sets. */
export interface FirewallScope {
  /** Name of the table. */
  readonly table: string;
  readonly networks: readonly Network[];
  readonly host: Host;
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

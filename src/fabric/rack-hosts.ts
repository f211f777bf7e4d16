import { groupPrefix, hostPosition, hostPrefix } from "../addressing/index.ts";
import {
  type AddressPlan,
  type Fabric,
  type Host,
  type Network,
  plansOf,
  RomanaError,
} from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import type { DeviceProblem } from "./device-route.ts";
import { rackPath } from "./fabric-map.ts";

/** One family of one network. */
export interface NetworkPart {
  readonly network: Network;
  readonly plan: AddressPlan;
  /** The prefix of each rack by path; a network without the group has none. */
  readonly rackPrefixes: ReadonlyMap<string, Prefix>;
}

/** A host of a rack with its prefix in each part; undefined where it has no place. */
export interface RackHost {
  readonly host: Host;
  readonly prefixes: readonly (Prefix | undefined)[];
}

/** The hosts of one rack. A change of the rack makes a new one, so that what was worked out of it can be kept by it. */
export interface RackHosts {
  readonly path: string;
  /** By name. */
  readonly hosts: readonly RackHost[];
}

/** The networks that a fabric carries, family by family. */
export function createParts(fabric: Fabric, networks: readonly Network[]): readonly NetworkPart[] {
  return networks.flatMap((network) =>
    plansOf(network).map((plan) => ({
      network,
      plan,
      rackPrefixes: new Map(
        fabric.racks.flatMap(({ group }) => {
          const prefix = prefixOfGroup(network, plan, group);
          return prefix === undefined ? [] : [[rackPath(group), prefix] as const];
        }),
      ),
    })),
  );
}

/** The host with its prefixes; what it has none for becomes a problem. */
export function placeHost(parts: readonly NetworkPart[], host: Host, problems: DeviceProblem[]): RackHost {
  const prefixes = parts.map(({ network, plan }) => {
    try {
      return hostPrefix(plan, hostPosition(network, host));
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      problems.push({ device: host.name, reason: `${network.name} IPv${plan.family}: ${error.message}` });
      return undefined;
    }
  });
  return { host, prefixes };
}

function prefixOfGroup(network: Network, plan: AddressPlan, group: readonly string[]): Prefix | undefined {
  try {
    const { groups } = hostPosition(network, { name: "", id: 0, group, underlay: {} });
    return groups.length === plan.groupLevels.length ? groupPrefix(plan, groups) : undefined;
  } catch (error) {
    if (error instanceof RomanaError) return undefined;
    throw error;
  }
}

import { groupPrefix, hostPosition, hostPrefix } from "../addressing/index.ts";
import { type AddressPlan, type Group, type Host, type Network, RomanaError } from "../model/index.ts";
import type { Address, Prefix } from "../net/index.ts";

/** A host with its place in one family of a network. */
export interface PlacedHost {
  readonly name: string;
  readonly prefix: Prefix;
  /** Where other hosts reach it in this family. */
  readonly underlay: Address | undefined;
}

/** A topology group with what is in it, in one family of a network; the whole network is the root. */
export interface GroupNode {
  /** Group names from the first level down, e.g. `zone-a/rack-3`; empty for the root. */
  readonly path: string;
  readonly prefix: Prefix;
  /** What its hosts use towards other groups, in this family. */
  readonly router: Address | undefined;
  readonly parent: GroupNode | undefined;
  readonly children: Map<string, GroupNode>;
  /** Hosts directly in it: those of a leaf. */
  readonly hosts: PlacedHost[];
}

/** Why a host could not be placed. */
export interface Misplaced {
  readonly host: string;
  readonly reason: string;
}

/** A host and the group that it is directly in. */
export interface Place {
  readonly host: PlacedHost;
  readonly group: GroupNode;
}

/** The groups of a network with all hosts in their places. */
export interface GroupTree {
  /** By the host's name. */
  readonly places: ReadonlyMap<string, Place>;
  readonly misplaced: readonly Misplaced[];
}

/** The groups and hosts of a network in the family of one of its plans. */
export function createGroupTree(network: Network, plan: AddressPlan, hosts: Iterable<Host>): GroupTree {
  const root = createNode(plan, undefined, "", [], network.groups);
  const places = new Map<string, Place>();
  const misplaced: Misplaced[] = [];
  for (const host of hosts) {
    try {
      const prefix = hostPrefix(plan, hostPosition(network, host));
      const placed = { name: host.name, prefix, underlay: host.underlay[`ipv${plan.family}`] };
      const group = find(root, host.group);
      group.hosts.push(placed);
      places.set(host.name, { host: placed, group });
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      misplaced.push({ host: host.name, reason: error.message });
    }
  }
  return { places, misplaced };
}

/** All hosts in the group and in the groups inside it. */
export function hostsInside(node: GroupNode): readonly PlacedHost[] {
  return [...node.hosts, ...[...node.children.values()].flatMap(hostsInside)];
}

function createNode(
  plan: AddressPlan,
  parent: GroupNode | undefined,
  path: string,
  ids: readonly number[],
  groups: readonly Group[],
  router?: Address,
): GroupNode {
  const node: GroupNode = {
    path,
    prefix: groupPrefix(plan, ids),
    router,
    parent,
    children: new Map(),
    hosts: [],
  };
  for (const group of groups) {
    const inside = path === "" ? group.name : `${path}/${group.name}`;
    const child = createNode(
      plan,
      node,
      inside,
      [...ids, group.id],
      group.groups,
      group.router[`ipv${plan.family}`],
    );
    node.children.set(group.name, child);
  }
  return node;
}

/** The node of a path that is known to exist. */
function find(root: GroupNode, path: readonly string[]): GroupNode {
  return path.reduce((node, name) => node.children.get(name) as GroupNode, root);
}

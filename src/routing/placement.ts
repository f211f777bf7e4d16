import { hostIds, hostPosition } from "../addressing/index.ts";
import { type Group, type Host, type Network, plansOf, RomanaError } from "../model/index.ts";

/** A group that hosts can be directly in, and how full it is. */
export interface GroupRoom {
  /** Group names from the first level down; empty in a flat network. */
  readonly path: readonly string[];
  readonly hosts: number;
  /** IDs that nobody has, over all networks. */
  readonly left: number;
}

/** Every group of the last level that all networks have, with what is left in it, in the order of the first network. */
export function groupRooms(networks: readonly Network[], hosts: readonly Host[]): readonly GroupRoom[] {
  const [first] = networks;
  if (first === undefined) return [];
  const used = new Map<string, number>();
  for (const { group } of hosts) used.set(group.join("/"), (used.get(group.join("/")) ?? 0) + 1);
  const plans = networks.flatMap(plansOf);
  const capacity = Math.min(...plans.map((plan) => hostIds(plan).last));
  const depth = plansOf(first)[0]?.groupLevels.length ?? 0;
  return pathsOf(first.groups, depth, [])
    .filter((path) => networks.every((network) => hasPath(network, path)))
    .map((path) => {
      const count = used.get(path.join("/")) ?? 0;
      return { path, hosts: count, left: Math.max(0, capacity - count) };
    });
}

/**
 * Where a host goes that says nothing of its group, or only the first names of it (`wanted`): into the group with the fewest hosts
 * that has an ID left, the first of equal ones.
 * @throws RomanaError `not-found` or `pool-exhausted`, which name the groups and what is left in them.
 */
export function chooseGroup(
  networks: readonly Network[],
  hosts: readonly Host[],
  wanted: readonly string[] = [],
): readonly string[] {
  const rooms = groupRooms(networks, hosts).filter(({ path }) =>
    wanted.every((name, index) => path[index] === name),
  );
  let best: GroupRoom | undefined;
  for (const room of rooms)
    if (room.left > 0 && room.hosts < (best?.hosts ?? Number.POSITIVE_INFINITY)) best = room;
  if (best !== undefined) return best.path;
  const where = wanted.length === 0 ? "any group" : `group "${wanted.join("/")}"`;
  const state = rooms
    .map(({ path, hosts: count }) => `"${path.join("/")}" has ${count} hosts and no ID left`)
    .join("; ");
  if (rooms.length === 0)
    throw new RomanaError(`Cannot place host in ${where}: networks have no such group`, {
      code: "not-found",
      noun: "group",
      name: wanted.join("/"),
    });
  throw new RomanaError(`Cannot place host in ${where}: ${state}`, {
    code: "pool-exhausted",
    pool: `host IDs of ${where}`,
    capacity: rooms.reduce((sum, { hosts: count, left }) => sum + count + left, 0),
    used: rooms.reduce((sum, { hosts: count }) => sum + count, 0),
    coolingDown: 0,
  });
}

function pathsOf(
  groups: readonly Group[],
  depth: number,
  above: readonly string[],
): readonly (readonly string[])[] {
  if (depth === 0) return [above];
  return groups.flatMap((group) => pathsOf(group.groups, depth - 1, [...above, group.name]));
}

function hasPath(network: Network, group: readonly string[]): boolean {
  try {
    hostPosition(network, { name: "", id: 0, group, underlay: {} });
    return plansOf(network).every(({ groupLevels }) => groupLevels.length === group.length);
  } catch (error) {
    if (error instanceof RomanaError) return false;
    throw error;
  }
}

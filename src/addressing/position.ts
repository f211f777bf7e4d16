import { type Group, type Host, type Network, notFound } from "../model/index.ts";
import type { HostPosition } from "./layout.ts";

/**
 * The IDs of a host in a network: those of its group path, then its own.
 * @throws RomanaError `not-found` when the network has no such group.
 */
export function hostPosition(network: Network, host: Host): HostPosition {
  let level: readonly Group[] = network.groups;
  const groups: number[] = [];
  for (const [index, name] of host.group.entries()) {
    const group = level.find((candidate) => candidate.name === name);
    if (group === undefined) throw notFound("group", host.group.slice(0, index + 1).join("/"));
    groups.push(group.id);
    level = group.groups;
  }
  return { groups, host: host.id };
}

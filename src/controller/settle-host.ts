import { isDeepStrictEqual } from "node:util";
import { desiredHost } from "../kubernetes/index.ts";
import { RomanaError } from "../model/index.ts";
import { deleting } from "./mirror.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/**
 * Makes a host of a node, or removes it with what is on it. A host that no node has made is left alone, and one of
 * another node of the same name goes first. When most nodes are gone at once, an API server that has lost them is likelier than
 * a cluster that has, and no host is removed.
 */
export const settleHost: Handler = async (site, name) => {
  const { cluster, mirror, romanad, events, config } = site;
  const { nodes } = cluster.informers;
  const cached = nodes.objects.get(name);
  let host = mirror.hosts.get(name);
  if (host !== undefined && host.externalId === undefined) {
    const message = `host "${name}" was not made for a node, and is left as it is`;
    if (cached !== undefined) events.warn(subjectOf(nodes, cached), "HostOfSomebodyElse", message);
    return undefined;
  }
  if (host !== undefined && host.externalId !== cached?.meta.uid) {
    if (cached === undefined) refuseMassRemoval(site, name);
    await deleting(romanad.deleteHost(name, host.revision));
    mirror.hosts.delete(name);
    host = undefined;
  }
  if (cached?.value === undefined) return undefined;
  const desired = desiredHost(cached.value, config.topologyLabels);
  if ("problem" in desired) {
    events.warn(subjectOf(nodes, cached), "NoHost", desired.problem);
    return undefined;
  }
  const { underlay, labels, group } = desired;
  const hasAddress = underlay.ipv4 !== undefined || underlay.ipv6 !== undefined;
  if (host === undefined) {
    // Whoever makes nodes tells their addresses later; nobody could reach it before.
    if (hasAddress) mirror.hosts.set(name, await romanad.createHost(desired));
    return undefined;
  }
  if (!isDeepStrictEqual(host.group, group)) {
    const message = `its host stays in group "${host.group.join("/")}", which is part of its addresses; remove the node to move it`;
    events.warn(subjectOf(nodes, cached), "GroupChanged", message);
  }
  const change = { underlay: hasAddress ? underlay : host.underlay, labels };
  const isSame =
    isDeepStrictEqual(host.underlay, change.underlay) && isDeepStrictEqual(host.labels ?? new Map(), labels);
  if (!isSame) mirror.hosts.set(name, await romanad.updateHost(name, change));
  return undefined;
};

/** @throws RomanaError `unavailable` when more than one host, and more than half of them, have no node any more. */
function refuseMassRemoval({ cluster, mirror }: Site, name: string): void {
  const ours = [...mirror.hosts.values()].filter(({ externalId }) => externalId !== undefined);
  const gone = ours.filter((host) => !cluster.informers.nodes.objects.has(host.name)).length;
  if (gone < 2 || gone * 2 <= ours.length) return;
  const reason = `${gone} of ${ours.length} nodes are gone at once; if that is so, remove it with "romana host delete ${name}"`;
  throw new RomanaError(`Cannot remove host "${name}": ${reason}`, { code: "unavailable" });
}

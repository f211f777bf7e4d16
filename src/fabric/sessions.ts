import type { FabricDevice, Host } from "../model/index.ts";
import type { Address, Family, Prefix } from "../net/index.ts";
import type { PrefixRange, RouteFilter, Session } from "./device-route.ts";
import { type Cable, type FabricMap, type LeafPlace, rackPath } from "./fabric-map.ts";
import type { FabricRouting } from "./fabric-routing.ts";
import type { NetworkPart, RackHost, RackHosts } from "./rack-hosts.ts";
import { isOnSegment } from "./rack-routes.ts";

/**
 * The BGP sessions of a device, IPv4 before IPv6. Filters are as narrow as they can be without depending on hosts and
 * racks elsewhere: a leaf believes of a host its own prefixes only, a spine believes of a leaf the prefix of its rack only.
 */
export function sessionsOf(routing: FabricRouting, device: string): readonly Session[] {
  const { map } = routing;
  return ([4, 6] as const).flatMap((family) => {
    const spine = map.spines.get(device);
    if (spine !== undefined) return spineSessions(routing, spine, family);
    const place = map.leaves.get(device);
    if (place !== undefined) return leafSessions(routing, place, family);
    const rack = routing.rackOf(device);
    const host = rack?.hosts.find((own) => own.host.name === device);
    return rack === undefined || host === undefined ? [] : hostSessions(routing, rack, host, family);
  });
}

/** The prefixes that a device announces by itself: those of a host, or the aggregates of the rack of a leaf. */
export function originsOf(routing: FabricRouting, device: string): readonly Prefix[] {
  const place = routing.map.leaves.get(device);
  if (place !== undefined)
    return ([4, 6] as const).flatMap((family) =>
      aggregatesOf(routing.parts, rackPath(place.rack.group), family),
    );
  const host = routing.rackOf(device)?.hosts.find((own) => own.host.name === device);
  if (host === undefined) return [];
  return host.prefixes.filter((prefix) => prefix !== undefined);
}

function spineSessions(
  { map, parts }: FabricRouting,
  spine: FabricDevice,
  family: Family,
): readonly Session[] {
  return map.cablesOf(spine.name, family).flatMap((cable): Session[] => {
    const place = map.leaves.get(cable.peer);
    if (place === undefined) return [];
    const own = aggregatesOf(parts, rackPath(place.rack.group), family);
    return [
      {
        ...endsOf(cable, spine.asn, place.leaf.asn, "leaf"),
        imports: exactly(own),
        exports: { refuse: own, accept: anyRack(parts, family) },
      },
    ];
  });
}

function leafSessions(routing: FabricRouting, place: LeafPlace, family: Family): readonly Session[] {
  const { map, parts, fabric } = routing;
  const { leaf, rack } = place;
  const path = rackPath(rack.group);
  const own = aggregatesOf(parts, path, family);
  const upwards = map.cablesOf(leaf.name, family).flatMap((cable): Session[] => {
    const spine = map.spines.get(cable.peer);
    if (spine === undefined) return [];
    const imports = { refuse: own, accept: anyRack(parts, family) };
    return [{ ...endsOf(cable, leaf.asn, spine.asn, "spine"), imports, exports: exactly(own) }];
  });
  const sideways = map.cablesOf(leaf.name, family).flatMap((cable): Session[] => {
    const other = map.leaves.get(cable.peer);
    if (other?.rack !== rack) return [];
    const filter = { refuse: own, accept: hostsInside(parts, path, family) };
    return [{ ...endsOf(cable, leaf.asn, other.leaf.asn, "leaf"), imports: filter, exports: filter }];
  });
  const downwards = (routing.racks.get(path)?.hosts ?? []).flatMap((host) =>
    hostCables(map, place, host.host, family).map(
      (cable): Session => ({
        ...endsOf(cable, leaf.asn, fabric.hostAsn, "host"),
        imports: exactly(prefixesOf(parts, host, family)),
        exports: { refuse: [], accept: anyRack(parts, family) },
      }),
    ),
  );
  return [...upwards, ...sideways, ...downwards];
}

function hostSessions(
  routing: FabricRouting,
  rack: RackHosts,
  own: RackHost,
  family: Family,
): readonly Session[] {
  const { map, parts, fabric } = routing;
  const leaves = map.racks.get(rack.path)?.leaves ?? [];
  return leaves.flatMap((leaf) => {
    const place = map.leaves.get(leaf.name);
    if (place === undefined) return [];
    return hostCables(map, place, own.host, family).map(
      ({ local, remote }): Session => ({
        ...endsOf(
          { family, local: remote, remote: local, peer: leaf.name },
          fabric.hostAsn,
          leaf.asn,
          "leaf",
        ),
        imports: { refuse: [], accept: anyRack(parts, family) },
        exports: exactly(prefixesOf(parts, own, family)),
      }),
    );
  });
}

/** How a leaf sees a host of its rack: over cables, or over the segment. */
function hostCables(map: FabricMap, { leaf, rack }: LeafPlace, host: Host, family: Family): readonly Cable[] {
  if (!isOnSegment(map, rack, host, family))
    return map.cablesOf(leaf.name, family).filter(({ peer }) => peer === host.name);
  const local = leaf.segment?.[`ipv${family}`];
  const remote = host.underlay[`ipv${family}`] as Address;
  return local === undefined ? [] : [{ family, local, remote, peer: host.name }];
}

function endsOf(
  { family, local, remote, peer }: Cable,
  localAsn: number,
  peerAsn: number,
  peerRole: Session["peerRole"],
): Omit<Session, "imports" | "exports"> {
  return { family, peer, peerRole, localAddress: local, peerAddress: remote, localAsn, peerAsn };
}

function exactly(prefixes: readonly Prefix[]): RouteFilter {
  return {
    refuse: [],
    accept: prefixes.map((inside) => ({ inside, minLength: inside.length, maxLength: inside.length })),
  };
}

/** Prefixes as long as those of racks, in every network of the family. */
function anyRack(parts: readonly NetworkPart[], family: Family): readonly PrefixRange[] {
  return parts
    .filter(({ plan }) => plan.family === family)
    .flatMap(({ plan, rackPrefixes }) => {
      const [first] = rackPrefixes.values();
      if (first === undefined) return [];
      return [{ inside: plan.prefix, minLength: first.length, maxLength: first.length }];
    });
}

/** Prefixes as long as those of hosts, inside the rack. */
function hostsInside(parts: readonly NetworkPart[], path: string, family: Family): readonly PrefixRange[] {
  return parts
    .filter(({ plan }) => plan.family === family)
    .flatMap(({ plan, rackPrefixes }) => {
      const inside = rackPrefixes.get(path);
      const length = inside && inside.length + plan.hostBits;
      return inside === undefined || length === undefined
        ? []
        : [{ inside, minLength: length, maxLength: length }];
    });
}

function aggregatesOf(parts: readonly NetworkPart[], path: string, family: Family): readonly Prefix[] {
  return parts
    .filter(({ plan }) => plan.family === family)
    .flatMap(({ rackPrefixes }) => rackPrefixes.get(path) ?? []);
}

function prefixesOf(
  parts: readonly NetworkPart[],
  { prefixes }: RackHost,
  family: Family,
): readonly Prefix[] {
  return prefixes.filter(
    (prefix, index) => prefix !== undefined && parts[index]?.plan.family === family,
  ) as Prefix[];
}

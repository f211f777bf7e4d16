import type { FabricRack, Host } from "../model/index.ts";
import { comparePrefixes, type Family, type Prefix } from "../net/index.ts";
import type { DeviceProblem, DeviceRoute, NextHop } from "./device-route.ts";
import type { FabricMap, LeafPlace } from "./fabric-map.ts";
import { rackPath } from "./fabric-map.ts";
import type { NetworkPart, RackHosts } from "./rack-hosts.ts";
import type { RouteMemory } from "./route-memory.ts";

/** What a device has, and what it lacks. */
export interface DerivedRoutes {
  readonly routes: readonly DeviceRoute[];
  readonly problems: readonly DeviceProblem[];
}

/** What all routes are derived from, besides hosts. */
export interface RouteBase {
  readonly map: FabricMap;
  readonly parts: readonly NetworkPart[];
  readonly memory: RouteMemory;
}

/** The routes of a host: its neighbours in the segment by itself, every rack by its leaves. */
export function hostRoutes(base: RouteBase, rack: RackHosts, name: string): DerivedRoutes {
  const own = rack.hosts.find(({ host }) => host.name === name);
  const place = base.map.racks.get(rack.path);
  if (own === undefined || place === undefined) return { routes: [], problems: [] };
  return join(
    base.parts.map((part, index) => {
      const destination = own.prefixes[index];
      if (destination === undefined) return { routes: [], problems: [] };
      const blackhole = routeOf(part, "blackhole", "agent", destination, name, []);
      if (isOnSegment(base.map, place, own.host, part.plan.family)) {
        const shared = segmentRoutes(base, rack, place, index);
        const routes = shared.map((route) =>
          route.kind === "host" && route.owner === name ? blackhole : route,
        );
        return { routes, problems: [] };
      }
      const uplinks = uplinksOf(base.map, place, own.host, part.plan.family);
      const reason = `${labelOf(part)}: it has no way to a leaf of its rack`;
      if (uplinks.length === 0) return { routes: [blackhole], problems: [{ device: name, reason }] };
      return { routes: sorted([blackhole, ...groupRoutes(part, uplinks)]), problems: [] };
    }),
  );
}

/** What hosts on the segment of a rack share: a route to each of them, and to every rack by the leaves. */
function segmentRoutes(
  base: RouteBase,
  rack: RackHosts,
  place: FabricRack,
  index: number,
): readonly DeviceRoute[] {
  const { map, parts, memory } = base;
  const part = parts[index] as NetworkPart;
  const family = part.plan.family;
  return memory(rack, `segment ${index}`, () => {
    const neighbours = rack.hosts.flatMap((own): readonly DeviceRoute[] => {
      const { host, prefixes } = own;
      const prefix = prefixes[index];
      const address = host.underlay[`ipv${family}`];
      if (prefix === undefined || address === undefined || !isOnSegment(map, place, host, family)) return [];
      return memory(own, `neighbour ${index}`, () => [
        routeOf(part, "host", "agent", prefix, host.name, [{ address, device: host.name }]),
      ]);
    });
    const groups = memory(place, `groups ${index}`, () => groupRoutes(part, segmentUplinks(place, family)));
    return sorted([...neighbours, ...groups]);
  });
}

/** The routes of a leaf: each host of its rack, the aggregate of the rack, every other rack by the spines. */
export function leafRoutes(
  { map, parts, memory }: RouteBase,
  rack: RackHosts,
  place: LeafPlace,
): DerivedRoutes {
  const { name } = place.leaf;
  return join(
    parts.map((part, index) => {
      const family = part.plan.family;
      const problems: DeviceProblem[] = [];
      const miss = (what: string) => problems.push({ device: name, reason: `${labelOf(part)}: ${what}` });
      const aggregate = part.rackPrefixes.get(rack.path);
      const routes: DeviceRoute[] = [];
      if (aggregate !== undefined)
        routes.push(routeOf(part, "blackhole", "daemon", aggregate, rack.path, []));
      for (const { host, prefixes } of rack.hosts) {
        const prefix = prefixes[index];
        if (prefix === undefined) continue;
        const nextHops = downlinksOf(map, place, host, family);
        if (nextHops.length === 0) miss(`it has no way to host "${host.name}"`);
        else routes.push(routeOf(part, "host", "daemon", prefix, host.name, nextHops));
      }
      const upwards = memory(place.leaf, `upwards ${index}`, () => upwardRoutes(map, part, place));
      for (const [path] of part.rackPrefixes)
        if (path !== rack.path && !upwards.has(path)) miss(`it has no way to rack "${path}"`);
      routes.push(...upwards.values());
      return { routes: sorted(routes), problems };
    }),
  );
}

/** The routes of a leaf to other racks, by their paths. */
function upwardRoutes(
  map: FabricMap,
  part: NetworkPart,
  { leaf, rack }: LeafPlace,
): ReadonlyMap<string, DeviceRoute> {
  const family = part.plan.family;
  const spines = map.cablesOf(leaf.name, family).filter(({ peer }) => map.spines.has(peer));
  const reached = spines.map(({ peer }) => racksBehind(map, peer, family));
  const routes = new Map<string, DeviceRoute>();
  for (const [path, prefix] of part.rackPrefixes) {
    if (path === rackPath(rack.group)) continue;
    const nextHops = spines
      .filter((_, index) => reached[index]?.has(path))
      .map(({ peer, remote }) => ({ address: remote, device: peer }));
    if (nextHops.length > 0) routes.set(path, routeOf(part, "group", "daemon", prefix, path, nextHops));
  }
  return routes;
}

/** The routes of a spine: one for each rack, by its leaves. */
export function spineRoutes({ map, parts }: RouteBase, name: string): DerivedRoutes {
  return join(
    parts.map((part) => {
      const byRack = new Map<string, NextHop[]>();
      for (const { peer, remote } of map.cablesOf(name, part.plan.family)) {
        const leaf = map.leaves.get(peer);
        if (leaf === undefined) continue;
        const path = rackPath(leaf.rack.group);
        byRack.set(path, [...(byRack.get(path) ?? []), { address: remote, device: peer }]);
      }
      const routes = [...part.rackPrefixes].flatMap(([path, prefix]) => {
        const nextHops = byRack.get(path);
        return nextHops === undefined ? [] : [routeOf(part, "group", "daemon", prefix, path, nextHops)];
      });
      const problems = [...part.rackPrefixes.keys()]
        .filter((path) => !byRack.has(path))
        .map((path) => ({ device: name, reason: `${labelOf(part)}: it has no way to rack "${path}"` }));
      return { routes: sorted(routes), problems };
    }),
  );
}

/** True when a host is reached by its underlay address on the segment of its rack: it has no cables of the family. */
export function isOnSegment(map: FabricMap, rack: FabricRack, host: Host, family: Family): boolean {
  const key = `ipv${family}` as const;
  return (
    host.underlay[key] !== undefined &&
    rack.leaves.some(({ segment }) => segment?.[key] !== undefined) &&
    map.cablesOf(host.name, family).length === 0
  );
}

/** The ways of a host with cables to the leaves of its rack. */
function uplinksOf(map: FabricMap, rack: FabricRack, host: Host, family: Family): readonly NextHop[] {
  return map
    .cablesOf(host.name, family)
    .filter(({ peer }) => rack.leaves.some(({ name }) => name === peer))
    .map(({ peer, remote }) => ({ address: remote, device: peer }));
}

/** The ways of hosts on the segment to the leaves of their rack. */
function segmentUplinks(rack: FabricRack, family: Family): readonly NextHop[] {
  return rack.leaves.flatMap(({ name, segment }) => {
    const address = segment?.[`ipv${family}`];
    return address === undefined ? [] : [{ address, device: name }];
  });
}

/** The ways of a leaf to a host: straight, otherwise by the other leaves of the rack that it is cabled with. */
function downlinksOf(
  map: FabricMap,
  { leaf, rack }: LeafPlace,
  host: Host,
  family: Family,
): readonly NextHop[] {
  const straight = straightTo(map, { leaf, rack }, host, family);
  if (straight.length > 0) return straight;
  return map
    .cablesOf(leaf.name, family)
    .filter(({ peer }) => {
      const other = map.leaves.get(peer);
      return other?.rack === rack && straightTo(map, other, host, family).length > 0;
    })
    .map(({ peer, remote }) => ({ address: remote, device: peer }));
}

function straightTo(
  map: FabricMap,
  { leaf, rack }: LeafPlace,
  host: Host,
  family: Family,
): readonly NextHop[] {
  const address = host.underlay[`ipv${family}`];
  if (isOnSegment(map, rack, host, family))
    return leaf.segment?.[`ipv${family}`] === undefined || address === undefined
      ? []
      : [{ address, device: host.name }];
  return map
    .cablesOf(leaf.name, family)
    .filter(({ peer }) => peer === host.name)
    .map(({ remote }) => ({ address: remote, device: host.name }));
}

/** The racks that a spine is cabled with a leaf of. */
function racksBehind(map: FabricMap, spine: string, family: Family): ReadonlySet<string> {
  return new Set(
    map.cablesOf(spine, family).flatMap(({ peer }) => {
      const leaf = map.leaves.get(peer);
      return leaf === undefined ? [] : [rackPath(leaf.rack.group)];
    }),
  );
}

function groupRoutes(part: NetworkPart, uplinks: readonly NextHop[]): readonly DeviceRoute[] {
  return [...part.rackPrefixes].map(([path, prefix]) =>
    routeOf(part, "group", "daemon", prefix, path, uplinks),
  );
}

function routeOf(
  { network }: NetworkPart,
  kind: DeviceRoute["kind"],
  origin: DeviceRoute["origin"],
  destination: Prefix,
  owner: string,
  nextHops: readonly NextHop[],
): DeviceRoute {
  return { network: network.name, destination, kind, origin, owner, nextHops };
}

function labelOf({ network, plan }: NetworkPart): string {
  return `${network.name} IPv${plan.family}`;
}

function sorted(routes: readonly DeviceRoute[]): readonly DeviceRoute[] {
  return routes.toSorted((a, b) => comparePrefixes(a.destination, b.destination));
}

function join(all: readonly DerivedRoutes[]): DerivedRoutes {
  return { routes: all.flatMap(({ routes }) => routes), problems: all.flatMap(({ problems }) => problems) };
}

import type { Fabric, Host, Network } from "../model/index.ts";
import type { Device, DeviceProblem, DeviceRouting } from "./device-route.ts";
import { createFabricMap, type FabricMap, rackPath } from "./fabric-map.ts";
import { createParts, type NetworkPart, placeHost, type RackHost, type RackHosts } from "./rack-hosts.ts";
import { type DerivedRoutes, hostRoutes, leafRoutes, spineRoutes } from "./rack-routes.ts";
import { createRouteMemory, type RouteMemory } from "./route-memory.ts";

/** The routes of a fabric and of the hosts around it. Nothing changes in it: a change makes another one. */
export interface FabricRouting extends DeviceRouting {
  readonly fabric: Fabric;
  readonly map: FabricMap;
  readonly parts: readonly NetworkPart[];
  /** By path. */
  readonly racks: ReadonlyMap<string, RackHosts>;
  /** The rack's hosts that a host is among; undefined for one that is in no rack. */
  rackOf(host: string): RackHosts | undefined;
  /** The same with one host more, or another in the place of one of the same name. Racks without it stay as they are. */
  withHost(host: Host): FabricRouting;
  /** The same without a host. */
  withoutHost(name: string): FabricRouting;
}

/** What does not depend on hosts, and the routes of racks that were asked for. */
interface Site {
  readonly fabric: Fabric;
  readonly map: FabricMap;
  readonly parts: readonly NetworkPart[];
  readonly memory: RouteMemory;
}

/** Hosts that are in no rack, and why. */
type Strays = ReadonlyMap<string, readonly DeviceProblem[]>;

const NOTHING: DerivedRoutes = { routes: [], problems: [] };

/** The routes of all devices, worked out when they are asked for. */
export function createFabricRouting(
  fabric: Fabric,
  networks: readonly Network[],
  hosts: Iterable<Host>,
): FabricRouting {
  const map = createFabricMap(fabric);
  const site = { fabric, map, parts: createParts(fabric, networks), memory: createRouteMemory() };
  const racks = new Map<string, RackHost[]>([...map.racks.keys()].map((path) => [path, []]));
  const strays = new Map<string, readonly DeviceProblem[]>();
  for (const host of hosts) {
    const { placed, problems } = findPlace(site, host);
    if (problems.length > 0) strays.set(host.name, problems);
    if (placed !== undefined) racks.get(rackPath(host.group))?.push(placed);
  }
  return assemble(
    site,
    new Map([...racks].map(([path, members]) => [path, { path, hosts: members.toSorted(byName) }])),
    strays,
  );
}

function assemble(site: Site, racks: ReadonlyMap<string, RackHosts>, strays: Strays): FabricRouting {
  const { fabric, map, parts } = site;
  const homes = new Map(
    [...racks.values()].flatMap((rack) => rack.hosts.map(({ host }) => [host.name, rack] as const)),
  );
  const derive = (name: string): DerivedRoutes => {
    const rack = homes.get(name);
    if (rack !== undefined) return site.memory(rack, name, () => hostRoutes(site, rack, name));
    const place = map.leaves.get(name);
    if (place !== undefined) {
      const own = racks.get(rackPath(place.rack.group)) as RackHosts;
      return site.memory(own, name, () => leafRoutes(site, own, place));
    }
    return map.spines.has(name) ? site.memory(map, name, () => spineRoutes(site, name)) : NOTHING;
  };
  const without = (name: string): [Map<string, RackHosts>, Map<string, readonly DeviceProblem[]>] => {
    const rack = homes.get(name);
    const others = rack && { path: rack.path, hosts: rack.hosts.filter(({ host }) => host.name !== name) };
    const rest = new Map(strays);
    rest.delete(name);
    return [new Map(others === undefined ? racks : [...racks, [others.path, others]]), rest];
  };
  return {
    fabric,
    map,
    parts,
    racks,
    get devices() {
      return devicesOf(site, racks);
    },
    routesOf: (name) => derive(name).routes,
    problemsOf: (name) => [...(strays.get(name) ?? []), ...derive(name).problems],
    rackOf: (name) => homes.get(name),
    withHost(host) {
      const [next, rest] = without(host.name);
      const { placed, problems } = findPlace(site, host);
      if (problems.length > 0) rest.set(host.name, problems);
      const path = rackPath(host.group);
      const rack = next.get(path);
      if (placed !== undefined && rack !== undefined)
        next.set(path, { path, hosts: [...rack.hosts, placed].toSorted(byName) });
      return assemble(site, next, rest);
    },
    withoutHost: (name) => assemble(site, ...without(name)),
  };
}

function findPlace(
  { map, parts }: Site,
  host: Host,
): { placed?: RackHost; problems: readonly DeviceProblem[] } {
  const refused = (reason: string) => ({ problems: [{ device: host.name, reason }] });
  if (map.spines.has(host.name) || map.leaves.has(host.name))
    return refused("a device of the fabric has the same name");
  const path = rackPath(host.group);
  if (!map.racks.has(path)) return refused(`the fabric has no rack for its group "${path}"`);
  const problems: DeviceProblem[] = [];
  const placed = placeHost(parts, host, problems);
  return { placed, problems };
}

function devicesOf({ map }: Site, racks: ReadonlyMap<string, RackHosts>): readonly Device[] {
  return [
    ...[...map.spines.keys()].map((name): Device => ({ name, role: "spine" })),
    ...[...map.leaves].map(
      ([name, { rack }]): Device => ({ name, role: "leaf", rack: rackPath(rack.group) }),
    ),
    ...[...racks.values()].flatMap(({ path, hosts }) =>
      hosts.map(({ host }): Device => ({ name: host.name, role: "host", rack: path })),
    ),
  ];
}

function byName(a: RackHost, b: RackHost): number {
  return a.host.name < b.host.name ? -1 : 1;
}

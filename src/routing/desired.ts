import { type AddressPlan, type Host, type Network, plansOf, type Relocation } from "../model/index.ts";
import {
  type Address,
  comparePrefixes,
  type Family,
  formatAddress,
  formatPrefix,
  type Prefix,
} from "../net/index.ts";
import { aggregateRoutes } from "./aggregate.ts";
import { createGroupTree, type GroupNode, hostsInside, type PlacedHost } from "./group-tree.ts";

/** A route that a host must have, besides those of its own endpoints. */
export interface DesiredRoute {
  readonly network: string;
  readonly destination: Prefix;
  /**
   * `blackhole`: the host's own prefix, so that packets to unused addresses of it do not wander; `host`: the
   * prefix of another host, through its underlay address; `group`: prefixes of other groups, through a router;
   * `relocation`: an endpoint that is on another host than its address says, through the underlay address of that; on
   * that host itself it is a blackhole until the endpoint is wired, so that packets do not go round in circles.
   */
  readonly kind: "blackhole" | "host" | "group" | "relocation";
  /** The next hop; a blackhole has none, nor has a relocation where the endpoint is. */
  readonly gateway?: Address;
  /** The host whose prefix it is; kinds `blackhole` and `host`. The host where it is; kind `relocation`. */
  readonly host?: string;
  /** Paths of the groups behind it, such as `zone-a/rack-3`, in the order of their prefixes; kind `group`. */
  readonly groups?: readonly string[];
}

/** A host that other hosts cannot have a route to. */
export interface RouteProblem {
  readonly network: string;
  readonly family: Family;
  /** The host that cannot be reached. */
  readonly host: string;
  readonly reason: string;
}

/** What one host must have. */
export interface DesiredRoutes {
  /** By network and family, then by destination. */
  readonly routes: readonly DesiredRoute[];
  /** Hosts that are left out, and why: never silently. */
  readonly problems: readonly RouteProblem[];
}

/** The routes of a whole network of hosts; what hosts share is worked out once. */
export interface Routing {
  /** The routes of a host by name; none for a name that is not there. */
  routesOf(host: string): DesiredRoutes;
  /** The number of routes of a host, without making them. */
  countOf(host: string): number;
}

/** What all hosts of a leaf group have, each without the route to itself. */
interface Shared {
  readonly routes: readonly DesiredRoute[];
  readonly problems: readonly RouteProblem[];
  /** Hosts that have a route of their own among these. */
  readonly direct: ReadonlySet<string>;
}

/** The routes of the named host. For many hosts of the same network, {@link createRouting} is faster. */
export function desiredRoutes(
  networks: readonly Network[],
  hosts: readonly Host[],
  host: string,
  relocations: readonly Relocation[] = [],
): DesiredRoutes {
  return createRouting(networks, hosts, relocations).routesOf(host);
}

/** The routes of all hosts in all networks, worked out when they are asked for. */
export function createRouting(
  networks: readonly Network[],
  hosts: readonly Host[],
  relocations: readonly Relocation[] = [],
): Routing {
  const parts = networks.flatMap((network) => {
    const moved = relocations.filter((relocation) => relocation.network === network.name);
    return plansOf(network).map((plan) => createPart(network, plan, hosts, moved));
  });
  return {
    routesOf: (host) => ({
      routes: parts.flatMap((part) => part.routesOf(host)),
      problems: parts.flatMap((part) => part.problemsOf(host)),
    }),
    countOf: (host) => parts.reduce((sum, part) => sum + part.countOf(host), 0),
  };
}

/** One family of one network. */
interface Part {
  routesOf(host: string): readonly DesiredRoute[];
  problemsOf(host: string): readonly RouteProblem[];
  countOf(host: string): number;
}

function createPart(
  network: Network,
  plan: AddressPlan,
  hosts: readonly Host[],
  relocations: readonly Relocation[],
): Part {
  const tree = createGroupTree(network, plan, hosts);
  const misplaced = tree.misplaced.map(
    ({ host, reason }): RouteProblem => ({
      network: network.name,
      family: plan.family,
      host,
      reason,
    }),
  );
  const known = new Map<GroupNode, Shared>();
  const sharedBy = (leaf: GroupNode): Shared => {
    let shared = known.get(leaf);
    if (shared === undefined) {
      shared = shareRoutes(network.name, plan.family, leaf);
      known.set(leaf, shared);
    }
    return shared;
  };
  const movedOf = (name: string): Moved => {
    const group = tree.places.get(name)?.group;
    if (group === undefined || relocations.length === 0) return { routes: [], problems: [] };
    const { direct } = sharedBy(group);
    return relocationRoutes(network.name, plan.family, name, relocations, (host) =>
      direct.has(host) ? tree.places.get(host)?.host.underlay : undefined,
    );
  };
  return {
    routesOf: (name) => {
      const place = tree.places.get(name);
      if (place === undefined) return [];
      const destination = place.host.prefix;
      const own: DesiredRoute = { network: network.name, destination, kind: "blackhole", host: name };
      const others = sharedBy(place.group).routes.filter((route) => route.host !== name);
      const moved = movedOf(name).routes;
      if (moved.length === 0) return [own, ...others];
      const byPrefix = [...others, ...moved].sort((a, b) => comparePrefixes(a.destination, b.destination));
      return [own, ...byPrefix];
    },
    problemsOf: (name) => {
      const group = tree.places.get(name)?.group;
      const shared = group === undefined ? [] : sharedBy(group).problems;
      return [...misplaced, ...shared.filter(({ host }) => host !== name), ...movedOf(name).problems];
    },
    countOf: (name) => {
      const group = tree.places.get(name)?.group;
      if (group === undefined) return 0;
      const { routes, direct } = sharedBy(group);
      return 1 + routes.length - (direct.has(name) ? 1 : 0) + movedOf(name).routes.length;
    },
  };
}

/** Routes to endpoints that are not where their address says, and those that cannot be. */
interface Moved {
  readonly routes: readonly DesiredRoute[];
  readonly problems: readonly RouteProblem[];
}

/**
 * The routes of a host to endpoints that are not where their address says. A host behind a router has none: the router
 * leads to the host of the address, which has one.
 * @param nextHop the underlay address of a host that is reached directly
 */
function relocationRoutes(
  network: string,
  family: Family,
  name: string,
  relocations: readonly Relocation[],
  nextHop: (host: string) => Address | undefined,
): Moved {
  const routes: DesiredRoute[] = [];
  const problems: RouteProblem[] = [];
  for (const { host: home, locatedOn, blocks } of relocations) {
    for (const destination of blocks) {
      if (destination.family !== family) continue;
      const route: DesiredRoute = { network, destination, kind: "relocation", host: locatedOn };
      const gateway = locatedOn === name ? undefined : nextHop(locatedOn);
      if (locatedOn === name) routes.push(route);
      else if (gateway !== undefined) routes.push({ ...route, gateway });
      else if (home === name) {
        const reason = `host "${locatedOn}", where ${formatPrefix(destination)} is, is not reached directly`;
        problems.push({ network, family, host: locatedOn, reason });
      }
    }
  }
  return { routes, problems };
}

function shareRoutes(network: string, family: Family, leaf: GroupNode): Shared {
  const direct: PlacedHost[] = [...leaf.hosts];
  const behindRouter: DesiredRoute[] = [];
  let router = leaf.router;
  for (let node = leaf; node.parent !== undefined; node = node.parent) {
    router ??= node.router;
    for (const sibling of node.parent.children.values()) {
      if (sibling === node) continue;
      if (router === undefined) direct.push(...hostsInside(sibling));
      else
        behindRouter.push({
          network,
          destination: sibling.prefix,
          kind: "group",
          gateway: router,
          groups: [sibling.path],
        });
    }
  }
  const reachable = direct.filter(({ underlay }) => underlay !== undefined);
  const routes = [
    ...reachable.map(
      ({ name, prefix, underlay }): DesiredRoute => ({
        network,
        destination: prefix,
        kind: "host",
        gateway: underlay as Address,
        host: name,
      }),
    ),
    ...joinGroups(behindRouter),
  ];
  return {
    routes: routes.toSorted((a, b) => comparePrefixes(a.destination, b.destination)),
    problems: direct
      .filter(({ underlay }) => underlay === undefined)
      .map(({ name }) => ({
        network,
        family,
        host: name,
        reason: `host "${name}" has no IPv${family} underlay address`,
      })),
    direct: new Set(reachable.map(({ name }) => name)),
  };
}

/** Groups behind one router whose prefixes make up a wider one get one route. */
function joinGroups(routes: readonly DesiredRoute[]): readonly DesiredRoute[] {
  const joined = aggregateRoutes(routes, ({ gateway }) => formatAddress(gateway as Address));
  return joined.map(({ destination, parts }) => ({
    ...(parts[0] as DesiredRoute),
    destination,
    groups: parts.flatMap(({ groups }) => groups ?? []),
  }));
}

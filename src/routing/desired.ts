import { type AddressPlan, type Host, type Network, plansOf } from "../model/index.ts";
import { type Address, comparePrefixes, type Family, formatAddress, type Prefix } from "../net/index.ts";
import { aggregateRoutes } from "./aggregate.ts";
import { createGroupTree, type GroupNode, hostsInside, type PlacedHost } from "./group-tree.ts";

/** A route that a host must have, besides those of its own endpoints. */
export interface DesiredRoute {
  readonly network: string;
  readonly destination: Prefix;
  /**
   * `blackhole`: the host's own prefix, so that packets to unused addresses of it do not wander; `host`: the
   * prefix of another host, through its underlay address; `group`: prefixes of other groups, through a router.
   */
  readonly kind: "blackhole" | "host" | "group";
  /** The next hop; a blackhole has none. */
  readonly gateway?: Address;
  /** The host whose prefix it is; kinds `blackhole` and `host`. */
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
): DesiredRoutes {
  return createRouting(networks, hosts).routesOf(host);
}

/** The routes of all hosts in all networks, worked out when they are asked for. */
export function createRouting(networks: readonly Network[], hosts: readonly Host[]): Routing {
  const parts = networks.flatMap((network) =>
    plansOf(network).map((plan) => createPart(network, plan, hosts)),
  );
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

function createPart(network: Network, plan: AddressPlan, hosts: readonly Host[]): Part {
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
  return {
    routesOf: (name) => {
      const place = tree.places.get(name);
      if (place === undefined) return [];
      const destination = place.host.prefix;
      const own: DesiredRoute = { network: network.name, destination, kind: "blackhole", host: name };
      return [own, ...sharedBy(place.group).routes.filter((route) => route.host !== name)];
    },
    problemsOf: (name) => {
      const group = tree.places.get(name)?.group;
      const shared = group === undefined ? [] : sharedBy(group).problems;
      return [...misplaced, ...shared.filter(({ host }) => host !== name)];
    },
    countOf: (name) => {
      const group = tree.places.get(name)?.group;
      if (group === undefined) return 0;
      const { routes, direct } = sharedBy(group);
      return 1 + routes.length - (direct.has(name) ? 1 : 0);
    },
  };
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

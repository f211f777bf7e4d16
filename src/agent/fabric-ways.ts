import { createFabricRouting } from "../fabric/index.ts";
import type { Fabric, Host, Network } from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import type { DesiredRoute, DesiredRoutes } from "../routing/index.ts";

/** What is known of the way between hosts. */
export interface KnownFabric {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  /** Absent: hosts are in one segment, or their operator looks after routers. */
  readonly fabric?: Fabric | undefined;
}

/**
 * What of the routes of a host is the agent's when a routing daemon learns the rest: the own blackhole, neighbours in the segment, and
 * endpoints that are elsewhere, on hosts of the segment. All of them for a host that the fabric has no place for.
 */
export function withoutLearned(
  found: DesiredRoutes,
  host: string,
  { networks, hosts, fabric }: KnownFabric,
): DesiredRoutes {
  if (fabric === undefined) return found;
  const routing = createFabricRouting(fabric, networks, hosts);
  if (routing.rackOf(host) === undefined) return found;
  const own = new Set(
    routing
      .routesOf(host)
      .flatMap(({ origin, destination }) => (origin === "agent" ? [formatPrefix(destination)] : [])),
  );
  const unplaced = new Set(
    hosts.filter(({ name }) => routing.rackOf(name) === undefined).map(({ name }) => name),
  );
  const neighbours = found.routes.filter(
    ({ kind, destination }) => kind === "host" && own.has(formatPrefix(destination)),
  );
  const near = new Set(neighbours.flatMap(({ gateway }) => (gateway ? [formatAddress(gateway)] : [])));
  const isOwn = ({ kind, destination, gateway }: DesiredRoute): boolean =>
    kind === "blackhole" ||
    (kind === "host" && own.has(formatPrefix(destination))) ||
    // Routers know prefixes only: they lead to the host of the address, which sends on.
    (kind === "relocation" && (gateway === undefined || near.has(formatAddress(gateway))));
  return {
    routes: found.routes.filter(isOwn),
    // Hosts of other racks are reached by the fabric, whether their groups have a router or not.
    problems: found.problems.filter((problem) => problem.host === host || unplaced.has(problem.host)),
  };
}

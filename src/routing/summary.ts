import { type Host, type Network, plansOf, type Segment, type Tenant } from "../model/index.ts";
import { createRouting } from "./desired.ts";

/** Prefixes that the levels of one host have, over all networks and families. */
export interface LevelCounts {
  readonly host: number;
  readonly tenant: number;
  /** One per segment code. */
  readonly segment: number;
}

/** Numbers of routes, on one host and on all together. */
export interface RouteTotals {
  /** On the host that has the most. */
  readonly perHost: number;
  readonly total: number;
}

/** The seed's count ("Romana Details", introduction), and what is really installed. */
export interface RouteSummary {
  readonly hosts: number;
  readonly levels: LevelCounts;
  /** Sum of the levels: the prefixes (CIDRs) of each host. */
  readonly prefixesPerHost: number;
  /** `prefixesPerHost` times the number of hosts. */
  readonly prefixes: number;
  /** If every host had a route for each prefix of every host, its own too. */
  readonly before: RouteTotals;
  /** What hosts have: their own prefix, one route per other host or per group of hosts. */
  readonly after: RouteTotals;
}

/** Counts the routes of all hosts before and after aggregation. Routes of endpoints are not among them. */
export function summarizeRoutes(
  networks: readonly Network[],
  hosts: readonly Host[],
  tenants: readonly Tenant[],
  segments: readonly Segment[],
): RouteSummary {
  const plans = networks.flatMap(plansOf).length;
  const codes = segments.reduce((sum, segment) => sum + segment.codes.length, 0);
  const levels = { host: plans, tenant: plans * tenants.length, segment: plans * codes };
  const prefixesPerHost = levels.host + levels.tenant + levels.segment;
  const prefixes = prefixesPerHost * hosts.length;
  const routing = createRouting(networks, hosts);
  const counts = hosts.map((host) => routing.countOf(host.name));
  return {
    hosts: hosts.length,
    levels,
    prefixesPerHost,
    prefixes,
    before: { perHost: prefixes, total: prefixes * hosts.length },
    after: {
      perHost: counts.reduce((most, count) => Math.max(most, count), 0),
      total: counts.reduce((sum, count) => sum + count, 0),
    },
  };
}

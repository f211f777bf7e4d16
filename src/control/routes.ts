import type { Address, Prefix } from "../net/index.ts";

/** A route of a host, wanted and seen. */
export interface RouteRow {
  readonly destination: Prefix;
  readonly type: "unicast" | "blackhole";
  readonly gateway?: Address;
  readonly device?: string;
  /** `relocation`: of an endpoint that is on another host than its address says. */
  readonly purpose?: "relocation";
  /**
   * `present`, `missing` and `drifted` as the agent reported; `unknown`: wanted, but its agent has not reported on
   * it; `unwanted`: reported by the agent, but not wanted any more.
   */
  readonly state: "present" | "missing" | "drifted" | "unknown" | "unwanted";
}

/** The routes of one host. */
export interface HostRoutes {
  readonly host: string;
  /** When the agent reported, in milliseconds since 1970 UTC; absent when it never did. */
  readonly reportedAt?: number;
  readonly routes: readonly RouteRow[];
}

/** The seed's count: how many routes the network needs, and how many it needs with aggregation. */
export interface RouteCounts {
  readonly hosts: number;
  /** Prefixes of tenants' segments on one host, summed over the networks: what would be routed without a plan. */
  readonly prefixesPerHost: number;
  /** `prefixesPerHost` for every other host, on every host. */
  readonly before: number;
  /** Routes that the hosts really have, all together. */
  readonly after: number;
}

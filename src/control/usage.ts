import type { SegmentCode } from "../model/index.ts";

/** How full something is. */
export interface Fill {
  readonly used: number;
  readonly capacity: number;
}

/** Endpoints of a segment: over all hosts, and on the host that has most of them. */
export interface SegmentUsage {
  readonly segment: string;
  readonly codes: readonly SegmentCode[];
  /** Over all hosts and networks that the usage is about. */
  readonly endpoints: Fill;
  /** The host (and network) where the segment is fullest; absent when it has no endpoint. */
  readonly fullest?: Fill & { readonly host: string; readonly network: string };
}

/** Codes and endpoints of a tenant. */
export interface TenantUsage {
  readonly tenant: string;
  readonly id: number;
  readonly quota?: number;
  /** Share of the tenant's code space that segments own, in codes of the narrowest plan's own width. */
  readonly codes: Fill;
  readonly endpoints: Fill;
  readonly segments: readonly SegmentUsage[];
}

/** Endpoints of a host, over all networks; the capacity is that of the codes that exist. */
export interface HostUsage {
  readonly host: string;
  readonly endpoints: Fill;
}

/** IDs of a network. */
export interface NetworkUsage {
  readonly network: string;
  readonly hosts: Fill;
  readonly tenants: Fill;
  readonly endpoints: Fill;
}

/** How full each level is, at about one revision. */
export interface Usage {
  readonly revision: number;
  readonly networks: readonly NetworkUsage[];
  readonly hosts: readonly HostUsage[];
  readonly tenants: readonly TenantUsage[];
}

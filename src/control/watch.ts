import type {
  Chain,
  Endpoint,
  Exception,
  Fabric,
  HostDetails,
  KnownPolicy,
  Network,
  Relocation,
  Segment,
  SegmentBackends,
  Service,
  Tenant,
  VirtualIp,
} from "../model/index.ts";
import type { Versioned } from "./listing.ts";

/** What can be watched, with the type of its objects. */
export interface WatchObjects {
  readonly networks: Network;
  readonly hosts: HostDetails;
  readonly tenants: Tenant;
  readonly segments: Segment;
  readonly policies: KnownPolicy;
  readonly exceptions: Exception;
  readonly relocations: Relocation;
  readonly virtualIps: VirtualIp;
  readonly services: Service;
  readonly chains: Chain;
  readonly fabrics: Fabric;
  readonly backends: SegmentBackends;
  readonly endpoints: Endpoint;
}

/** What can be watched. */
export type WatchKind = keyof WatchObjects;

/** One change: the object as it is now, or as it was before it was deleted. */
export type WatchChange = {
  [K in WatchKind]: { readonly kind: K; readonly type: "put" | "delete"; readonly object: WatchObjects[K] };
}[WatchKind];

/** All changes of one revision that the watcher asked for; never empty. */
export interface WatchEvent {
  readonly revision: number;
  readonly changes: readonly WatchChange[];
}

/** What to watch. */
export interface WatchOptions {
  readonly kinds: readonly WatchKind[];
  /** Of endpoints, only those of this host, and those that are or were on it. The other kinds are the same for every host. */
  readonly host?: string;
  /** Changes after this revision; default: after now. */
  readonly after?: number;
  readonly signal: AbortSignal;
}

/** Everything that the agent of one host works from, at one revision. */
export interface HostView {
  readonly revision: number;
  readonly host: string;
  readonly networks: readonly Versioned<Network>[];
  readonly hosts: readonly Versioned<HostDetails>[];
  readonly tenants: readonly Versioned<Tenant>[];
  readonly segments: readonly Versioned<Segment>[];
  /** All policies, those included that wait for somebody, and those that cannot be read. */
  readonly policies: readonly Versioned<KnownPolicy>[];
  /** Exceptions of all hosts. */
  readonly exceptions: readonly Versioned<Exception>[];
  /** Relocations of all networks. */
  readonly relocations: readonly Versioned<Relocation>[];
  /** All that are not going away. */
  readonly virtualIps: readonly Versioned<VirtualIp>[];
  readonly services: readonly Versioned<Service>[];
  readonly chains: readonly Versioned<Chain>[];
  readonly fabrics: readonly Versioned<Fabric>[];
  /** The healthy endpoints of all segments that flows are steered to. */
  readonly backends: readonly Versioned<SegmentBackends>[];
  /** The endpoints that are on the host. */
  readonly endpoints: readonly Versioned<Endpoint>[];
}

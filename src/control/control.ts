import type {
  AddressPair,
  AllCounters,
  Endpoint,
  Group,
  HostDetails,
  HostReport,
  HostSelector,
  HostStatus,
  Isolation,
  Labels,
  NamedPort,
  Network,
  Segment,
  SegmentCode,
  Tap,
  Tenant,
  VirtualIp,
  VirtualIpDetails,
  VirtualIpState,
  Workload,
} from "../model/index.ts";
import type { Address } from "../net/index.ts";
import type { Chains } from "./chain-control.ts";
import type { Fabrics } from "./fabric-control.ts";
import type { CheckReport } from "./findings.ts";
import type { Heartbeat, HeartbeatAnswer } from "./heartbeat.ts";
import type {
  ChangeOptions,
  Created,
  DeleteOptions,
  Deletion,
  ItemPage,
  PageRequest,
  Versioned,
} from "./listing.ts";
import type { Exceptions, Policies } from "./policy-control.ts";
import type { HostRoutes, RouteCounts } from "./routes.ts";
import type { Backends, Services } from "./service-control.ts";
import type { Usage } from "./usage.ts";
import type { HostView, WatchEvent, WatchOptions } from "./watch.ts";

/** What a host shall be; an absent ID is the lowest free one of the group. */
export interface HostSpec {
  readonly name: string;
  readonly id?: number;
  readonly group?: readonly string[];
  /** `fewest-hosts`: `group` is the first names of the path only, and the rest is chosen. */
  readonly place?: "fewest-hosts";
  readonly underlay?: AddressPair;
  readonly externalId?: string;
  readonly labels?: Labels;
}

/** What a tenant shall be; an absent ID is the lowest free one, absent isolation is `segment`. */
export interface TenantSpec {
  readonly name: string;
  readonly id?: number;
  readonly isolation?: Isolation;
  readonly quota?: number;
  readonly externalId?: string;
  readonly labels?: Labels;
}

/** What a segment shall be; absent codes are one code of the plan's own width, the lowest free one; an empty list is none. */
export interface SegmentSpec {
  readonly tenant: string;
  readonly name: string;
  readonly codes?: readonly SegmentCode[];
  readonly externalId?: string;
  readonly labels?: Labels;
  readonly ports?: readonly NamedPort[];
}

/** What may change in a network: all of its groups and service prefixes, as they shall be from now on. */
export interface NetworkPatch {
  readonly groups?: readonly Group[];
  /** Null: none. */
  readonly services?: Network["services"] | null;
}

/** What may change in a host; labels are all that it shall have, null takes the ID away. */
export interface HostPatch {
  readonly underlay?: AddressPair;
  readonly externalId?: string | null;
  readonly labels?: Labels;
}

/** What may change in a tenant; null takes an optional field away. */
export interface TenantPatch {
  readonly isolation?: Isolation;
  readonly quota?: number | null;
  readonly externalId?: string | null;
  readonly labels?: Labels;
}

/** What may change in a segment: all codes, labels or ports, as they shall be; null takes the ID away. */
export interface SegmentPatch {
  readonly codes?: readonly SegmentCode[];
  readonly externalId?: string | null;
  readonly labels?: Labels;
  readonly ports?: readonly NamedPort[];
}

/** What may change in an endpoint; null takes the field away. */
export interface EndpointPatch {
  readonly externalId?: string | null;
  /** A segment of its tenant that policies shall take it for. */
  readonly actsAs?: string | null;
  readonly instance?: string | null;
  readonly tap?: Tap | null;
  /** Name of the host where it is; the one that its address says, or null: no relocation. */
  readonly locatedOn?: string | null;
}

/** What an endpoint shall be; what is absent is chosen. */
export interface AllocationRequest {
  /** May be absent when there is exactly one network, or an address that says which. */
  readonly network?: string;
  /** Name, or ID as a number when only one host has it. */
  readonly host: string | number;
  /** ID of a workload, in place of tenant, segment and external ID; its name is taken if it is free. */
  readonly workload?: string;
  /** Name, or ID as a number; wanted without a workload. */
  readonly tenant?: string | number;
  /** Name, or a code as a number or with its width; wanted without a workload. */
  readonly segment?: string | number | SegmentCode;
  readonly code?: SegmentCode;
  readonly endpointId?: number;
  /** One address that the endpoint shall have. */
  readonly address?: Address;
  readonly name?: string;
  /** The same token with the same request gets the same endpoint, also after a restart. */
  readonly requestToken?: string;
  readonly externalId?: string;
  readonly instance?: string;
  readonly tap?: Tap;
}

/** Which endpoints a listing is about; a segment wants its tenant, too. */
export interface EndpointFilter {
  readonly network?: string;
  readonly host?: string;
  readonly tenant?: string;
  readonly segment?: string;
  /** Only those that are on another host than their address says. */
  readonly relocated?: boolean;
}

/** Relocations: endpoints that are on another host than their address says. */
export interface Relocations {
  /** How many each network has, as far as this process knows. */
  counts(): ReadonlyMap<string, number>;
  /** Most that a network may have. */
  readonly limit: number;
}

/** Address spaces. Their plans never overlap, and every ID fits every plan. */
export interface Networks {
  create(network: Network): Promise<Created<Network>>;
  get(name: string): Promise<Versioned<Network>>;
  list(page?: PageRequest): Promise<ItemPage<Network>>;
  update(name: string, patch: NetworkPatch, options?: ChangeOptions): Promise<Versioned<Network>>;
  /** In use by: services and endpoints. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}

/** Machines with an agent. */
export interface Hosts {
  create(spec: HostSpec): Promise<Created<HostDetails>>;
  get(name: string): Promise<Versioned<HostDetails>>;
  list(page?: PageRequest): Promise<ItemPage<HostDetails>>;
  update(name: string, patch: HostPatch, options?: ChangeOptions): Promise<Versioned<HostDetails>>;
  /** In use by: endpoints. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}

/** Owners. */
export interface Tenants {
  create(spec: TenantSpec): Promise<Created<Tenant>>;
  get(name: string): Promise<Versioned<Tenant>>;
  list(page?: PageRequest & { readonly externalId?: string }): Promise<ItemPage<Tenant>>;
  update(name: string, patch: TenantPatch, options?: ChangeOptions): Promise<Versioned<Tenant>>;
  /** In use by: services, segments, their endpoints and workloads. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}

/** Microservices inside a tenant. */
export interface Segments {
  create(spec: SegmentSpec): Promise<Created<Segment>>;
  get(tenant: string, name: string): Promise<Versioned<Segment>>;
  /** Of one tenant (`not-found` when there is none) or, without, of all. */
  list(
    page?: PageRequest & { readonly tenant?: string; readonly externalId?: string },
  ): Promise<ItemPage<Segment>>;
  update(
    tenant: string,
    name: string,
    patch: SegmentPatch,
    options?: ChangeOptions,
  ): Promise<Versioned<Segment>>;
  /** In use by: services, endpoints that are in it or act as it, and workloads. */
  delete(tenant: string, name: string, options?: DeleteOptions): Promise<Deletion>;
}

/** What has an address. A ref is an endpoint's name or any of its addresses. */
export interface Endpoints {
  /**
   * Makes an endpoint, or finds the one that the token or the name already stands for.
   * @throws RomanaError `not-found` (host, workload, tenant, segment, network), `invalid-input`, `conflict` (name, token or
   *   address taken by another), `pool-exhausted`, `quota-exceeded`, `aborted` (lost too many races), `unavailable`.
   */
  allocate(request: AllocationRequest): Promise<Created<Endpoint>>;
  get(ref: string): Promise<Versioned<Endpoint>>;
  list(page?: PageRequest & EndpointFilter): Promise<ItemPage<Endpoint>>;
  update(ref: string, patch: EndpointPatch, options?: ChangeOptions): Promise<Versioned<Endpoint>>;
  /** Frees the address; it cools down before it is used again. @throws RomanaError `not-found`. */
  release(ref: string, options?: DeleteOptions): Promise<Deletion>;
}

/** What an orchestrator is about to run. Nobody is told of changes, and nobody but the one that is asked for is looked at. */
export interface Workloads {
  /**
   * Makes the workload so, and lets its endpoints act as it says, in one transaction. Writes nothing when all is so already.
   * @throws RomanaError `not-found` (tenant, segment), `conflict` when it has endpoints of another tenant,
   *   `revision-mismatch`, `aborted`.
   */
  put(workload: Workload, options?: ChangeOptions): Promise<Created<Workload>>;
  get(id: string): Promise<Versioned<Workload>>;
  list(page?: PageRequest & { readonly tenant?: string }): Promise<ItemPage<Workload>>;
  /** Its endpoints stay as they are. @throws RomanaError `not-found`. */
  delete(id: string, options?: DeleteOptions): Promise<Deletion>;
}

/** What a virtual IP shall be. */
export type VirtualIpSpec = Pick<VirtualIp, "name" | "addresses" | "hosts" | "externalId">;

/** What may change in a virtual IP: who may hold it (null: every host); null takes the ID away. */
export interface VirtualIpPatch {
  readonly hosts?: HostSelector | null;
  readonly externalId?: string | null;
}

/** Addresses on the underlay, each on one healthy host at a time. */
export interface VirtualIps {
  /**
   * @throws RomanaError `conflict` when another virtual IP or a host has the address, `invalid-input` for one of a network,
   *   `aborted` when it may still be up for one that was deleted just now.
   */
  create(spec: VirtualIpSpec): Promise<Created<VirtualIpDetails>>;
  get(name: string): Promise<Versioned<VirtualIpDetails>>;
  list(page?: PageRequest): Promise<ItemPage<VirtualIpDetails>>;
  update(name: string, patch: VirtualIpPatch, options?: ChangeOptions): Promise<Versioned<VirtualIpDetails>>;
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
  /** How many there are of each state, and how many moves this romanad has made. For metrics. */
  summary(): { readonly states: Readonly<Record<VirtualIpState, number>>; readonly moves: number };
}

/** How full the address space is, and whether all of it is accounted for. */
export interface Ipam {
  usage(options?: { readonly host?: string }): Promise<Usage>;
  /** Proves that there is no duplicate and no leak. With `repair` it mends what can be mended safely. */
  check(options?: { readonly repair?: boolean; readonly signal?: AbortSignal }): Promise<CheckReport>;
}

/** Routes as they should be, beside what the agents report. */
export interface Routes {
  /** Of one host (`not-found` when there is none) or of all, by host name. */
  list(host?: string): Promise<readonly HostRoutes[]>;
  summary(): Promise<RouteCounts>;
}

/** The last report of each host's agent. */
export interface Statuses {
  /** @throws RomanaError `not-found` when there is no such host. */
  put(host: string, report: HostReport): Promise<Versioned<HostReport>>;
  /** @throws RomanaError `not-found` when there is no such host or its agent never reported. */
  get(host: string): Promise<Versioned<HostStatus>>;
  /** What the rules of all hosts have counted, as last reported; only of one policy if one is given. */
  counters(policy?: string): Promise<AllCounters>;
}

/**
 * Everything that romanad can do. Several may run on one store: they meet in the store's transactions only.
 * Besides the errors of each method: `unavailable` when the store cannot make a change durable.
 */
export interface Control {
  readonly networks: Networks;
  readonly hosts: Hosts;
  readonly tenants: Tenants;
  readonly segments: Segments;
  readonly endpoints: Endpoints;
  readonly workloads: Workloads;
  readonly virtualIps: VirtualIps;
  readonly services: Services;
  readonly chains: Chains;
  readonly fabrics: Fabrics;
  readonly backends: Backends;
  readonly policies: Policies;
  readonly exceptions: Exceptions;
  readonly relocations: Relocations;
  readonly ipam: Ipam;
  readonly routes: Routes;
  readonly status: Statuses;
  /**
   * A host lives, and which of its endpoints are healthy; what it may hold. Writes nothing by itself.
   * @throws RomanaError `not-found` for the host, `aborted` when a later heartbeat came before.
   */
  beat(host: string, heartbeat: Heartbeat): HeartbeatAnswer;
  /** Revision of the store: what a watch for news only starts after. */
  revision(): Promise<number>;
  /** Everything that the agent of a host works from, at one revision; a watch goes on after it. */
  view(host: string): Promise<HostView>;
  /**
   * Changes after a revision, first the past, then live, until the signal aborts.
   * @throws RomanaError `compacted` when the past is gone or the reader is too slow: read the view again.
   */
  watch(options: WatchOptions): AsyncIterable<WatchEvent>;
  /** Stops following the store. The store itself stays open. */
  close(): Promise<void>;
}

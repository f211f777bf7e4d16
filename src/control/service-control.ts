import type { AddressPair, SegmentBackends, Service, ServiceDetails } from "../model/index.ts";
import type {
  ChangeOptions,
  Created,
  DeleteOptions,
  Deletion,
  ItemPage,
  PageRequest,
  Versioned,
} from "./listing.ts";

/** What a service shall be; what is absent is chosen. */
export interface ServiceSpec extends Omit<Service, "network" | "addresses"> {
  /** May be absent when there is exactly one network. */
  readonly network?: string;
  /** Absent: the lowest free address of each service prefix of the network. */
  readonly addresses?: AddressPair;
}

/** What may change in a service; null takes an optional field away. */
export interface ServicePatch extends Partial<Pick<Service, "segment" | "ports">> {
  readonly affinity?: Service["affinity"] | null;
  readonly prefer?: Service["prefer"] | null;
  readonly health?: Service["health"] | null;
  readonly dnsName?: string | null;
  readonly externalId?: string | null;
}

/** Stable addresses in front of segments. */
export interface Services {
  /**
   * @throws RomanaError `not-found` (network, tenant, segment), `invalid-input` for an address that is not of the network's
   *   service prefixes, `conflict` when another service has it or the name, `pool-exhausted`, `aborted`.
   */
  create(spec: ServiceSpec): Promise<Created<ServiceDetails>>;
  get(name: string): Promise<Versioned<ServiceDetails>>;
  list(page?: PageRequest): Promise<ItemPage<ServiceDetails>>;
  update(name: string, patch: ServicePatch, options?: ChangeOptions): Promise<Versioned<ServiceDetails>>;
  /** Its addresses rest before another service gets one by itself. */
  delete(name: string, options?: DeleteOptions): Promise<Deletion>;
}

/** The healthy endpoints of each segment that flows are steered to. */
export interface Backends {
  list(page?: PageRequest): Promise<ItemPage<SegmentBackends>>;
  /** How many endpoints there are of each kind, and how often backends were written. For metrics. */
  summary(): { readonly members: number; readonly healthy: number; readonly writes: number };
}

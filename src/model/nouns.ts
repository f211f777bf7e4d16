import type { Address, Prefix } from "../net/index.ts";
import type { Labels, NamedPort } from "./policy.ts";

/** A pair of addresses, one per family. */
export interface AddressPair {
  readonly ipv4?: Address;
  readonly ipv6?: Address;
}

/** A machine with an agent. Its ID (within its group) is used in every network. */
export interface Host {
  readonly name: string;
  readonly id: number;
  /** Group names from the first level down, e.g. `["zone-a", "rack-3"]`; empty in a flat network. */
  readonly group: readonly string[];
  /** Where other hosts reach it: the next hop of its prefixes. */
  readonly underlay: AddressPair;
  /** The host's identifier in the orchestrator, such as the UID of a Kubernetes node. */
  readonly externalId?: string;
  readonly labels?: Labels;
}

/** The prefixes of a host by network name. */
export type HostPrefixes = ReadonlyMap<string, { readonly ipv4?: Prefix; readonly ipv6?: Prefix }>;

/** A host with its prefix in each network, which follows from its IDs. */
export interface HostDetails extends Host {
  readonly prefixes: HostPrefixes;
}

/** Who may reach an endpoint of a tenant when no policy says otherwise (design, section 3). */
export type Isolation = "segment" | "tenant" | "none";

/** An owner: a Kubernetes namespace, an OpenStack project, a customer. */
export interface Tenant {
  readonly name: string;
  readonly id: number;
  readonly isolation: Isolation;
  /** Most endpoints that the tenant may have over all hosts and networks; absent means no limit. */
  readonly quota?: number;
  /** The tenant's identifier in the orchestrator. */
  readonly externalId?: string;
  /** What policies select it by, such as the labels of a Kubernetes namespace. */
  readonly labels?: Labels;
}

/**
 * A code that a segment owns inside its tenant. `extraBits` makes it longer (+, fewer endpoints) or shorter
 * (−, more endpoints) than the plan's segment bits; it then borrows from or lends to the endpoint bits.
 */
export interface SegmentCode {
  readonly code: number;
  readonly extraBits: number;
}

/**
 * A microservice inside a tenant. The codes that it owns are the same ones on every host. One without codes is a
 * segment that nobody is born in: endpoints of other segments act as it.
 */
export interface Segment {
  readonly tenant: string;
  readonly name: string;
  readonly codes: readonly SegmentCode[];
  readonly externalId?: string;
  /** What policies select it by: the labels that all its endpoints share. */
  readonly labels?: Labels;
  /** Ports that policies may name. */
  readonly ports?: readonly NamedPort[];
}

/** A tap that a hypervisor plugs in on the host of an endpoint. It may come late and go at any time. */
export interface Tap {
  /** Name of the device on the host. */
  readonly device: string;
  /** MAC address of the guest, `aa:bb:cc:dd:ee:ff`. */
  readonly mac: string;
}

/** What has an address. The IDs of (network, host, tenant, code, endpointId) make the addresses. */
export interface Endpoint {
  readonly network: string;
  readonly host: string;
  readonly tenant: string;
  readonly segment: string;
  readonly code: SegmentCode;
  readonly endpointId: number;
  /** One address per plan of the network; with a stride, the first of the endpoint's own block. */
  readonly addresses: AddressPair;
  /** Unique over all endpoints. */
  readonly name?: string;
  /** The same token always gets the same endpoint; unique over all endpoints. */
  readonly requestToken?: string;
  readonly externalId?: string;
  /** The segment of its tenant that policies take it for, whatever its address says; absent: its own. */
  readonly actsAs?: string;
  /** The host where it really is, when its address says another one (ADR 0022); absent: where its address says. */
  readonly locatedOn?: string;
  /** What the hypervisor calls the VM that it is for, as Nova does: for metadata. */
  readonly instance?: string;
  /** The agent of its host wires it to this tap whenever the tap is there; absent: whoever attaches says where to. */
  readonly tap?: Tap;
  /** When it was allocated, in milliseconds since 1970 UTC. */
  readonly createdAt: number;
}

/**
 * An endpoint that is on another host than its address says, as every host must know it: a counted exception from
 * routing by prefixes (ADR 0022).
 */
export interface Relocation {
  readonly network: string;
  /** The host whose prefix its addresses are in. */
  readonly host: string;
  /** The host where it is. */
  readonly locatedOn: string;
  /** Its addresses, one block per plan of the network. */
  readonly blocks: readonly Prefix[];
}

/**
 * What an orchestrator is about to run, known before it has an address (ADR 0015). An endpoint that is allocated for
 * it is born in its segment and acts as what it says, then and whenever it is written again.
 */
export interface Workload {
  /** The orchestrator's own identifier, such as the UID of a Kubernetes pod. */
  readonly id: string;
  readonly tenant: string;
  /** The segment that decides the address. */
  readonly segment: string;
  /** The segment of its tenant that policies take it for; absent: the one that it is born in. */
  readonly actsAs?: string;
  /** What its endpoint is called, if no other endpoint is. */
  readonly name?: string;
}

import type {
  AddressPair,
  Chain,
  Exception,
  Host,
  Network,
  Segment,
  SegmentBackends,
  Service,
  Tenant,
} from "../model/index.ts";

/** An own endpoint that is attached. */
export interface ChainEndpoint {
  readonly tenant: string;
  /** The segment that it acts as. */
  readonly segment: string;
  readonly addresses: AddressPair;
  /** Name of its device on this host. */
  readonly device: string;
}

/** Everything that chains on one host follow from. */
export interface ChainInput {
  readonly host: Host;
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  readonly exceptions: readonly Exception[];
  readonly services: readonly Service[];
  readonly chains: readonly Chain[];
  readonly backends: readonly SegmentBackends[];
  readonly endpoints: readonly ChainEndpoint[];
  /** Names of the devices that lead to other hosts. */
  readonly underlayDevices: readonly string[];
  /** MAC addresses of other hosts in the links of these devices: what they send may be in the middle of a chain. */
  readonly hostMacs: readonly string[];
  /** Names of hosts that are not in a link of this one. */
  readonly unreachable: ReadonlySet<string>;
  /** Numbers of the next hops that the kernel has routing tables for, by the hops' keys. */
  readonly hopNumbers: ReadonlyMap<string, number>;
}

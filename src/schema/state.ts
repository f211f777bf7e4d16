import { z } from "zod";
import type {
  Chain,
  Endpoint,
  Exception,
  Fabric,
  Host,
  Network,
  Policy,
  Segment,
  Service,
  Tenant,
} from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { chainSchema, encodeChain } from "./chain.ts";
import { decodeWith, strict } from "./decode.ts";
import { encodeEndpoint, endpointSchema } from "./endpoint.ts";
import { encodeFabric, fabricSchema } from "./fabric.ts";
import { encodeHost, hostSchema } from "./host.ts";
import { encodeNetwork, networkSchema } from "./network.ts";
import { encodePolicy, policySchema } from "./policy.ts";
import { encodeSegment, segmentSchema } from "./segment.ts";
import { encodeService, serviceSchema } from "./service.ts";
import { encodeTenant, tenantSchema } from "./tenant.ts";
import { nameSchema, prefixSchema } from "./text.ts";

/** Everything that decides about traffic in a cluster, and its endpoints by name. */
export interface ClusterState {
  readonly networks: readonly Network[];
  readonly hosts: readonly Host[];
  readonly tenants: readonly Tenant[];
  readonly segments: readonly Segment[];
  readonly endpoints: readonly Endpoint[];
  readonly policies: readonly Policy[];
  readonly exceptions: readonly Exception[];
  readonly services: readonly Service[];
  readonly chains: readonly Chain[];
  readonly fabrics: readonly Fabric[];
}

const exceptionSchema = strict({
  blocks: z.array(prefixSchema).min(1),
  tenant: nameSchema,
  segment: nameSchema,
});

/** A state file: what `romana state export` prints. */
export const stateSchema = strict({
  networks: z.array(networkSchema),
  hosts: z.array(hostSchema),
  tenants: z.array(tenantSchema),
  segments: z.array(segmentSchema),
  endpoints: z.array(endpointSchema),
  policies: z.array(policySchema),
  exceptions: z.array(exceptionSchema),
  services: z.array(serviceSchema).default([]),
  chains: z.array(chainSchema).default([]),
  fabrics: z.array(fabricSchema).default([]),
});

/** A state as JSON. */
export type StateJson = z.input<typeof stateSchema>;

/** Reads a state as {@link encodeState} writes it. @throws RomanaError `invalid-input` with all faults. */
export function decodeState(value: unknown): ClusterState {
  return decodeWith(stateSchema, "read state", value);
}

/** A state as JSON: the exact inverse of {@link decodeState}. */
export function encodeState(state: ClusterState): StateJson {
  return {
    networks: state.networks.map(encodeNetwork),
    hosts: state.hosts.map(encodeHost),
    tenants: state.tenants.map(encodeTenant),
    segments: state.segments.map(encodeSegment),
    endpoints: state.endpoints.map(encodeEndpoint),
    policies: state.policies.map(encodePolicy),
    exceptions: state.exceptions.map(({ blocks, tenant, segment }) => ({
      blocks: blocks.map(formatPrefix),
      tenant,
      segment,
    })),
    services: state.services.map(encodeService),
    chains: state.chains.map(encodeChain),
    fabrics: state.fabrics.map(encodeFabric),
  };
}

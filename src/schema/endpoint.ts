import { z } from "zod";
import type { Endpoint } from "../model/index.ts";
import { decodeWith, quote, strict } from "./decode.ts";
import {
  addressPairSchema,
  addressSchema,
  deviceNameSchema,
  encodeAddressPair,
  encodeSegmentCode,
  endpointNameSchema,
  externalIdSchema,
  instanceSchema,
  macSchema,
  nameSchema,
  requestTokenSchema,
  revisionSchema,
  segmentCodeSchema,
  workloadIdSchema,
} from "./text.ts";

/** A name as text, or an ID as a number: `"1"` is the name, `1` the ID. */
function nameOrNumber(what: string): z.ZodUnion<[z.ZodString, z.ZodInt]> {
  return z.union([nameSchema, z.int().min(0)], {
    error: ({ input }) =>
      input === undefined ? "is missing" : `${quote(input)} is neither a name (text) nor ${what} (number)`,
  });
}

const endpointIdSchema = z.int().min(0).meta({ description: "Endpoint ID inside the segment code." });

const tapSchema = strict({
  device: deviceNameSchema.meta({
    description: "The tap on its host; the agent there wires the endpoint to it whenever it is there.",
  }),
  mac: macSchema.toLowerCase().meta({ description: "MAC address of the guest." }),
}).meta({ id: "Tap", description: "A tap that a hypervisor plugs in for an endpoint." });

const endpointShape = {
  network: nameSchema,
  host: nameSchema,
  tenant: nameSchema,
  segment: nameSchema,
  code: segmentCodeSchema,
  endpointId: endpointIdSchema,
  addresses: addressPairSchema.meta({ description: "One address per plan of the network." }),
  name: endpointNameSchema.exactOptional(),
  requestToken: requestTokenSchema.exactOptional(),
  externalId: externalIdSchema.exactOptional(),
  actsAs: nameSchema.exactOptional().meta({
    description: "The segment of its tenant that policies take it for; absent: its own.",
  }),
  locatedOn: nameSchema.exactOptional().meta({
    description:
      "The host where it really is, when its address says another one; absent: where its address says.",
  }),
  instance: instanceSchema.exactOptional(),
  tap: tapSchema.exactOptional(),
  createdAt: z.int().meta({ description: "When it was allocated, in milliseconds since 1970 UTC." }),
};

/** Fields that a workload says, so that who names one must not say them. */
const WORKLOAD_SAYS = ["tenant", "segment", "externalId"] as const;

/** Demands either a workload or both tenant and segment, besides all other faults. */
export function wantOwner<S extends z.ZodObject>(schema: S): S {
  const when = ({ value }: { value: unknown }): boolean => typeof value === "object" && value !== null;
  const has = (value: object, field: string): boolean =>
    Object.hasOwn(value, field) && (value as Record<string, unknown>)[field] !== undefined;
  let checked = schema;
  for (const field of WORKLOAD_SAYS) {
    checked = checked.refine((value) => !has(value, "workload") || !has(value, field), {
      path: [field],
      error: "is what the workload says: leave it out",
      when,
    });
  }
  for (const field of ["tenant", "segment"]) {
    checked = checked.refine((value) => has(value, "workload") || has(value, field), {
      path: [field],
      error: "is missing",
      when,
    });
  }
  return checked;
}

/** What is asked for in an allocation, field by field. */
export const allocationShape = {
  network: nameSchema
    .exactOptional()
    .meta({ description: "May be left out when there is exactly one network." }),
  host: nameOrNumber("an ID").meta({ description: "Name (text) or ID (number) of the host." }),
  workload: workloadIdSchema.exactOptional().meta({
    description: "ID of the workload that says tenant, segment, external ID and, if it is free, name.",
  }),
  tenant: nameOrNumber("an ID")
    .exactOptional()
    .meta({ description: "Name (text) or ID (number) of the tenant; wanted without a workload." }),
  segment: nameOrNumber("a code")
    .exactOptional()
    .meta({ description: "Name (text) or code (number) of the segment; wanted without a workload." }),
  endpointId: endpointIdSchema.exactOptional(),
  code: segmentCodeSchema.exactOptional(),
  address: addressSchema.exactOptional(),
  name: endpointNameSchema.exactOptional(),
  requestToken: requestTokenSchema.exactOptional(),
  externalId: externalIdSchema.exactOptional(),
  instance: instanceSchema.exactOptional(),
  tap: tapSchema.exactOptional(),
};

/** What is asked for in an allocation; what is absent is chosen. */
export const allocationSchema = wantOwner(strict(allocationShape)).meta({
  id: "Allocation",
  description: "What an endpoint shall be; what is left out is chosen.",
});

/** An endpoint as it is stored. */
export const endpointSchema = strict(endpointShape);

/** What may change in an endpoint; null takes the field away. */
export const endpointPatchSchema = strict({
  externalId: externalIdSchema.nullable().exactOptional(),
  actsAs: nameSchema
    .nullable()
    .exactOptional()
    .meta({ description: "The segment of its tenant that policies shall take it for; null: its own." }),
  locatedOn: nameSchema.nullable().exactOptional().meta({
    description:
      "The host where it is from now on (docs/routing.md, Relocations); null, or the host of its address: back home.",
  }),
  instance: instanceSchema.nullable().exactOptional(),
  tap: tapSchema.nullable().exactOptional(),
}).meta({ id: "EndpointPatch" });

/** A stored endpoint with its revision. */
export const endpointResourceSchema = strict({ ...endpointShape, revision: revisionSchema }).meta({
  id: "Endpoint",
  description: "What has an address.",
});

/** What is asked for in an allocation. */
export type AllocationInput = z.output<typeof allocationSchema>;

/** An endpoint as JSON. */
export type EndpointJson = z.input<typeof endpointSchema>;

/** Reads an endpoint as {@link encodeEndpoint} writes it. @throws RomanaError `invalid-input`. */
export function decodeEndpoint(value: unknown): Endpoint {
  return decodeWith(endpointSchema, "read endpoint", value);
}

/** An endpoint as JSON. */
export function encodeEndpoint(endpoint: Endpoint): EndpointJson {
  return {
    network: endpoint.network,
    host: endpoint.host,
    tenant: endpoint.tenant,
    segment: endpoint.segment,
    code: encodeSegmentCode(endpoint.code),
    endpointId: endpoint.endpointId,
    addresses: encodeAddressPair(endpoint.addresses),
    ...(endpoint.name !== undefined && { name: endpoint.name }),
    ...(endpoint.requestToken !== undefined && { requestToken: endpoint.requestToken }),
    ...(endpoint.externalId !== undefined && { externalId: endpoint.externalId }),
    ...(endpoint.actsAs !== undefined && { actsAs: endpoint.actsAs }),
    ...(endpoint.locatedOn !== undefined && { locatedOn: endpoint.locatedOn }),
    ...(endpoint.instance !== undefined && { instance: endpoint.instance }),
    ...(endpoint.tap !== undefined && { tap: { ...endpoint.tap } }),
    createdAt: endpoint.createdAt,
  };
}

/** A stored endpoint as JSON. */
export function encodeEndpointResource(
  endpoint: Endpoint,
  revision: number,
): z.input<typeof endpointResourceSchema> {
  return { ...encodeEndpoint(endpoint), revision };
}

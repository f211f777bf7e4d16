import { z } from "zod";
import type { SegmentBackends } from "../model/index.ts";
import { strict } from "./decode.ts";
import { addressPairSchema, encodeAddressPair, nameSchema, revisionSchema } from "./text.ts";

const backendSchema = strict({ host: nameSchema, addresses: addressPairSchema }).meta({
  id: "Backend",
  description: "A healthy endpoint and its host.",
});

/** The healthy endpoints of a segment with their revision, as agents hear of them. */
export const backendsResourceSchema = strict({
  network: nameSchema,
  tenant: nameSchema,
  segment: nameSchema,
  backends: z.array(backendSchema).meta({ description: "In the order of their addresses." }),
  revision: revisionSchema,
}).meta({ id: "Backends", description: "The healthy endpoints of a segment that flows are steered to." });

/** The healthy endpoints of a segment with their revision. */
export type BackendsResource = z.output<typeof backendsResourceSchema>;

/** The healthy endpoints of a segment as JSON. */
export function encodeBackendsResource(
  { network, tenant, segment, backends }: SegmentBackends,
  revision: number,
): z.input<typeof backendsResourceSchema> {
  return {
    network,
    tenant,
    segment,
    backends: backends.map(({ host, addresses }) => ({ host, addresses: encodeAddressPair(addresses) })),
    revision,
  };
}

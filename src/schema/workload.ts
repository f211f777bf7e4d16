import { z } from "zod";
import type { Workload } from "../model/index.ts";
import { strict } from "./decode.ts";
import { endpointNameSchema, nameSchema, revisionSchema, workloadIdSchema } from "./text.ts";

const workloadShape = {
  tenant: nameSchema,
  segment: nameSchema.meta({ description: "The segment that its endpoints are born in." }),
  actsAs: nameSchema.exactOptional().meta({
    description: "The segment of its tenant that policies take it for; absent: the one it is born in.",
  }),
  name: endpointNameSchema
    .exactOptional()
    .meta({ description: "What its endpoint is called, if no other endpoint is." }),
};

/** What an orchestrator writes down for a workload; the ID is in the path. */
export const workloadSpecSchema = strict(workloadShape).meta({ id: "WorkloadSpec" });

/** A stored workload with its revision. */
export const workloadResourceSchema = strict({
  id: workloadIdSchema,
  ...workloadShape,
  revision: revisionSchema,
}).meta({
  id: "Workload",
  description: "What an orchestrator is about to run, known before it has an address.",
});

/** What an orchestrator writes down for a workload. */
export type WorkloadSpecInput = z.output<typeof workloadSpecSchema>;

/** A stored workload as JSON. */
export function encodeWorkloadResource(
  { id, tenant, segment, actsAs, name }: Workload,
  revision: number,
): z.input<typeof workloadResourceSchema> {
  return {
    id,
    tenant,
    segment,
    ...(actsAs !== undefined && { actsAs }),
    ...(name !== undefined && { name }),
    revision,
  };
}

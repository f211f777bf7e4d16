import { z } from "zod";
import { strict } from "./decode.ts";
import { nameSchema, revisionSchema, segmentCodeSchema } from "./text.ts";

const fillShape = { used: z.number(), capacity: z.number() };
const fillSchema = strict(fillShape).meta({ id: "Fill", description: "How full something is." });

const segmentUsageSchema = strict({
  segment: nameSchema,
  codes: z.array(segmentCodeSchema),
  endpoints: fillSchema,
  fullest: strict({ ...fillShape, host: nameSchema, network: nameSchema })
    .exactOptional()
    .meta({ description: "Where the segment is fullest; absent when it has no endpoint." }),
}).meta({ id: "SegmentUsage" });

const tenantUsageSchema = strict({
  tenant: nameSchema,
  id: z.int(),
  quota: z.int().exactOptional(),
  codes: fillSchema.meta({ description: "Share of the tenant's code space that segments own." }),
  endpoints: fillSchema,
  segments: z.array(segmentUsageSchema),
}).meta({ id: "TenantUsage" });

const hostUsageSchema = strict({ host: nameSchema, endpoints: fillSchema }).meta({ id: "HostUsage" });

const networkUsageSchema = strict({
  network: nameSchema,
  hosts: fillSchema,
  tenants: fillSchema,
  endpoints: fillSchema,
}).meta({ id: "NetworkUsage" });

/** How full each level is. */
export const usageSchema = strict({
  revision: revisionSchema,
  networks: z.array(networkUsageSchema),
  hosts: z.array(hostUsageSchema),
  tenants: z.array(tenantUsageSchema),
}).meta({ id: "Usage", description: "How full each level of the address space is." });

/** How full each level is. */
export type Usage = z.output<typeof usageSchema>;

import { z } from "zod";
import { strict } from "./decode.ts";
import { revisionSchema } from "./text.ts";

/** What to check, and whether to mend it. */
export const checkRequestSchema = strict({
  repair: z.boolean().default(false).meta({ description: "Mend what can be mended safely." }),
})
  .default({ repair: false })
  .meta({ id: "CheckRequest" });

const findingSchema = strict({
  kind: z
    .string()
    .meta({ description: "What is wrong; docs/ipam.md explains each.", examples: ["stale-index"] }),
  key: z.string().meta({ description: "The store's key that it is about." }),
  message: z.string(),
  repaired: z.string().exactOptional().meta({ description: "What repair did about it." }),
});

/** What a check found. */
export const checkReportSchema = strict({
  clean: z.boolean(),
  revision: revisionSchema,
  endpoints: z.int().meta({ description: "Endpoints that were looked at." }),
  keys: z.int().meta({ description: "Keys that were looked at." }),
  counts: z.record(z.string(), z.int()).meta({ description: "How many findings of each kind there are." }),
  findings: z.array(findingSchema).meta({ description: "The first ones of each kind." }),
}).meta({ id: "CheckReport", description: "What a check of the address space found." });

/** What a check found; `counts` is by kind. */
export type CheckReport = z.output<typeof checkReportSchema>;

import { z } from "zod";
import { strict } from "./decode.ts";

/** What a delete took away, or would take away in a dry run. */
export const deletionSchema = strict({
  dryRun: z.boolean(),
  deleted: z.array(strict({ noun: z.string(), name: z.string() })).meta({
    description: "In the order of deletion, the object itself last; of very many only the last ones.",
  }),
  count: z.int().meta({ description: "How many objects, also those that `deleted` leaves out." }),
}).meta({ id: "Deletion", description: "What was deleted, or would be in a dry run." });

/** What a delete took away. */
export type Deletion = z.output<typeof deletionSchema>;

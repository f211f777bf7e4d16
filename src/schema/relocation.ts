import { z } from "zod";
import type { Relocation } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { strict } from "./decode.ts";
import { nameSchema, prefixSchema, revisionSchema } from "./text.ts";

/** An endpoint that is on another host than its address says. */
export const relocationResourceSchema = strict({
  network: nameSchema,
  host: nameSchema.meta({ description: "The host whose prefix its addresses are in." }),
  locatedOn: nameSchema.meta({ description: "The host where it is." }),
  blocks: z.array(prefixSchema).meta({ description: "Its addresses, one block per family." }),
  revision: revisionSchema,
}).meta({ id: "Relocation", description: "An endpoint that is on another host than its address says." });

/** A stored relocation as JSON. */
export function encodeRelocationResource(
  { network, host, locatedOn, blocks }: Relocation,
  revision: number,
): z.input<typeof relocationResourceSchema> {
  return { network, host, locatedOn, blocks: blocks.map(formatPrefix), revision };
}

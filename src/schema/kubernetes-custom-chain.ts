import { z } from "zod";
import { CHAIN_LIMITS } from "../model/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import { healthCheckSchema } from "./health-check.ts";
import { customMetadataSchema } from "./kubernetes-custom-service.ts";
import { documentOf } from "./kubernetes-object.ts";
import { nameSchema, prefixSchema } from "./text.ts";

const fromSchema = strict({
  segment: nameSchema.exactOptional(),
  namespace: nameSchema.exactOptional(),
  cidr: prefixSchema.exactOptional(),
  any: z.literal(true).exactOptional(),
}).refine(
  ({ segment, namespace, cidr, any }) =>
    [segment ?? namespace, cidr, any].filter((part) => part !== undefined).length === 1,
  { error: "one of segment, namespace, cidr and any is wanted; a segment may have a namespace" },
);

const toSchema = strict({
  segment: nameSchema.exactOptional(),
  service: nameSchema.exactOptional(),
  namespace: nameSchema.exactOptional(),
}).refine(({ segment, service }) => (segment === undefined) !== (service === undefined), {
  error: "one of segment and service is wanted",
});

const functionSchema = strict({
  segment: nameSchema,
  fail: oneOf(["open", "closed"]).default("closed"),
  health: healthCheckSchema.exactOptional(),
});

/** The `spec` of a Chain (romana.io/v1). */
export const customChainSpecSchema = strict({
  network: nameSchema.exactOptional(),
  from: fromSchema,
  to: toSchema,
  through: z.array(functionSchema).min(1).max(CHAIN_LIMITS.functions),
  direction: oneOf(["both", "forward"]).default("both"),
});

const customChainSchema = documentOf(
  z.object({ metadata: customMetadataSchema, spec: customChainSpecSchema }),
).transform(({ metadata: { name, namespace, uid }, spec }) => ({ name, namespace, uid, ...spec }));

/** A Chain (romana.io/v1): its functions, and segments without a namespace, are of its own namespace. */
export type CustomChain = z.output<typeof customChainSchema>;

/** Reads a Chain (romana.io/v1). @throws RomanaError `invalid-input` with all faults. */
export function decodeCustomChain(value: unknown): CustomChain {
  return decodeWith(customChainSchema, "read Chain", value);
}

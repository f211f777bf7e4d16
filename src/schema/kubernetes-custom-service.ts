import { z } from "zod";
import { decodeWith, strict } from "./decode.ts";
import { documentOf, labelSelectorSchema } from "./kubernetes-object.ts";
import { serviceSpecSchema } from "./service.ts";
import { nameSchema } from "./text.ts";

const { network, segment, addresses, ports, affinity, prefer, health, dnsName } = serviceSpecSchema.shape;

/** The `spec` of a Service (romana.io/v1): a service document, but for what the object itself says. */
export const customServiceSpecSchema = strict({
  network,
  segment: segment.exactOptional(),
  selector: labelSelectorSchema.exactOptional(),
  addresses,
  ports,
  affinity,
  prefer,
  health,
  dnsName,
}).refine((spec) => (spec.segment === undefined) !== (spec.selector === undefined), {
  error: "one of segment and selector is wanted",
});

/** What an object of a namespace says of itself. */
export const customMetadataSchema = z.object({
  name: nameSchema,
  namespace: nameSchema,
  uid: z.string().min(1),
});

const customServiceSchema = documentOf(
  z.object({ metadata: customMetadataSchema, spec: customServiceSpecSchema }),
).transform(({ metadata: { name, namespace, uid }, spec }) => ({ name, namespace, uid, ...spec }));

/** A Service (romana.io/v1): a service of a namespace, whose segment is named or selected. */
export type CustomService = z.output<typeof customServiceSchema>;

/** Reads a Service (romana.io/v1). @throws RomanaError `invalid-input` with all faults. */
export function decodeCustomService(value: unknown): CustomService {
  return decodeWith(customServiceSchema, "read Service", value);
}

import { z } from "zod";
import type { Segment } from "../model/index.ts";
import { decodeWith, strict } from "./decode.ts";
import { encodeLabels, labelsSchema } from "./label.ts";
import { encodeNamedPorts, namedPortsSchema } from "./named-port.ts";
import {
  encodeSegmentCode,
  externalIdSchema,
  nameSchema,
  revisionSchema,
  segmentCodeSchema,
} from "./text.ts";

const codesSchema = z.array(segmentCodeSchema);

const segmentShape = {
  tenant: nameSchema,
  name: nameSchema,
  codes: codesSchema.meta({
    description:
      "The codes that the segment owns, the same ones on every host; without any nobody is born in it, and endpoints only act as it.",
  }),
  externalId: externalIdSchema.exactOptional(),
  labels: labelsSchema.exactOptional(),
  ports: namedPortsSchema.exactOptional(),
};

/** What an operator writes down for a segment; the tenant is in the path, absent codes are one that is assigned. */
export const segmentSpecSchema = strict({
  name: nameSchema,
  codes: codesSchema
    .exactOptional()
    .meta({ description: "One is assigned when they are left out; an empty list means none." }),
  externalId: externalIdSchema.exactOptional(),
  labels: labelsSchema.exactOptional(),
  ports: namedPortsSchema.exactOptional(),
}).meta({ id: "SegmentSpec" });

/** A segment as it is stored. */
export const segmentSchema = strict(segmentShape);

/** What may change in a segment; null takes the external ID away. */
export const segmentPatchSchema = strict({
  codes: codesSchema.exactOptional().meta({ description: "All codes that it shall have from now on." }),
  externalId: externalIdSchema.nullable().exactOptional(),
  labels: labelsSchema.exactOptional().meta({ description: "All labels that it shall have from now on." }),
  ports: namedPortsSchema.exactOptional().meta({ description: "All ports that it shall have from now on." }),
}).meta({ id: "SegmentPatch" });

/** A stored segment with its revision. */
export const segmentResourceSchema = strict({ ...segmentShape, revision: revisionSchema }).meta({
  id: "Segment",
  description: "A microservice inside a tenant.",
});

/** What an operator writes down for a segment. */
export type SegmentSpecInput = z.output<typeof segmentSpecSchema>;

/** A segment as JSON. */
export type SegmentJson = z.input<typeof segmentSchema>;

/** Reads a segment as {@link encodeSegment} writes it. @throws RomanaError `invalid-input`. */
export function decodeSegment(value: unknown): Segment {
  return decodeWith(segmentSchema, "read segment", value);
}

/** A segment as JSON. */
export function encodeSegment(segment: Segment): SegmentJson {
  return {
    tenant: segment.tenant,
    name: segment.name,
    codes: segment.codes.map(encodeSegmentCode),
    ...(segment.externalId !== undefined && { externalId: segment.externalId }),
    ...(segment.labels !== undefined && { labels: encodeLabels(segment.labels) }),
    ...(segment.ports !== undefined && { ports: encodeNamedPorts(segment.ports) }),
  };
}

/** A stored segment as JSON. */
export function encodeSegmentResource(
  segment: Segment,
  revision: number,
): z.input<typeof segmentResourceSchema> {
  return { ...encodeSegment(segment), revision };
}

import { z } from "zod";
import type { Host, HostDetails, HostPrefixes } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { decodeWith, strict } from "./decode.ts";
import { encodeLabels, labelsSchema } from "./label.ts";
import {
  addressPairSchema,
  encodeAddressPair,
  externalIdSchema,
  nameSchema,
  prefixPairSchema,
  revisionSchema,
} from "./text.ts";

/** A host with what the API adds to it. */
export interface HostResource extends HostDetails {
  readonly revision: number;
}

const idSchema = z.int().min(0).meta({ description: "Host ID inside its group; the same in every network." });
const groupPathSchema = z
  .array(nameSchema)
  .meta({ description: "Group names from the first level down; empty in a flat network." });
const underlaySchema = addressPairSchema.meta({
  description: "Where other hosts reach it: the next hop of its prefixes.",
});

const hostShape = {
  name: nameSchema,
  id: idSchema,
  group: groupPathSchema,
  underlay: underlaySchema,
  externalId: externalIdSchema.exactOptional(),
  labels: labelsSchema.exactOptional(),
};

/** What an operator writes down for a host; an absent ID is assigned. */
export const hostSpecSchema = strict({
  name: nameSchema,
  id: idSchema.exactOptional(),
  group: groupPathSchema.default([]),
  place: z.literal("fewest-hosts").exactOptional().meta({
    description:
      "Chooses the group: of all, or of those inside `group`, the one with the fewest hosts that has an ID left.",
  }),
  underlay: underlaySchema.default({}),
  externalId: externalIdSchema.exactOptional(),
  labels: labelsSchema.exactOptional(),
}).meta({ id: "HostSpec" });

/** A host as it is stored. */
export const hostSchema = strict(hostShape);

/** What may change in a host; null takes the external ID away. */
export const hostPatchSchema = strict({
  underlay: underlaySchema.exactOptional(),
  externalId: externalIdSchema.nullable().exactOptional(),
  labels: labelsSchema.exactOptional().meta({ description: "All labels that it shall have from now on." }),
}).meta({ id: "HostPatch" });

// z.record would lose a network called "__proto__".
const hostPrefixesSchema = z
  .custom<Record<string, unknown>>((value) => typeof value === "object" && value !== null, {
    error: "expected an object with network names as keys",
  })
  .meta({
    type: "object",
    description: "The host's prefix in each network, by network name.",
    additionalProperties: {
      type: "object",
      properties: { ipv4: { type: "string" }, ipv6: { type: "string" } },
      additionalProperties: false,
    },
  })
  .transform((value, context): HostPrefixes => {
    const prefixes = new Map<string, z.output<typeof prefixPairSchema>>();
    for (const [network, pair] of Object.entries(value)) {
      const result = prefixPairSchema.safeParse(pair);
      if (result.success) prefixes.set(network, result.data);
      else
        for (const issue of result.error.issues)
          context.addIssue({ ...issue, path: [network, ...issue.path] });
    }
    return prefixes;
  });

/** A stored host with its prefixes and revision. */
export const hostResourceSchema = strict({
  ...hostShape,
  prefixes: hostPrefixesSchema,
  revision: revisionSchema,
}).meta({ id: "Host", description: "A machine with an agent." });

/** What an operator writes down for a host. */
export type HostSpecInput = z.output<typeof hostSpecSchema>;

/** A host as JSON. */
export type HostJson = z.input<typeof hostSchema>;

/** Reads a host as {@link encodeHost} writes it. @throws RomanaError `invalid-input`. */
export function decodeHost(value: unknown): Host {
  return decodeWith(hostSchema, "read host", value);
}

/** A host as JSON. */
export function encodeHost(host: Host): HostJson {
  return {
    name: host.name,
    id: host.id,
    group: [...host.group],
    underlay: encodeAddressPair(host.underlay),
    ...(host.externalId !== undefined && { externalId: host.externalId }),
    ...(host.labels !== undefined && { labels: encodeLabels(host.labels) }),
  };
}

/** The prefixes of a host as JSON; any network name may be a key. */
export function encodeHostPrefixes(prefixes: HostPrefixes): Record<string, { ipv4?: string; ipv6?: string }> {
  return Object.fromEntries(
    Array.from(prefixes, ([network, { ipv4, ipv6 }]) => [
      network,
      { ...(ipv4 && { ipv4: formatPrefix(ipv4) }), ...(ipv6 && { ipv6: formatPrefix(ipv6) }) },
    ]),
  );
}

/** A stored host as JSON. */
export function encodeHostResource(
  host: Omit<HostResource, "revision">,
  revision: number,
): z.input<typeof hostResourceSchema> {
  return { ...encodeHost(host), prefixes: encodeHostPrefixes(host.prefixes), revision };
}

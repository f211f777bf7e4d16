import { z } from "zod";
import type { HostSelector, VirtualIp, VirtualIpDetails } from "../model/index.ts";
import { VIRTUAL_IP_NAME_PATTERN } from "../model/index.ts";
import { oneOf, patterned, strict } from "./decode.ts";
import { encodeLabelRequirement, labelRequirementSchema } from "./label.ts";
import {
  addressPairSchema,
  addressSchema,
  encodeAddressPair,
  externalIdSchema,
  nameSchema,
  prefixSchema,
  revisionSchema,
} from "./text.ts";

/** Most endpoints of one host that a heartbeat names. */
const MAX_HEALTHY = 20_000;

/** The name of a virtual IP. */
export const virtualIpNameSchema = patterned(
  VIRTUAL_IP_NAME_PATTERN,
  'a name of a virtual IP: 1 to 253 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
).meta({ id: "VirtualIpName", description: "Name of a virtual IP.", examples: ["shop.web"] });

/** Hosts by name or by labels, exactly one of both. */
export const hostSelectorSchema = strict({
  names: z.array(nameSchema).max(1000).exactOptional(),
  labels: z.array(labelRequirementSchema).max(100).exactOptional().meta({ description: "All must hold." }),
})
  .refine(({ names, labels }) => (names === undefined) !== (labels === undefined), {
    error: "one of names and labels is wanted",
  })
  .meta({ id: "HostSelector", description: "Hosts by name or by labels." })
  .transform(
    ({ names, labels }): HostSelector =>
      labels === undefined ? { by: "names", names: names ?? [] } : { by: "labels", requirements: labels },
  );

const specShape = {
  name: virtualIpNameSchema,
  addresses: addressPairSchema
    .refine(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined, {
      error: "one of ipv4 and ipv6 is wanted",
    })
    .meta({ description: "One per family, in a subnet of the underlay." }),
  hosts: hostSelectorSchema.exactOptional().meta({ description: "The candidates; absent: all hosts." }),
  externalId: externalIdSchema.exactOptional(),
};

/** What an operator writes down for a virtual IP. */
export const virtualIpSpecSchema = strict(specShape).meta({ id: "VirtualIpSpec" });

/** What may change in a virtual IP; null takes the field away. */
export const virtualIpPatchSchema = strict({
  hosts: hostSelectorSchema
    .nullable()
    .exactOptional()
    .meta({ description: "The candidates; null: all hosts." }),
  externalId: externalIdSchema.nullable().exactOptional(),
}).meta({ id: "VirtualIpPatch" });

const storedShape = {
  ...specShape,
  holder: nameSchema
    .exactOptional()
    .meta({ description: "The host that may have it; absent until one was chosen." }),
  since: z
    .int()
    .min(0)
    .exactOptional()
    .meta({ description: "When it was chosen: milliseconds since 1970 UTC." }),
  revision: revisionSchema,
};

/** A stored virtual IP with its revision, as agents hear of it. */
export const virtualIpResourceSchema = strict(storedShape).meta({
  id: "VirtualIp",
  description: "An address on the underlay that one healthy host has at a time.",
});

/** A stored virtual IP and how it is. */
export const virtualIpDetailsSchema = strict({
  ...storedShape,
  state: oneOf(["held", "moving", "vacant"]).meta({
    description: "Whether the holder has it, somebody is about to take it, or nobody can.",
  }),
  reason: z.string().exactOptional().meta({ description: "Why it is not held." }),
}).meta({ id: "VirtualIpDetails", description: "A virtual IP and how it is." });

/** What an agent says about virtual IPs and the health of its endpoints, again and again. */
export const heartbeatSchema = strict({
  life: z.string().min(1).max(100).meta({ description: "Another one for each life of the agent." }),
  number: z.int().min(0).meta({ description: "Grows with each heartbeat of a life." }),
  subnets: z.array(prefixSchema).max(1000).meta({ description: "Subnets of devices that work." }),
  held: z
    .array(virtualIpNameSchema)
    .max(10_000)
    .meta({ description: "Virtual IPs that may be in its kernel." }),
  refused: z
    .array(strict({ name: virtualIpNameSchema, reason: z.string().max(1000) }))
    .max(10_000)
    .meta({ description: "Those that it was told to hold and cannot." }),
  healthy: z.array(addressSchema).max(MAX_HEALTHY).default([]).meta({
    description: "Endpoints of it that pass the health checks of their segments; of two addresses, IPv4.",
  }),
}).meta({
  id: "Heartbeat",
  description: "What an agent says about virtual IPs and the health of its endpoints.",
});

/** What a host may hold for one lifetime from when it sent the heartbeat. */
export const heartbeatAnswerSchema = strict({
  hold: z.array(strict({ name: virtualIpNameSchema, addresses: addressPairSchema })),
  next: z.int().min(0).meta({ description: "When to come again, in milliseconds." }),
}).meta({ id: "HeartbeatAnswer", description: "What the host may hold for one lifetime; nothing else." });

/** A heartbeat as JSON. */
export type HeartbeatJson = z.input<typeof heartbeatSchema>;

/** What an agent reads of the answer. */
export type HeartbeatAnswerResult = z.output<typeof heartbeatAnswerSchema>;

/** A virtual IP with its revision, as agents hear of it. */
export type VirtualIpResource = z.output<typeof virtualIpResourceSchema>;

/** A virtual IP and how it is, with its revision. */
export type VirtualIpDetailsResource = z.output<typeof virtualIpDetailsSchema>;

/** Hosts by name or by labels as JSON. */
export function encodeHostSelector(selector: HostSelector): z.input<typeof hostSelectorSchema> {
  if (selector.by === "names") return { names: [...selector.names] };
  return { labels: selector.requirements.map(encodeLabelRequirement) };
}

/** A stored virtual IP as JSON. */
export function encodeVirtualIpResource(
  { name, addresses, hosts, externalId, holder, since }: VirtualIp,
  revision: number,
): z.input<typeof virtualIpResourceSchema> {
  return {
    name,
    addresses: encodeAddressPair(addresses),
    ...(hosts && { hosts: encodeHostSelector(hosts) }),
    ...(externalId !== undefined && { externalId }),
    ...(holder !== undefined && { holder }),
    ...(since !== undefined && { since }),
    revision,
  };
}

/** A stored virtual IP and how it is as JSON. */
export function encodeVirtualIpDetails(
  virtualIp: VirtualIpDetails,
  revision: number,
): z.input<typeof virtualIpDetailsSchema> {
  const { state, reason } = virtualIp;
  const { revision: _, ...rest } = encodeVirtualIpResource(virtualIp, revision);
  return { ...rest, state, ...(reason !== undefined && { reason }), revision };
}

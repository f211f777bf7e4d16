import { z } from "zod";
import {
  type EndpointSelector,
  INTERFACE_PATTERN,
  type NounSelector,
  type PolicyPeer,
  type PolicyTarget,
} from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { patterned, strict } from "./decode.ts";
import { didYouMean } from "./did-you-mean.ts";
import { encodeLabelRequirement, labelRequirementSchema } from "./label.ts";
import { externalIdSchema, nameSchema, prefixSchema } from "./text.ts";

/** The name of a network device of a host. */
export const interfaceSchema = patterned(
  INTERFACE_PATTERN,
  "the name of a network device: 1 to 15 characters",
);

const requirementsSchema = z
  .array(labelRequirementSchema)
  .meta({ description: "All must hold; none at all selects everything." });

const nounSelectorSchema = z
  .discriminatedUnion(
    "by",
    [
      strict({ by: z.literal("name"), name: nameSchema }),
      strict({ by: z.literal("id"), id: z.int().min(0) }),
      strict({ by: z.literal("external-id"), externalId: externalIdSchema }),
      strict({ by: z.literal("labels"), requirements: requirementsSchema }),
    ],
    { error: ({ input }) => unknownKind("by", ["name", "id", "external-id", "labels"], input) },
  )
  .meta({ id: "NounSelector", description: "Selects tenants or segments." });

const endpointsSchema = strict({
  kind: z.literal("endpoints"),
  tenant: nounSelectorSchema.exactOptional(),
  segment: nounSelectorSchema.exactOptional(),
});

function unknownKind(key: string, words: readonly string[], input: unknown): string {
  if (input === undefined) return "is missing";
  const isObject = typeof input === "object" && input !== null && !Array.isArray(input);
  const word: unknown = isObject ? (input as Record<string, unknown>)[key] : undefined;
  const meant = typeof word === "string" ? didYouMean(word, words) : "";
  return `wants a field "${key}" that is one of ${words.join(", ")}${meant}`;
}

/** Who a policy applies to. */
export const targetSchema = z
  .discriminatedUnion(
    "kind",
    [
      endpointsSchema,
      strict({ kind: z.literal("prefix"), prefix: prefixSchema }),
      strict({ kind: z.literal("host") }),
      strict({
        kind: z.literal("machine"),
        interfaces: z.array(interfaceSchema).exactOptional(),
        addresses: z.array(prefixSchema).exactOptional(),
      }),
    ],
    { error: ({ input }) => unknownKind("kind", ["endpoints", "prefix", "host", "machine"], input) },
  )
  .meta({ id: "PolicyTarget", description: "Who the policy is for." });

/** The other side of the traffic. */
export const peerSchema = z
  .discriminatedUnion(
    "kind",
    [
      strict({ kind: z.literal("any") }),
      strict({ kind: z.literal("local") }),
      strict({ kind: z.literal("host") }),
      strict({ kind: z.literal("hosts"), requirements: requirementsSchema }),
      strict({
        kind: z.literal("prefix"),
        prefix: prefixSchema,
        except: z
          .array(prefixSchema)
          .default([])
          .meta({ description: "Parts of the prefix that do not count." }),
      }),
      endpointsSchema,
    ],
    {
      error: ({ input }) =>
        unknownKind("kind", ["any", "local", "host", "hosts", "prefix", "endpoints"], input),
    },
  )
  .meta({ id: "PolicyPeer", description: "The other side of the traffic." });

/** A target as JSON. */
export function encodeTarget(target: PolicyTarget): z.input<typeof targetSchema> {
  switch (target.kind) {
    case "endpoints":
      return encodeEndpoints(target);
    case "prefix":
      return { kind: "prefix", prefix: formatPrefix(target.prefix) };
    case "host":
      return { kind: "host" };
    case "machine":
      return {
        kind: "machine",
        ...(target.interfaces !== undefined && { interfaces: [...target.interfaces] }),
        ...(target.addresses !== undefined && { addresses: target.addresses.map(formatPrefix) }),
      };
  }
}

/** A peer as JSON. */
export function encodePeer(peer: PolicyPeer): z.input<typeof peerSchema> {
  switch (peer.kind) {
    case "any":
    case "local":
    case "host":
      return { kind: peer.kind };
    case "hosts":
      return { kind: "hosts", requirements: peer.requirements.map(encodeLabelRequirement) };
    case "prefix":
      return {
        kind: "prefix",
        prefix: formatPrefix(peer.prefix),
        ...(peer.except.length > 0 && { except: peer.except.map(formatPrefix) }),
      };
    case "endpoints":
      return encodeEndpoints(peer);
  }
}

function encodeEndpoints({ tenant, segment }: EndpointSelector): z.input<typeof endpointsSchema> {
  return {
    kind: "endpoints",
    ...(tenant !== undefined && { tenant: encodeNounSelector(tenant) }),
    ...(segment !== undefined && { segment: encodeNounSelector(segment) }),
  };
}

function encodeNounSelector(selector: NounSelector): z.input<typeof nounSelectorSchema> {
  if (selector.by !== "labels") return selector;
  return { by: "labels", requirements: selector.requirements.map(encodeLabelRequirement) };
}

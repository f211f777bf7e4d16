import { z } from "zod";
import {
  CHAIN_LIMITS,
  type Chain,
  type ChainEnd,
  type ChainFunction,
  SERVICE_NAME_PATTERN,
} from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { oneOf, patterned, strict } from "./decode.ts";
import { encodeHealthCheck, healthCheckSchema } from "./health-check.ts";
import { serviceNameSchema } from "./service.ts";
import { externalIdSchema, nameSchema, prefixSchema, revisionSchema } from "./text.ts";

/** The name of a chain. */
export const chainNameSchema = patterned(
  SERVICE_NAME_PATTERN,
  'a name of a chain: 1 to 253 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
).meta({ id: "ChainName", description: "Name of a chain.", examples: ["shop.inspected"] });

const fromSchema = strict({
  tenant: nameSchema.exactOptional(),
  segment: nameSchema.exactOptional().meta({ description: "Of the tenant; without one, all of the tenant." }),
  cidr: prefixSchema.exactOptional(),
  any: z.literal(true).exactOptional(),
})
  .check(({ value, issues }) => {
    const { tenant, segment, cidr, any } = value;
    const refuse = (path: string[], message: string): void => {
      issues.push({ code: "custom", path, message, input: value });
    };
    if ([tenant, cidr, any].filter((part) => part !== undefined).length !== 1)
      refuse([], "one of tenant, cidr and any is wanted");
    if (segment !== undefined && tenant === undefined) refuse(["segment"], "wants its tenant, too");
  })
  .meta({ id: "ChainFrom", description: "Who sends: a segment, a tenant, a prefix, or anybody." })
  .transform(({ tenant, segment, cidr }): ChainEnd => {
    if (cidr !== undefined) return { kind: "cidr", prefix: cidr };
    if (tenant === undefined) return { kind: "any" };
    return segment === undefined ? { kind: "tenant", tenant } : { kind: "segment", tenant, segment };
  });

const toSchema = strict({
  tenant: nameSchema.exactOptional(),
  segment: nameSchema.exactOptional(),
  service: serviceNameSchema.exactOptional().meta({ description: "Stands for the segment behind it." }),
})
  .refine(
    ({ tenant, segment, service }) =>
      service === undefined
        ? tenant !== undefined && segment !== undefined
        : tenant === segment && tenant === undefined,
    { error: "tenant and segment are wanted, or service" },
  )
  .meta({ id: "ChainTo", description: "Who receives: a segment or the one behind a service." })
  .transform(({ tenant = "", segment = "", service }): Chain["to"] =>
    service === undefined ? { kind: "segment", tenant, segment } : { kind: "service", service },
  );

const functionSchema = strict({
  tenant: nameSchema,
  segment: nameSchema.meta({ description: "Each flow passes one of its endpoints." }),
  fail: oneOf(["open", "closed"]).default("closed").meta({
    description: "Without a healthy endpoint traffic is dropped (closed) or passes without it (open).",
  }),
  health: healthCheckSchema
    .exactOptional()
    .meta({ description: "Without one, an endpoint is healthy as long as its host is heard of." }),
}).meta({ id: "ChainFunction", description: "A segment whose endpoints inspect traffic and pass it on." });

const throughSchema = z
  .array(functionSchema)
  .min(1)
  .max(CHAIN_LIMITS.functions)
  .meta({ description: "In the order in which the first packet passes them." });

const directionSchema = oneOf(["both", "forward"]).meta({
  description:
    "What goes back passes the same endpoints in the reverse order (both), or goes straight (forward).",
});

const placesSchema = z
  .array(z.int().min(1).max(CHAIN_LIMITS.places))
  .meta({ description: "Numbers that packets carry between hosts." });

const specShape = {
  name: chainNameSchema,
  network: nameSchema.exactOptional().meta({ description: "May be left out when there is one network." }),
  from: fromSchema,
  to: toSchema,
  through: throughSchema,
  direction: directionSchema.default("both"),
  externalId: externalIdSchema.exactOptional(),
};

/** What an operator writes down for a chain. */
export const chainSpecSchema = strict(specShape).meta({ id: "ChainSpec" });

/** What may change in a chain; null takes the field away. */
export const chainPatchSchema = strict({
  from: fromSchema.exactOptional(),
  to: toSchema.exactOptional(),
  through: throughSchema.exactOptional().meta({ description: "All functions from now on." }),
  direction: directionSchema.exactOptional(),
  externalId: externalIdSchema.nullable().exactOptional(),
}).meta({ id: "ChainPatch" });

const storedShape = {
  ...specShape,
  network: nameSchema,
  direction: directionSchema,
  places: strict({ forward: placesSchema, reverse: placesSchema.exactOptional() }).meta({
    description: "Given by romanad: one before each function and one behind the last, for each direction.",
  }),
};

/** A chain as it is stored. */
export const chainSchema = strict(storedShape);

/** A stored chain with its revision. */
export const chainResourceSchema = strict({ ...storedShape, revision: revisionSchema }).meta({
  id: "Chain",
  description: "Functions that flows pass through, in order.",
});

/** A chain with its revision. */
export type ChainResource = z.output<typeof chainResourceSchema>;

/** Who sends, as JSON. */
export function encodeChainFrom(end: ChainEnd): z.input<typeof fromSchema> {
  switch (end.kind) {
    case "any":
      return { any: true };
    case "cidr":
      return { cidr: formatPrefix(end.prefix) };
    case "tenant":
      return { tenant: end.tenant };
    case "segment":
      return { tenant: end.tenant, segment: end.segment };
  }
}

/** Who receives, as JSON. */
export function encodeChainTo(to: Chain["to"]): z.input<typeof toSchema> {
  return to.kind === "service" ? { service: to.service } : { tenant: to.tenant, segment: to.segment };
}

/** A function of a chain as JSON. */
export function encodeChainFunction(one: ChainFunction): z.input<typeof functionSchema> {
  const { tenant, segment, fail, health } = one;
  return { tenant, segment, fail, ...(health !== undefined && { health: encodeHealthCheck(health) }) };
}

/** A chain as JSON. */
export function encodeChain(chain: Chain): z.input<typeof chainSchema> {
  const { name, network, from, to, through, direction, places, externalId } = chain;
  const { forward, reverse } = places;
  return {
    name,
    network,
    from: encodeChainFrom(from),
    to: encodeChainTo(to),
    through: through.map(encodeChainFunction),
    direction,
    places: { forward: [...forward], ...(reverse && { reverse: [...reverse] }) },
    ...(externalId !== undefined && { externalId }),
  };
}

/** A stored chain as JSON. */
export function encodeChainResource(chain: Chain, revision: number): z.input<typeof chainResourceSchema> {
  return { ...encodeChain(chain), revision };
}

import { z } from "zod";
import { createPlan } from "../addressing/index.ts";
import { type AddressPlan, type Group, hasCode, type Network, type Numbering } from "../model/index.ts";
import { type Family, formatPrefix, type Prefix } from "../net/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import {
  addressPairSchema,
  encodeAddressPair,
  encodePrefixPair,
  ipv4PrefixSchema,
  ipv6PrefixSchema,
  nameSchema,
  prefixPairSchema,
  revisionSchema,
} from "./text.ts";

const NUMBERING_WORDS = ["literal", "v1"] as const satisfies readonly Numbering[];

const numberingSchema = oneOf(NUMBERING_WORDS).meta({
  description: "How IDs become bits: as they are, or as the original system did.",
});

/** Bounds and sums are the business of createPlan, which says more than a schema can. */
const bits = (description: string): z.ZodInt => z.int().meta({ description });

const groupLevelSchema = strict({ name: nameSchema, bits: bits("Width of the level.") }).meta({
  id: "GroupLevel",
  description: "A topology level above the host bits, such as zone or rack.",
});

function planShape<P extends z.ZodType<Prefix>>(prefix: P) {
  return {
    prefix,
    numbering: numberingSchema.exactOptional(),
    groupLevels: z.array(groupLevelSchema).exactOptional(),
    hostBits: bits("Width of the host level."),
    tenantBits: bits("Width of the tenant level."),
    segmentBits: bits("Width of the segment level."),
    endpointBits: bits("Width of the endpoint level."),
    strideBits: bits("Each endpoint owns 2^strideBits addresses; default 0.").exactOptional(),
    reservedEndpoints: z
      .array(z.int())
      .exactOptional()
      .meta({ description: "Endpoint IDs that are never allocated; default [0] with literal numbering." }),
  };
}

const ipv4PlanSchema = strict(planShape(ipv4PrefixSchema)).meta({ id: "Ipv4Plan" });
const ipv6PlanSchema = strict(planShape(ipv6PrefixSchema)).meta({ id: "Ipv6Plan" });

const groupSchema: z.ZodType<Group, GroupJson> = strict({
  name: nameSchema,
  id: z.int().min(0),
  router: addressPairSchema.default({}),
  get groups() {
    return z.array(groupSchema).default([]);
  },
}).meta({ id: "Group", description: "A group of hosts and the groups inside it." });

/** The groups of a network as a tree. */
export const groupsSchema = z.array(groupSchema);

const servicesSchema = prefixPairSchema.meta({
  description: "Where addresses of services come from, per family; outside of every plan.",
});

const networkShape = {
  name: nameSchema,
  numbering: numberingSchema
    .exactOptional()
    .meta({ description: "Numbering of the plans that name none of their own; default literal." }),
  plans: strict({ ipv4: ipv4PlanSchema.exactOptional(), ipv6: ipv6PlanSchema.exactOptional() }).meta({
    description: "How addresses are cut, per family; at least one.",
  }),
  groups: groupsSchema.default([]),
  services: servicesSchema.exactOptional(),
};

type NetworkDocument = z.output<z.ZodObject<typeof networkShape>>;

/** A network document: the plans are checked and completed while it is read. */
export const networkSchema = strict(networkShape).transform(completeNetwork).meta({ id: "NetworkSpec" });

/** A stored network with its revision. */
export const networkResourceSchema = strict({ ...networkShape, revision: revisionSchema })
  .transform(({ revision, ...document }, context) => ({ ...completeNetwork(document, context), revision }))
  .meta({ id: "Network", description: "A named address space." });

/** What may change in a network: its groups, as the whole new tree; its service prefixes, both families of them. */
export const networkPatchSchema = strict({
  groups: groupsSchema.exactOptional(),
  services: servicesSchema.nullable().exactOptional(),
}).meta({ id: "NetworkPatch" });

/** A group as JSON; `router` and `groups` may be left out. */
export interface GroupJson {
  name: string;
  id: number;
  router?: { ipv4?: string; ipv6?: string } | undefined;
  groups?: GroupJson[] | undefined;
}

/** A network document as JSON. */
export type NetworkJson = z.input<typeof networkSchema>;

/** Reads a network document. @throws RomanaError `invalid-input` with every fault of fields and plans. */
export function decodeNetwork(value: unknown): Network {
  return decodeWith(networkSchema, "read network", value);
}

/** A network as JSON that {@link decodeNetwork} reads back as the same network. */
export function encodeNetwork(network: Network): NetworkJson {
  const { ipv4, ipv6 } = network.plans;
  return {
    name: network.name,
    plans: { ...(ipv4 && { ipv4: encodePlan(ipv4) }), ...(ipv6 && { ipv6: encodePlan(ipv6) }) },
    groups: network.groups.map(encodeGroup),
    ...(network.services && { services: encodePrefixPair(network.services) }),
  };
}

type PlanJson = z.input<typeof ipv4PlanSchema>;

function encodePlan(plan: AddressPlan): PlanJson {
  return {
    prefix: formatPrefix(plan.prefix),
    numbering: plan.numbering,
    groupLevels: plan.groupLevels.map(({ name, bits }) => ({ name, bits })),
    hostBits: plan.hostBits,
    tenantBits: plan.tenantBits,
    segmentBits: plan.segmentBits,
    endpointBits: plan.endpointBits,
    strideBits: plan.strideBits,
    reservedEndpoints: [...plan.reservedEndpoints],
  };
}

/** A group tree as JSON. */
export function encodeGroup(group: Group): GroupJson {
  return {
    name: group.name,
    id: group.id,
    router: encodeAddressPair(group.router),
    groups: group.groups.map(encodeGroup),
  };
}

function completeNetwork(document: NetworkDocument, context: z.RefinementCtx): Network {
  const { name, numbering, plans, groups, services } = document;
  if (plans.ipv4 === undefined && plans.ipv6 === undefined) {
    context.addIssue({
      code: "custom",
      path: ["plans"],
      message: "wants an ipv4 plan, an ipv6 plan or both",
    });
  }
  const complete = (
    family: Family,
    spec: NetworkDocument["plans"]["ipv4" | "ipv6"],
  ): AddressPlan | undefined => {
    if (spec === undefined) return undefined;
    try {
      return createPlan({ ...(numbering && { numbering }), ...spec });
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      for (const fault of error.failure.faults) {
        const path = ["plans", `ipv${family}`, ...fault.path.split(".").filter((part) => part !== "")];
        context.addIssue({ code: "custom", path, message: fault.reason });
      }
      return undefined;
    }
  };
  const ipv4 = complete(4, plans.ipv4);
  const ipv6 = complete(6, plans.ipv6);
  return { name, plans: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) }, groups, ...withServices(services) };
}

/** No prefix of either family is as good as none given. */
function withServices(services: Network["services"]): Pick<Network, "services"> {
  return services?.ipv4 === undefined && services?.ipv6 === undefined ? {} : { services };
}

/** A stored network as JSON. */
export function encodeNetworkResource(
  network: Network,
  revision: number,
): z.input<typeof networkResourceSchema> {
  return { ...encodeNetwork(network), revision };
}

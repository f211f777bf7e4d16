import { z } from "zod";
import {
  HIGHEST,
  type KnownPolicy,
  ORDER_BEFORE_ALL,
  POLICY_ID_PATTERN,
  POLICY_TEXT_LENGTHS,
  type Policy,
  type PolicyRule,
  PROTOCOLS_OF_ICMP,
  PROTOCOLS_WITH_PORTS,
  type TrafficMatch,
} from "../model/index.ts";
import { decodeWith, oneOf, patterned, strict } from "./decode.ts";
import { portNameSchema, portSchema } from "./named-port.ts";
import { encodePeer, encodeTarget, peerSchema, targetSchema } from "./policy-party.ts";
import { encodeProtocol, protocolSchema } from "./protocol.ts";
import { externalIdSchema, revisionSchema } from "./text.ts";

/** What is wrong with an ID that does not match {@link POLICY_ID_PATTERN}. */
export const POLICY_ID_RULE =
  'a policy ID: 1 to 400 letters, digits, "_", ".", ":" or "-", the first a letter, digit or "_"';

/** The ID of a policy, unique over all policies. */
export const policyIdSchema = patterned(POLICY_ID_PATTERN, POLICY_ID_RULE).meta({
  id: "PolicyId",
  description: "ID of a policy, unique over all policies.",
  examples: ["web-from-anywhere"],
});

/** What a policy is for, in words. */
export const descriptionSchema = z
  .string()
  .max(POLICY_TEXT_LENGTHS.description)
  .meta({ description: "What it is for." });

const directionSchema = oneOf(["ingress", "egress"]);
const icmpNumberSchema = z.int().min(0).max(HIGHEST.icmp);

const trafficSchema = strict({
  family: z.literal([4, 6]).exactOptional().meta({ description: "Packets of IPv4 or of IPv6 only." }),
  protocol: protocolSchema.exactOptional(),
  ports: strict({ first: portSchema, last: portSchema })
    .refine(({ first, last }) => first <= last, { error: "ends before it begins" })
    .exactOptional(),
  portName: portNameSchema.exactOptional(),
  icmp: strict({ type: icmpNumberSchema, code: icmpNumberSchema.exactOptional() }).exactOptional(),
})
  .superRefine(({ protocol = -1, ports, portName, icmp }, context) => {
    const fault = (message: string): void => context.addIssue({ code: "custom", message });
    const parts = [ports, portName, icmp].filter((part) => part !== undefined);
    if (parts.length > 1) fault("ports, portName and icmp exclude each other");
    if ((ports ?? portName) !== undefined && !PROTOCOLS_WITH_PORTS.has(protocol)) {
      fault("ports want a protocol that has ports");
    }
    if (icmp !== undefined && !PROTOCOLS_OF_ICMP.has(protocol)) fault("icmp wants protocol icmp or icmpv6");
  })
  .meta({ id: "TrafficMatch", description: "What kind of packets; what is left out matches all." });

const ruleSchema = strict({
  name: z.string().max(POLICY_TEXT_LENGTHS.ruleName).exactOptional(),
  direction: directionSchema,
  verdict: oneOf(["accept", "drop", "pass", "log"]),
  peers: z.array(peerSchema).meta({ description: "Who; without one the rule matches nothing." }),
  traffic: z.array(trafficSchema).meta({ description: "What; without one the rule matches nothing." }),
  stateful: z.boolean().meta({ description: "False: answers need a rule of their own." }),
}).meta({ id: "PolicyRule", description: "One rule: some peer and some traffic match." });

const policyShape = {
  id: policyIdSchema,
  description: descriptionSchema.exactOptional(),
  externalId: externalIdSchema.exactOptional(),
  tier: oneOf(["admin", "standard", "baseline"]),
  order: z.int().min(0).meta({ description: "Inside a tier, lower ones come first." }),
  appliedTo: z.array(targetSchema).meta({ description: "Who the policy is for." }),
  isolates: z
    .array(directionSchema)
    .max(2)
    .meta({ description: "Directions in which only what some rule accepts passes." }),
  rules: z.array(ruleSchema),
  established: oneOf(["cut", "keep"]).meta({
    description: "What becomes of connections that a change of policies no longer allows.",
  }),
};

/** A policy in the form that romanad stores and answers, whatever document it was made of. */
export const policySchema = strict(policyShape).meta({ id: "PolicySpec" });

/** A stored policy with its revision, as agents get it. */
export const policyResourceSchema = strict({
  ...policyShape,
  order: z.int().min(ORDER_BEFORE_ALL).meta({
    description: "Inside a tier, lower ones come first; -1: what stands for a policy that cannot be read.",
  }),
  revision: revisionSchema,
  damage: oneOf(["earlier-version", "targets-only", "nothing"]).exactOptional().meta({
    description:
      "There when its stored value cannot be read: what is shown is what it said before; or denies everything to whom it is applied to; or is nothing.",
  }),
}).meta({
  id: "Policy",
  description: "Who may talk to whom.",
});

/** A policy as JSON. */
export type PolicyJson = z.input<typeof policySchema>;

/** Reads a policy as {@link encodePolicy} writes it. @throws RomanaError `invalid-input` with all faults. */
export function decodePolicy(value: unknown): Policy {
  return decodeWith(policySchema, "read policy", value);
}

/** A policy as JSON: the exact inverse of {@link decodePolicy}. */
export function encodePolicy(policy: Policy): PolicyJson {
  return {
    id: policy.id,
    ...(policy.description !== undefined && { description: policy.description }),
    ...(policy.externalId !== undefined && { externalId: policy.externalId }),
    tier: policy.tier,
    order: policy.order,
    appliedTo: policy.appliedTo.map(encodeTarget),
    isolates: [...policy.isolates],
    rules: policy.rules.map(encodeRule),
    established: policy.established,
  };
}

/** A stored policy as JSON. */
export function encodePolicyResource(
  policy: KnownPolicy,
  revision: number,
): z.input<typeof policyResourceSchema> {
  const { damage } = policy;
  return { ...encodePolicy(policy), revision, ...(damage !== undefined && { damage }) };
}

function encodeRule(rule: PolicyRule): z.input<typeof ruleSchema> {
  return {
    ...(rule.name !== undefined && { name: rule.name }),
    direction: rule.direction,
    verdict: rule.verdict,
    peers: rule.peers.map(encodePeer),
    traffic: rule.traffic.map(encodeTraffic),
    stateful: rule.stateful,
  };
}

function encodeTraffic({
  family,
  protocol,
  ports,
  portName,
  icmp,
}: TrafficMatch): z.input<typeof trafficSchema> {
  return {
    ...(family !== undefined && { family }),
    ...(protocol !== undefined && { protocol: encodeProtocol(protocol) }),
    ...(ports !== undefined && { ports: { ...ports } }),
    ...(portName !== undefined && { portName }),
    ...(icmp !== undefined && { icmp: { ...icmp } }),
  };
}

import { z } from "zod";
import { type Exception, hasCode, type KnownPolicy, type Policy } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { oneOf, strict } from "./decode.ts";
import { encodePolicyResource, policyIdSchema, policyResourceSchema, policySchema } from "./policy.ts";
import { decodePolicyDocument } from "./policy-document.ts";
import { booleanText } from "./query.ts";
import { nameSchema, prefixSchema, revisionSchema } from "./text.ts";

/** Longest trial, in seconds: a day. */
const MAX_TRIAL = 86_400;

/** One policy as people write it: a native document of any generation, or the form that romanad answers. */
export const policyInputSchema = z
  .custom<object>((value) => typeof value === "object" && value !== null, {
    error: "expected keys and values",
  })
  .meta({
    id: "PolicyDocument",
    type: "object",
    description: "A native policy document of any generation (docs/policy.md), or a PolicySpec.",
  })
  .transform((value, context): Policy => {
    try {
      const [policy, ...more] = decodePolicyDocument(value);
      if (policy !== undefined && more.length === 0) return policy;
      context.addIssue({ code: "custom", message: "has several policies; one is wanted", input: value });
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      for (const { path, reason } of error.failure.faults) {
        const keys = path === "" ? [] : path.split(".");
        context.addIssue({ code: "custom", message: reason, path: keys, input: value });
      }
    }
    return z.NEVER;
  });

/** A stored policy with its state, as the API shows it. */
export const policyDetailsSchema = strict({
  ...policyResourceSchema.shape,
  state: oneOf(["active", "pending", "damaged"]).meta({
    description:
      "`pending`: it names somebody who is not there, and does nothing for these until they are. `damaged`: its stored value cannot be read.",
  }),
  missing: z.array(z.string()).meta({ description: "Who is not there." }),
}).meta({ id: "PolicyDetails", description: "Who may talk to whom, and whether all of them are there." });

/** A stored policy with its state. */
export type PolicyDetails = z.output<typeof policyDetailsSchema>;

/** Query of the creation or the replacement of a policy. */
export const policyQuerySchema = strict({
  pending: booleanText("Take a policy that names tenants or segments that are not there.").exactOptional(),
});

/** Several policies that shall be as given, all or none. */
export const policyApplicationSchema = strict({
  policies: z.array(policyInputSchema).min(1).max(100),
  pending: z
    .boolean()
    .exactOptional()
    .meta({ description: "Take policies that name tenants or segments that are not there." }),
  dryRun: z.boolean().exactOptional().meta({ description: "Only say what would change." }),
  confirmWithin: z
    .int()
    .min(1)
    .max(MAX_TRIAL)
    .exactOptional()
    .meta({ description: "Seconds after which everything is taken back unless the trial is confirmed." }),
}).meta({ id: "PolicyApplication", description: "Several policies that shall be as given, all or none." });

/** Changes that are taken back unless somebody confirms them. */
export const policyTrialSchema = strict({
  id: z.string().meta({ examples: ["42"] }),
  deadline: z.int().meta({ description: "When it ends, in milliseconds since 1970 UTC." }),
  policies: z.array(policyIdSchema),
  damaged: z.literal(true).exactOptional().meta({
    description:
      "Its record cannot be read: nothing is taken back. `deadline` is 0, and `policies` is empty.",
  }),
}).meta({ id: "PolicyTrial", description: "Changes that are taken back unless somebody confirms them." });

const policyChangeSchema = strict({
  id: policyIdSchema,
  action: oneOf(["created", "changed", "unchanged"]),
  before: policySchema
    .exactOptional()
    .meta({ description: "Absent when it was not there, or could not be read." }),
  after: policySchema,
});

/** What an application did, or would do. */
export const policyChangesSchema = strict({
  dryRun: z.boolean(),
  changes: z.array(policyChangeSchema),
  trial: policyTrialSchema.exactOptional(),
}).meta({ id: "PolicyChanges", description: "What an application of policies did, or would do." });

/** What an application did, or would do. */
export type PolicyChanges = z.output<typeof policyChangesSchema>;

/** An endpoint that policies take for a member of another segment than its address says. */
export const exceptionResourceSchema = strict({
  blocks: z.array(prefixSchema).meta({ description: "Its addresses, one block per family." }),
  tenant: nameSchema,
  segment: nameSchema.meta({ description: "The segment that it acts as." }),
  revision: revisionSchema,
}).meta({ id: "Exception", description: "An endpoint that acts as another segment of its tenant." });

/** A stored exception as JSON. */
export function encodeExceptionResource(
  { blocks, tenant, segment }: Exception,
  revision: number,
): z.input<typeof exceptionResourceSchema> {
  return { blocks: blocks.map(formatPrefix), tenant, segment, revision };
}

/** A stored policy with what it names and is not there, as JSON. */
export function encodePolicyDetails(
  { policy, missing }: { readonly policy: KnownPolicy; readonly missing: readonly string[] },
  revision: number,
): z.input<typeof policyDetailsSchema> {
  const whole = missing.length === 0 ? "active" : "pending";
  const state = policy.damage === undefined ? whole : "damaged";
  return { ...encodePolicyResource(policy, revision), state, missing: [...missing] };
}

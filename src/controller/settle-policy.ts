import { isDeepStrictEqual } from "node:util";
import { hasCode, type Policy } from "../model/index.ts";
import { encodePolicy, type PolicyDetails } from "../schema/index.ts";
import { type WantedCondition, writeConditions } from "./condition-writer.ts";
import type { Cached } from "./informer.ts";
import { deleting } from "./mirror.ts";
import { CONDITIONS, type PolicyObject, policyObjectOf, ROMANA_API } from "./resources.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/** A kind that the API server does not serve for the moment is looked at again after so many milliseconds. */
const LOOK_AGAIN = 5_000;

/**
 * Makes a policy of its object, or deletes it with the object. What an object says that cannot be read, or not be honoured, is
 * told; an unreadable one leaves the policy as it was, and where there was none it is closed.
 */
export const settlePolicy: Handler = async (site, id) => {
  const { cluster, mirror, romanad, events } = site;
  const place = policyObjectOf(id);
  if (place === undefined) return undefined;
  const informer = cluster.informers[place.kind];
  const cached = informer.objects.get(place.key);
  const known = mirror.policies.get(id);
  if (cached === undefined) {
    if (known === undefined) return undefined;
    if (!informer.isComplete) return LOOK_AGAIN;
    await deleting(romanad.deletePolicy(id));
    mirror.policies.delete(id);
    return undefined;
  }
  const subject = subjectOf(informer, cached);
  const wanted = policyOf(cached, known);
  const refusal = wanted === undefined || isKnown(wanted, known) ? undefined : await put(site, wanted);
  if (refusal !== undefined) events.warn(subject, "Refused", refusal);
  if (cached.fault !== undefined) events.warn(subject, "Unreadable", cached.fault);
  for (const { message } of cached.value?.problems ?? []) events.warn(subject, "NotHonoured", message);
  if (place.kind === "networkPolicies") return undefined;
  const type = informer.resource.apiVersion === ROMANA_API ? CONDITIONS.accepted : CONDITIONS.foreign;
  const condition =
    refusal === undefined
      ? conditionOf(cached, mirror.policies.get(id))
      : ({ status: "False", reason: "Refused", message: refusal } as const);
  await writeConditions(site, subject, cached.conditions, [{ type, ...condition }]);
  return undefined;
};

/** Why romanad refuses the policy, or undefined when it has taken it. */
async function put({ romanad, mirror }: Site, policy: Policy): Promise<string | undefined> {
  try {
    await romanad.putPolicy(policy);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.message;
    throw error;
  }
  mirror.policies.set(policy.id, await romanad.getPolicy(policy.id));
  return undefined;
}

/** The policy of an object; undefined when it cannot be read and what is there is to stay. */
function policyOf(cached: Cached<PolicyObject>, known: PolicyDetails | undefined): Policy | undefined {
  const { meta, value, closed } = cached;
  if (value !== undefined) return value.policy;
  const isOfObject = known !== undefined && known.state !== "damaged" && known.externalId === meta.uid;
  return isOfObject ? undefined : closed?.policy;
}

function isKnown(wanted: Policy, known: PolicyDetails | undefined): boolean {
  if (known === undefined || known.state === "damaged") return false;
  return isDeepStrictEqual(encodePolicy(known), encodePolicy(wanted));
}

function conditionOf(
  { value, fault }: Cached<PolicyObject>,
  known: PolicyDetails | undefined,
): Omit<WantedCondition, "type"> {
  if (fault !== undefined) return { status: "False", reason: "Unreadable", message: fault };
  const problems = value?.problems ?? [];
  if (problems.length > 0) {
    const message = problems.map((problem) => problem.message).join("; ");
    return { status: "False", reason: "PartlyEnforced", message };
  }
  const missing = known?.missing ?? [];
  if (missing.length === 0) return { status: "True", reason: "Enforced", message: "" };
  const message = `it does nothing for these until they are there: ${missing.join(", ")}`;
  return { status: "True", reason: "Pending", message };
}

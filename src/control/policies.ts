import { invalidInput, type KnownPolicy, type Policy } from "../model/index.ts";
import type { Context } from "./context.ts";
import { PREFIX, policyKey } from "./keys.ts";
import { knownPolicy } from "./known-policy.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion, Versioned } from "./listing.ts";
import { applyPolicies } from "./policy-application.ts";
import type { Policies, PolicyDetails, PolicyOptions } from "./policy-control.ts";
import { encodePolicyRecord, policyJson } from "./policy-record.ts";
import { missingReferences } from "./policy-references.ts";
import { confirmTrial, listTrials } from "./policy-trials.ts";
import { conflict, revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { listObjects } from "./stored.ts";
import { findPolicy, readStoredPolicy } from "./stored-policy.ts";

const NOUN = "policy";

/** The use cases of policies. */
export function createPolicies(context: Context): Policies {
  const { store, catalog } = context;
  return {
    create: (policy, options = {}) => createPolicy(context, policy, options),
    async get(id) {
      const { record, revision } = await readStoredPolicy(context, id);
      return { object: detailsOf(context, record), revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.policy, [PREFIX.policy], page, ({ key, value }) => {
        const id = key.slice(PREFIX.policy.length);
        const known = knownPolicy(id, value, catalog.policies.get(id)?.record);
        return known && detailsOf(context, known);
      }),
    replace: (id, policy, options = {}) => replacePolicy(context, id, policy, options),
    delete: (id, options = {}) => deletePolicy(context, id, options),
    apply: (application) => applyPolicies(context, application),
    trials: () => listTrials(context),
    confirm: (trial) => confirmTrial(context, trial),
  };
}

async function createPolicy(
  context: Context,
  policy: Policy,
  options: PolicyOptions,
): Promise<Created<PolicyDetails>> {
  const { id } = policy;
  const what = `create policy "${id}"`;
  return await untilSettled(what, async () => {
    const found = await findPolicy(context, id);
    if (found !== undefined && found.record.damage === undefined) {
      if (isSame(found.record, policy)) {
        return { object: detailsOf(context, found.record), revision: found.revision, created: false };
      }
      throw conflict("create", NOUN, id, "it is there already, and different", policyJson(found.record));
    }
    refuseMissing(context, what, policy, options);
    const revision = await commit(
      context,
      [unchanged(policyKey(id), found?.revision ?? 0)],
      [put(policyKey(id), encodePolicyRecord(policy))],
    );
    return revision === LOST ? LOST : { object: detailsOf(context, policy), revision, created: true };
  });
}

async function replacePolicy(
  context: Context,
  id: string,
  policy: Policy,
  { expectedRevision, ...options }: PolicyOptions & ChangeOptions,
): Promise<Versioned<PolicyDetails>> {
  const what = `replace policy "${id}"`;
  if (policy.id !== id) {
    throw invalidInput(what, [
      { path: "id", reason: `"${policy.id}" is another one; an ID does not change` },
    ]);
  }
  return await untilSettled(what, async () => {
    const { record, revision } = await readStoredPolicy(context, id);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("replace", NOUN, id, revision);
    }
    if (isSame(record, policy)) return { object: detailsOf(context, record), revision };
    refuseMissing(context, what, policy, options);
    const done = await commit(
      context,
      [unchanged(policyKey(id), revision)],
      [put(policyKey(id), encodePolicyRecord(policy))],
    );
    return done === LOST ? LOST : { object: detailsOf(context, policy), revision: done };
  });
}

async function deletePolicy(
  context: Context,
  id: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  return await untilSettled(`delete policy "${id}"`, async () => {
    const { revision } = await readStoredPolicy(context, id);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("delete", NOUN, id, revision);
    }
    const deletion: Deletion = { dryRun, deleted: [{ noun: NOUN, name: id }], count: 1 };
    if (dryRun) return deletion;
    const done = await commit(context, [unchanged(policyKey(id), revision)], [remove(policyKey(id))]);
    return done === LOST ? LOST : deletion;
  });
}

/** Refuses a policy that names somebody unknown, unless it may wait. @throws RomanaError `invalid-input`. */
export function refuseMissing(
  { catalog }: Context,
  what: string,
  policy: Policy,
  { pending = false }: PolicyOptions,
): void {
  const missing = pending ? [] : missingReferences(catalog, policy);
  if (missing.length > 0) throw invalidInput(what, missing);
}

/** True when the policy is stored, and readable, as it shall be. */
function isSame(stored: KnownPolicy, policy: Policy): boolean {
  return stored.damage === undefined && encodePolicyRecord(stored) === encodePolicyRecord(policy);
}

function detailsOf({ catalog }: Context, policy: KnownPolicy): PolicyDetails {
  const missing = missingReferences(catalog, policy).map(({ reason }) => reason);
  return { policy, missing: [...new Set(missing)] };
}

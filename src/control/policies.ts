import { invalidInput, type Policy } from "../model/index.ts";
import type { Context } from "./context.ts";
import { PREFIX, policyKey } from "./keys.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion, Versioned } from "./listing.ts";
import { applyPolicies } from "./policy-application.ts";
import type { Policies, PolicyDetails, PolicyOptions } from "./policy-control.ts";
import { decodePolicyRecord, encodePolicyRecord, policyJson } from "./policy-record.ts";
import { missingReferences } from "./policy-references.ts";
import { confirmTrial, listTrials } from "./policy-trials.ts";
import { conflict, revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord } from "./stored.ts";

const NOUN = "policy";

/** The use cases of policies. */
export function createPolicies(context: Context): Policies {
  const { store } = context;
  return {
    create: (policy, options = {}) => createPolicy(context, policy, options),
    async get(id) {
      const { record, revision } = await readRecord(store, NOUN, id, policyKey(id), decodePolicyRecord);
      return { object: detailsOf(context, record), revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.policy, [PREFIX.policy], page, ({ value }) => readable(context, value)),
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
    const found = await findRecord(context.store, NOUN, id, policyKey(id), decodePolicyRecord);
    if (found !== undefined) {
      if (encodePolicyRecord(found.record) === encodePolicyRecord(policy)) {
        return { object: detailsOf(context, found.record), revision: found.revision, created: false };
      }
      throw conflict("create", NOUN, id, "it is there already, and different", policyJson(found.record));
    }
    refuseMissing(context, what, policy, options);
    const revision = await commit(
      context,
      [unchanged(policyKey(id), 0)],
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
    const { record, revision } = await readRecord(context.store, NOUN, id, policyKey(id), decodePolicyRecord);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("replace", NOUN, id, revision);
    }
    const text = encodePolicyRecord(policy);
    if (text === encodePolicyRecord(record)) return { object: detailsOf(context, record), revision };
    refuseMissing(context, what, policy, options);
    const done = await commit(context, [unchanged(policyKey(id), revision)], [put(policyKey(id), text)]);
    return done === LOST ? LOST : { object: detailsOf(context, policy), revision: done };
  });
}

async function deletePolicy(
  context: Context,
  id: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  return await untilSettled(`delete policy "${id}"`, async () => {
    const { revision } = await readRecord(context.store, NOUN, id, policyKey(id), decodePolicyRecord);
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

function detailsOf({ catalog }: Context, policy: Policy): PolicyDetails {
  const missing = missingReferences(catalog, policy).map(({ reason }) => reason);
  return { policy, missing: [...new Set(missing)] };
}

function readable(context: Context, value: string): PolicyDetails | undefined {
  try {
    return detailsOf(context, decodePolicyRecord(value));
  } catch {
    return undefined;
  }
}

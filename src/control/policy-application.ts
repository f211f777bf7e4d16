import { type Fault, invalidInput, type KnownPolicy, type Policy } from "../model/index.ts";
import type { Context } from "./context.ts";
import { policyKey, policyTrialKey } from "./keys.ts";
import type { PolicyApplication, PolicyChange, PolicyChanges } from "./policy-control.ts";
import { encodePolicyRecord } from "./policy-record.ts";
import { missingReferences } from "./policy-references.ts";
import { encodeTrialRecord, type TrialRecord, trialOf } from "./policy-trials.ts";
import { commit, LOST, put, unchanged, untilSettled } from "./settle.ts";
import type { StoredRecord } from "./stored.ts";
import { findPolicy } from "./stored-policy.ts";

/** Most policies of one application: all are changed in one transaction. */
export const MAX_APPLIED = 100;

const WHAT = "apply policies";

/**
 * Makes several policies as given, in one transaction. On trial, the transaction also notes what was there before,
 * so that nothing can be changed that could not be taken back.
 */
export async function applyPolicies(
  context: Context,
  application: PolicyApplication,
): Promise<PolicyChanges> {
  const { policies, dryRun = false, confirmWithin } = application;
  refuseFaults(context, application);
  return await untilSettled(WHAT, async () => {
    const revisionBefore = await context.store.revision();
    const found = await Promise.all(policies.map(({ id }) => findPolicy(context, id)));
    if (confirmWithin !== undefined) refuseDamaged(found);
    const changes = policies.map((policy, index) => changeOf(policy, found[index]));
    const changed = changes.filter(({ action }) => action !== "unchanged");
    if (dryRun || changed.length === 0) return { dryRun, changes };
    const trial: TrialRecord | undefined =
      confirmWithin === undefined
        ? undefined
        : {
            // Revisions grow, so no two trials ever have the same ID.
            id: String(revisionBefore),
            deadline: context.now() + confirmWithin,
            before: changed.map(({ id, before }) => ({
              id,
              ...(before !== undefined && { policy: before }),
            })),
          };
    const trialKey = trial && policyTrialKey(trial.id);
    const revision = await commit(
      context,
      [
        ...policies.map(({ id }, index) => unchanged(policyKey(id), found[index]?.revision ?? 0)),
        ...(trialKey === undefined ? [] : [unchanged(trialKey, 0)]),
      ],
      [
        ...changed.map(({ after }) => put(policyKey(after.id), encodePolicyRecord(after))),
        ...(trialKey === undefined || trial === undefined ? [] : [put(trialKey, encodeTrialRecord(trial))]),
      ],
    );
    if (revision === LOST) return LOST;
    return { dryRun, changes, ...(trial !== undefined && { trial: trialOf(trial) }) };
  });
}

function refuseFaults({ catalog }: Context, { policies, pending = false }: PolicyApplication): void {
  const faults: Fault[] = [];
  if (policies.length > MAX_APPLIED) {
    const reason = `${policies.length} are more than ${MAX_APPLIED}, which is what one change can hold`;
    faults.push({ path: "policies", reason });
  }
  for (const [index, policy] of policies.entries()) {
    const path = `policies.${index}`;
    if (policies.findIndex(({ id }) => id === policy.id) !== index) {
      faults.push({ path: `${path}.id`, reason: `"${policy.id}" is there twice` });
    }
    if (pending) continue;
    for (const fault of missingReferences(catalog, policy)) {
      faults.push({ path: `${path}.${fault.path}`, reason: fault.reason });
    }
  }
  if (faults.length > 0) throw invalidInput(WHAT, faults);
}

/** Refuses a trial of what could not be put back. @throws RomanaError `invalid-input`. */
function refuseDamaged(found: readonly (StoredRecord<KnownPolicy> | undefined)[]): void {
  const reason = "what is stored cannot be read, and could not be put back: apply it without a trial";
  const faults = found.flatMap((one, index) =>
    one?.record.damage === undefined ? [] : [{ path: `policies.${index}`, reason }],
  );
  if (faults.length > 0) throw invalidInput(WHAT, faults);
}

function changeOf(after: Policy, found: StoredRecord<KnownPolicy> | undefined): PolicyChange {
  const { id } = after;
  if (found === undefined) return { id, action: "created", after };
  if (found.record.damage !== undefined) return { id, action: "changed", after };
  const isSame = encodePolicyRecord(found.record) === encodePolicyRecord(after);
  return { id, action: isSame ? "unchanged" : "changed", before: found.record, after };
}

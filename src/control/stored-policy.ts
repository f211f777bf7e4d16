import { type KnownPolicy, notFound } from "../model/index.ts";
import type { Context } from "./context.ts";
import { policyKey } from "./keys.ts";
import { knownPolicy } from "./known-policy.ts";
import type { StoredRecord } from "./stored.ts";

/** The policy with this ID, or what is known of it when it cannot be read; undefined when there is none. */
export async function findPolicy(
  { store, catalog }: Pick<Context, "store" | "catalog">,
  id: string,
): Promise<StoredRecord<KnownPolicy> | undefined> {
  const entry = await store.get(policyKey(id));
  const record = entry && knownPolicy(id, entry.value, catalog.policies.get(id)?.record);
  return entry && record && { record, revision: entry.modRevision };
}

/** The same. @throws RomanaError `not-found` when there is none. */
export async function readStoredPolicy(context: Context, id: string): Promise<StoredRecord<KnownPolicy>> {
  const found = await findPolicy(context, id);
  if (found === undefined) throw notFound("policy", id);
  return found;
}

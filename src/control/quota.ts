import { RomanaError, type Tenant } from "../model/index.ts";
import type { Compare, Write } from "../store/index.ts";
import { placesUnder } from "./below.ts";
import type { Context } from "./context.ts";
import { PREFIX, tenantKey, tenantUsageKey } from "./keys.ts";
import { decodeTenantRecord, encodeTenantRecord, type TenantRecord } from "./records.ts";
import { commit, LOST, put, unchanged, untilSettled } from "./settle.ts";
import { entriesBelow, findRecord, type StoredRecord } from "./stored.ts";

/** What a transaction compares and writes besides its own. */
export interface Share {
  readonly compares: readonly Compare[];
  readonly writes: readonly Write[];
}

/** Nothing more to compare or write. */
export const NO_SHARE: Share = { compares: [], writes: [] };

/**
 * What a change of a tenant's number of endpoints adds to its transaction: the tenant is as it was (so that its quota
 * is), and its count goes along when it has a quota. Tenants without one share no key, so nothing makes their
 * allocations wait for each other.
 * @throws RomanaError `quota-exceeded` when more endpoints than the quota would be there.
 */
export function usageShare(
  context: Context,
  tenant: StoredRecord<TenantRecord>,
  change: number,
): Share | Promise<Share> {
  const sameTenant = unchanged(tenantKey(tenant.record.tenant.name), tenant.revision);
  if (tenant.record.tenant.quota === undefined) return { compares: [sameTenant], writes: [] };
  return countedShare(context, tenant.record.tenant, tenant.record.tenant.quota, sameTenant, change);
}

async function countedShare(
  { store }: Context,
  tenant: Tenant,
  quota: number,
  sameTenant: Compare,
  change: number,
): Promise<Share> {
  const key = tenantUsageKey(tenant.name);
  const entry = await store.get(key);
  const used = Number(entry?.value ?? 0);
  if (change > 0 && used + change > quota) throw quotaExceeded(tenant, quota, used);
  return {
    compares: [sameTenant, unchanged(key, entry?.modRevision ?? 0)],
    writes: [put(key, String(Math.max(0, used + change)))],
  };
}

/**
 * Counts the endpoints of a tenant that has got a quota. Meanwhile the tenant's mark keeps everybody from adding or
 * removing any, so that the count is right when the mark goes. Whoever meets the mark may call this: it does not
 * matter who finishes first.
 */
export async function finishCounting(context: Context, name: string): Promise<void> {
  const { store } = context;
  const key = tenantKey(name);
  await untilSettled(`count endpoints of tenant "${name}"`, async () => {
    const found = await findRecord(store, "tenant", name, key, decodeTenantRecord);
    if (found?.record.counting !== true) return undefined;
    let count = 0;
    for (const place of await placesUnder(context, { tenant: name })) {
      for await (const _ of entriesBelow(store, PREFIX.endpoint + place)) count++;
    }
    const { tenant, deleting } = found.record;
    const usageKey = tenantUsageKey(name);
    const usage = await store.get(usageKey);
    const done = await commit(
      context,
      [unchanged(key, found.revision), unchanged(usageKey, usage?.modRevision ?? 0)],
      [put(key, encodeTenantRecord({ tenant, ...(deleting && { deleting }) })), put(usageKey, String(count))],
    );
    return done === LOST ? LOST : undefined;
  });
}

function quotaExceeded(tenant: Tenant, quota: number, used: number): RomanaError {
  return new RomanaError(
    `Cannot allocate endpoint: tenant "${tenant.name}" has used ${used} of its quota of ${quota} endpoints`,
    { code: "quota-exceeded", tenant: tenant.name, quota, used },
  );
}

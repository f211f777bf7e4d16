import { tenantIdFaults, tenantRange } from "../ipam/index.ts";
import { invalidInput, type Tenant } from "../model/index.ts";
import type { Context } from "./context.ts";
import type { TenantPatch, TenantSpec, Tenants } from "./control.ts";
import { deleteObject } from "./deletion.ts";
import { tenantTarget } from "./deletion-targets.ts";
import { NETWORK_GUARD, PREFIX, tenantIdKey, tenantKey, tenantUsageKey } from "./keys.ts";
import { isSameLabels, labelsOf } from "./labels.ts";
import type { ChangeOptions, Created, Versioned } from "./listing.ts";
import { finishCounting } from "./quota.ts";
import { decodeTenantRecord, encodeTenantRecord, tenantJson } from "./records.ts";
import { conflict, exhausted, goingAway, revisionMismatch } from "./refusals.ts";
import { commit, inSteps, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord } from "./stored.ts";

const NOUN = "tenant";

/** The use cases of tenants. */
export function createTenants(context: Context): Tenants {
  const { store } = context;
  return {
    create: (spec) => context.inTurn(PREFIX.tenantId, () => createTenant(context, spec)),
    async get(name) {
      const { record, revision } = await readRecord(store, NOUN, name, tenantKey(name), decodeTenantRecord);
      return { object: record.tenant, revision };
    },
    list: ({ externalId, ...page } = {}) =>
      listObjects(store, PREFIX.tenant, [PREFIX.tenant], page, ({ value }) => {
        const tenant = readable(value);
        return externalId === undefined || tenant?.externalId === externalId ? tenant : undefined;
      }),
    update: (name, patch, options = {}) => updateTenant(context, name, patch, options),
    delete: (name, options = {}) => deleteObject(context, tenantTarget(context, name), options),
  };
}

async function createTenant(context: Context, spec: TenantSpec): Promise<Created<Tenant>> {
  const { store, catalog } = context;
  const { name, isolation = "segment", quota, externalId, labels } = spec;
  const what = `create tenant "${name}"`;
  const key = tenantKey(name);
  return await untilSettled(what, async () => {
    const found = await findRecord(store, NOUN, name, key, decodeTenantRecord);
    if (found !== undefined) {
      const { tenant, deleting } = found.record;
      if (deleting !== undefined) throw goingAway("create", NOUN, NOUN, name);
      if (isAsked(tenant, spec)) return { object: tenant, revision: found.revision, created: false };
      throw conflict("create", NOUN, name, "it is there already, and different", tenantJson(tenant));
    }
    const guard = catalog.guardRevision;
    const tenant: Tenant = {
      name,
      id: spec.id ?? chooseId(context, what),
      isolation,
      ...(quota !== undefined && { quota }),
      ...(externalId !== undefined && { externalId }),
      ...labelsOf(labels),
    };
    const faults = tenantIdFaults(catalog.respectedNetworks(), tenant.id);
    if (faults.length > 0) throw invalidInput(what, faults);
    const idKey = tenantIdKey(tenant.id);
    const owner = catalog.ownerOf(idKey);
    const revision = await commit(
      context,
      [
        unchanged(key, 0),
        unchanged(NETWORK_GUARD, guard),
        unchanged(idKey, owner === undefined ? catalog.revisionOf(idKey) : 0),
      ],
      [
        put(key, encodeTenantRecord({ tenant })),
        put(idKey, name),
        ...(quota === undefined ? [] : [put(tenantUsageKey(name), "0")]),
      ],
    );
    if (revision !== LOST) return { object: tenant, revision, created: true };
    if (spec.id !== undefined) await refuseTakenId(context, tenant);
    return LOST;
  });
}

async function updateTenant(
  context: Context,
  name: string,
  patch: TenantPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Tenant>> {
  const key = tenantKey(name);
  return await untilSettled(`update tenant "${name}"`, async () => {
    const { record, revision } = await readRecord(context.store, NOUN, name, key, decodeTenantRecord);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    if (record.deleting !== undefined) throw goingAway("update", NOUN, NOUN, name);
    if (record.counting === true) {
      await finishCounting(context, name);
      return LOST;
    }
    const tenant = patched(record.tenant, patch);
    if (isAsked(record.tenant, tenant)) return { object: record.tenant, revision };
    const counting = record.tenant.quota === undefined && tenant.quota !== undefined;
    const forgets = record.tenant.quota !== undefined && tenant.quota === undefined;
    const done = await commit(
      context,
      [unchanged(key, revision)],
      [
        put(key, encodeTenantRecord({ tenant, counting })),
        ...(forgets ? [remove(tenantUsageKey(name))] : []),
      ],
    );
    if (done === LOST || !counting) return done === LOST ? LOST : { object: tenant, revision: done };
    await inSteps(context, key, () => finishCounting(context, name));
    const after = await readRecord(context.store, NOUN, name, key, decodeTenantRecord);
    return { object: after.record.tenant, revision: after.revision };
  });
}

function patched({ name, id, ...before }: Tenant, patch: TenantPatch): Tenant {
  const quota = patch.quota === undefined ? before.quota : (patch.quota ?? undefined);
  const externalId = patch.externalId === undefined ? before.externalId : (patch.externalId ?? undefined);
  return {
    name,
    id,
    isolation: patch.isolation ?? before.isolation,
    ...(quota !== undefined && { quota }),
    ...(externalId !== undefined && { externalId }),
    ...labelsOf(patch.labels ?? before.labels),
  };
}

function chooseId({ catalog, now }: Context, what: string): number {
  const range = tenantRange(catalog.respectedNetworks());
  const time = now();
  const id = catalog.tenantIds.lowestFree(range, time);
  if (id !== undefined) return id;
  throw exhausted(what, "no tenant ID is left", "use a plan with more tenant bits", {
    pool: "tenant IDs",
    capacity: Math.max(0, range.last - range.first + 1),
    used: catalog.tenantIds.used,
    coolingDown: catalog.tenantIds.resting(time),
  });
}

async function refuseTakenId({ store, catalog }: Context, { name, id }: Tenant): Promise<void> {
  const owner = catalog.ownerOf(tenantIdKey(id));
  if (owner === undefined || owner === name) return;
  const found = await findRecord(store, NOUN, owner, tenantKey(owner), decodeTenantRecord);
  throw conflict(
    "create",
    NOUN,
    name,
    `tenant "${owner}" has ID ${id}`,
    found && tenantJson(found.record.tenant),
  );
}

/** True when the tenant is what the specification asks for. */
function isAsked(tenant: Tenant, spec: TenantSpec): boolean {
  return (
    (spec.id === undefined || spec.id === tenant.id) &&
    (spec.isolation ?? "segment") === tenant.isolation &&
    spec.quota === tenant.quota &&
    spec.externalId === tenant.externalId &&
    isSameLabels(spec.labels, tenant.labels)
  );
}

function readable(value: string): Tenant | undefined {
  try {
    return decodeTenantRecord(value).tenant;
  } catch {
    return undefined;
  }
}

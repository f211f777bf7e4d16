import { fabricFaults, fabricsFaults, rackFaults } from "../fabric/index.ts";
import { type Fabric, invalidInput, notFound } from "../model/index.ts";
import type { Context } from "./context.ts";
import type { Fabrics } from "./fabric-control.ts";
import { decodeFabricRecord, encodeFabricRecord } from "./fabric-record.ts";
import { FABRIC_GUARD, fabricKey, PREFIX } from "./keys.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion } from "./listing.ts";
import { revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { listObjects, readRecord } from "./stored.ts";

const NOUN = "fabric";

/** The use cases of fabrics. */
export function createFabrics(context: Context): Fabrics {
  const { store } = context;
  return {
    put: (fabric, options = {}) => context.inTurn(FABRIC_GUARD, () => putFabric(context, fabric, options)),
    async get(name) {
      const { record, revision } = await readRecord(store, NOUN, name, fabricKey(name), decodeFabricRecord);
      return { object: record, revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.fabric, [PREFIX.fabric], page, ({ value }) => readable(value)),
    delete: (name, options = {}) => deleteFabric(context, name, options),
  };
}

async function putFabric(
  context: Context,
  fabric: Fabric,
  { expectedRevision }: ChangeOptions,
): Promise<Created<Fabric>> {
  const { name } = fabric;
  const { store, catalog } = context;
  const what = `put ${NOUN} "${name}"`;
  const key = fabricKey(name);
  const value = encodeFabricRecord(fabric);
  return await untilSettled(what, async () => {
    const guard = await store.get(FABRIC_GUARD);
    const found = await store.get(key);
    const revision = found?.modRevision ?? 0;
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      if (found === undefined) throw notFound(NOUN, name);
      throw revisionMismatch("replace", NOUN, name, revision);
    }
    if (found?.value === value) return { object: fabric, revision, created: false };
    const { entries } = await store.list(PREFIX.fabric);
    const others = entries.flatMap((entry) => (entry.key === key ? [] : (readable(entry.value) ?? [])));
    const faults = [
      ...fabricFaults(fabric),
      ...rackFaults(fabric, catalog.visibleNetworks()),
      ...fabricsFaults(fabric, others, new Set(catalog.hosts.keys())),
    ];
    if (faults.length > 0) throw invalidInput(what, faults);
    const done = await commit(
      context,
      [unchanged(key, revision), unchanged(FABRIC_GUARD, guard?.modRevision ?? 0)],
      [put(key, value), put(FABRIC_GUARD, "")],
    );
    return done === LOST ? LOST : { object: fabric, revision: done, created: found === undefined };
  });
}

async function deleteFabric(
  context: Context,
  name: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  const key = fabricKey(name);
  return await untilSettled(`delete ${NOUN} "${name}"`, async () => {
    const entry = await context.store.get(key);
    if (entry === undefined) throw notFound(NOUN, name);
    const { modRevision: revision } = entry;
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("delete", NOUN, name, revision);
    }
    const deletion: Deletion = { dryRun, deleted: [{ noun: NOUN, name }], count: 1 };
    if (dryRun) return deletion;
    const done = await commit(context, [unchanged(key, revision)], [remove(key)]);
    return done === LOST ? LOST : deletion;
  });
}

function readable(value: string): Fabric | undefined {
  try {
    return decodeFabricRecord(value);
  } catch {
    return undefined;
  }
}

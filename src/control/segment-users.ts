import type { Workload } from "../model/index.ts";
import type { Entry } from "../store/index.ts";
import type { Context } from "./context.ts";
import { PREFIX, workloadKey } from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import { decodeExceptionRecord } from "./policy-record.ts";
import { decodeEndpointRecord, decodeWorkloadRecord } from "./records.ts";
import { remove } from "./settle.ts";
import { entriesBelow } from "./stored.ts";
import { deletedEndpoint, sweepSpots } from "./sweep.ts";

/** A segment or, without a segment, a whole tenant. */
export interface Named {
  readonly tenant: string;
  readonly segment?: string;
}

/** Keys that are deleted in one transaction. */
const SWEEP_KEYS = 100;

/** The workloads that name it, as a delete names them. */
export async function* workloadsNaming(
  context: Context,
  named: Named,
): AsyncGenerator<DeletedObject, void, void> {
  const name = `"${named.segment ?? named.tenant}"`;
  for await (const { value } of entriesBelow(context.store, PREFIX.workload)) {
    // Names need no escapes: most of very many are left out without being decoded.
    if (!value.includes(name)) continue;
    const workload = readable(value);
    if (workload !== undefined && isNaming(workload, named)) yield { noun: "workload", name: workload.id };
  }
}

/** Deletes the workloads that name it. What they name must be marked, so that no new ones come. */
export async function sweepWorkloads(
  context: Context,
  named: Named,
  note: (object: DeletedObject) => void,
): Promise<void> {
  let batch: DeletedObject[] = [];
  const flush = async (): Promise<void> => {
    const keys = batch.map(({ name }) => workloadKey(name));
    await context.feed.transact([], keys.map(remove));
    for (const workload of batch) note(workload);
    batch = [];
  };
  for await (const workload of workloadsNaming(context, named)) {
    batch.push(workload);
    if (batch.length === SWEEP_KEYS) await flush();
  }
  if (batch.length > 0) await flush();
}

/** The endpoints of other segments that act as it, as a delete names them. */
export async function* endpointsActingAs(
  context: Context,
  named: Required<Named>,
): AsyncGenerator<DeletedObject, void, void> {
  for await (const entry of actingEntries(context, named)) yield deletedEndpoint(entry);
}

/** Releases the endpoints of other segments that act as it, which must be marked, so that no new ones come. */
export async function sweepActing(
  context: Context,
  named: Required<Named>,
  note: (object: DeletedObject) => void,
): Promise<void> {
  const spots: string[] = [];
  for await (const { key } of actingEntries(context, named)) spots.push(key.slice(PREFIX.endpoint.length));
  await sweepSpots(context, spots, note);
}

async function* actingEntries(
  { store }: Context,
  { tenant, segment }: Required<Named>,
): AsyncGenerator<Entry, void, void> {
  for await (const { key, value } of entriesBelow(store, PREFIX.exception)) {
    const exception = attempt(() => decodeExceptionRecord(value));
    if (exception?.tenant !== tenant || exception.segment !== segment) continue;
    const entry = await store.get(PREFIX.endpoint + key.slice(PREFIX.exception.length));
    if (entry === undefined) continue;
    if (attempt(() => decodeEndpointRecord(entry.value))?.actsAs === segment) yield entry;
  }
}

function isNaming({ tenant, segment, actsAs }: Workload, named: Named): boolean {
  if (tenant !== named.tenant) return false;
  return named.segment === undefined || segment === named.segment || actsAs === named.segment;
}

function readable(value: string): Workload | undefined {
  return attempt(() => decodeWorkloadRecord(value));
}

function attempt<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}

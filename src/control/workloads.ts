import { type Exception, hasCode, notFound, type Workload } from "../model/index.ts";
import type { Compare, Write } from "../store/index.ts";
import type { Context } from "./context.ts";
import type { Workloads } from "./control.ts";
import { exceptionOf } from "./exceptions.ts";
import {
  exceptionKey,
  PREFIX,
  readSpot,
  type Spot,
  segmentKey,
  tenantKey,
  workloadEndpointsKey,
  workloadKey,
} from "./keys.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion } from "./listing.ts";
import { livingSegment, livingTenant } from "./living.ts";
import { encodeExceptionRecord } from "./policy-record.ts";
import type { Share } from "./quota.ts";
import {
  decodeEndpointRecord,
  decodeWorkloadRecord,
  type EndpointRecord,
  encodeEndpointRecord,
  encodeWorkloadRecord,
} from "./records.ts";
import { conflict, revisionMismatch } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { listObjects, readRecord } from "./stored.ts";
import { readWorkloadEndpoints } from "./workload-endpoints.ts";

const NOUN = "workload";

/** The use cases of workloads. */
export function createWorkloads(context: Context): Workloads {
  const { store } = context;
  return {
    put: (workload, options = {}) => putWorkload(context, workload, options),
    async get(id) {
      const { record, revision } = await readRecord(store, NOUN, id, workloadKey(id), decodeWorkloadRecord);
      return { object: record, revision };
    },
    list: ({ tenant, ...page } = {}) =>
      listObjects(store, PREFIX.workload, [PREFIX.workload], page, ({ value }) => {
        const workload = readable(value);
        return tenant === undefined || workload?.tenant === tenant ? workload : undefined;
      }),
    delete: (id, options = {}) => deleteWorkload(context, id, options),
  };
}

async function putWorkload(
  context: Context,
  asked: Workload,
  { expectedRevision }: ChangeOptions,
): Promise<Created<Workload>> {
  const workload = plain(asked);
  const { id } = workload;
  const key = workloadKey(id);
  const value = encodeWorkloadRecord(workload);
  return await untilSettled(`write workload "${id}"`, async () => {
    const [before, endpoints] = await Promise.all([
      context.store.get(key),
      readWorkloadEndpoints(context, id),
    ]);
    const revision = before?.modRevision ?? 0;
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("write", NOUN, id, revision);
    }
    const named = await segmentsOf(context, workload);
    const alignment = await alignEndpoints(context, workload, endpoints.spots);
    const isSame = before?.value === value;
    if (isSame && alignment.writes.length === 0) return { object: workload, revision, created: false };
    const done = await commit(
      context,
      [
        unchanged(key, revision),
        unchanged(workloadEndpointsKey(id), endpoints.revision),
        ...named,
        ...alignment.compares,
      ],
      [...(isSame ? [] : [put(key, value)]), ...alignment.writes],
    );
    if (done === LOST) return LOST;
    return { object: workload, revision: isSame ? revision : done, created: before === undefined };
  });
}

/** Compares for the tenant and the segments that a workload names. @throws RomanaError `not-found`, `aborted`. */
async function segmentsOf(context: Context, { tenant, segment, actsAs }: Workload): Promise<Compare[]> {
  const owner = await livingTenant(context, "write workload of", tenant);
  const names = actsAs === undefined ? [segment] : [segment, actsAs];
  const compares = [unchanged(tenantKey(tenant), owner.revision)];
  for (const name of names) {
    const { revision } = await livingSegment(context, "write workload of", tenant, name);
    compares.push(unchanged(segmentKey(tenant, name), revision));
  }
  return compares;
}

/** What makes the endpoints at these spots act as the workload says; those that do already are left alone. */
async function alignEndpoints(
  context: Context,
  workload: Workload,
  spots: readonly string[],
): Promise<Share> {
  const compares: Compare[] = [];
  const writes: Write[] = [];
  for (const text of spots) {
    const key = PREFIX.endpoint + text;
    const entry = await context.store.get(key);
    const spot = readSpot(text);
    const record = entry && endpointIn(entry.value);
    if (entry === undefined || spot === undefined || record?.workload !== workload.id) continue;
    if (spot.tenant !== workload.tenant) {
      const reason = `it has an endpoint of tenant "${spot.tenant}", not of "${workload.tenant}"`;
      throw conflict("write", NOUN, workload.id, reason);
    }
    const { actsAs: before, ...rest } = record;
    const wanted = workload.actsAs ?? workload.segment;
    const actsAs = wanted === record.segment ? undefined : wanted;
    if (actsAs === before) continue;
    const exception = actsAs === undefined ? undefined : knownException(context, spot, actsAs);
    if (actsAs !== undefined && exception === undefined) continue;
    compares.push(unchanged(key, entry.modRevision));
    writes.push(
      put(key, encodeEndpointRecord({ ...rest, ...(actsAs !== undefined && { actsAs }) })),
      exception === undefined
        ? remove(exceptionKey(text))
        : put(exceptionKey(text), encodeExceptionRecord(exception)),
    );
  }
  return { compares, writes };
}

async function deleteWorkload(
  context: Context,
  id: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  const key = workloadKey(id);
  return await untilSettled(`delete workload "${id}"`, async () => {
    const entry = await context.store.get(key);
    if (entry === undefined) throw notFound(NOUN, id);
    if (expectedRevision !== undefined && expectedRevision !== entry.modRevision) {
      throw revisionMismatch("delete", NOUN, id, entry.modRevision);
    }
    const deletion: Deletion = { dryRun, deleted: [{ noun: NOUN, name: id }], count: 1 };
    if (dryRun) return deletion;
    const done = await commit(context, [unchanged(key, entry.modRevision)], [remove(key)]);
    return done === LOST ? LOST : deletion;
  });
}

/** Whoever acts as the segment that it is born in says nothing new by it. */
function plain({ actsAs, ...workload }: Workload): Workload {
  return actsAs === undefined || actsAs === workload.segment ? workload : { ...workload, actsAs };
}

/** The exception of an endpoint; undefined when its host or network is gone, which a check tells of. */
function knownException(context: Context, spot: Spot, actsAs: string): Exception | undefined {
  try {
    return exceptionOf(context, spot, actsAs);
  } catch (error) {
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
}

function endpointIn(value: string): EndpointRecord | undefined {
  try {
    return decodeEndpointRecord(value);
  } catch {
    return undefined;
  }
}

function readable(value: string): Workload | undefined {
  try {
    return decodeWorkloadRecord(value);
  } catch {
    return undefined;
  }
}

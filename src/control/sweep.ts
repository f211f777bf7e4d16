import { formatAddress } from "../net/index.ts";
import type { Compare, Entry, Write } from "../store/index.ts";
import { type Below, placesUnder } from "./below.ts";
import type { Context } from "./context.ts";
import { exceptionKey, PREFIX, readSpot, relocationKey, tenantKey } from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import { finishCounting, usageShare } from "./quota.ts";
import { decodeEndpointRecord, decodeTenantRecord } from "./records.ts";
import { commit, LOST, remove, unchanged, untilSettled } from "./settle.ts";
import { entriesBelow, findRecord } from "./stored.ts";
import { leaveWorkload } from "./workload-endpoints.ts";

/** Endpoints that are deleted in one transaction: with their index keys and counts they stay below its limit. */
const SWEEP = 20;
/** Keys that are deleted in one transaction. */
const SWEEP_KEYS = 100;

/** The endpoints below, as a delete names them. */
export async function* endpointsUnder(
  context: Context,
  below: Below,
): AsyncGenerator<DeletedObject, void, void> {
  for (const place of await placesUnder(context, below)) {
    for await (const entry of entriesBelow(context.store, PREFIX.endpoint + place))
      yield deletedEndpoint(entry);
  }
}

/** True when an endpoint is below, or an ID that has been used so lately that it still rests. */
export async function isUsedLately(context: Context, below: Below): Promise<boolean> {
  for (const place of await placesUnder(context, below)) {
    const page = await context.store.list(PREFIX.endpoint + place, { limit: 1 });
    if (page.entries.length > 0) return true;
    for await (const { value } of entriesBelow(context.store, PREFIX.cooling + place)) {
      if (Number(value) > context.now()) return true;
    }
  }
  return false;
}

/**
 * Deletes all endpoints below with their index keys, and the rests. What they are below must be marked, so that no
 * new ones come; a sweep that is cut short goes on where it was when it is started again.
 */
export async function sweepEndpoints(
  context: Context,
  below: Below,
  note: (object: DeletedObject) => void,
): Promise<void> {
  for (const place of await placesUnder(context, below)) {
    const start = PREFIX.endpoint + place;
    await untilSettled("delete endpoints", async () => {
      for (;;) {
        const { entries, more } = await context.store.list(start, { limit: SWEEP });
        if (entries.length > 0 && (await deleteEndpoints(context, entries)) === LOST) return LOST;
        for (const entry of entries) note(deletedEndpoint(entry));
        if (!more) return undefined;
      }
    });
    await sweepKeys(context, PREFIX.cooling + place);
  }
}

/** Deletes the endpoints at these spots with their index keys; those that are gone already are left out. */
export async function sweepSpots(
  context: Context,
  spots: readonly string[],
  note: (object: DeletedObject) => void,
): Promise<void> {
  for (let start = 0; start < spots.length; start += SWEEP) {
    const keys = spots.slice(start, start + SWEEP).map((spot) => PREFIX.endpoint + spot);
    const gone = await untilSettled("delete endpoints", async () => {
      const found = await Promise.all(keys.map((key) => context.store.get(key)));
      const entries = found.filter((entry) => entry !== undefined);
      if (entries.length > 0 && (await deleteEndpoints(context, entries)) === LOST) return LOST;
      return entries;
    });
    for (const entry of gone) note(deletedEndpoint(entry));
  }
}

/** Deletes all keys below a prefix, whatever they are. */
export async function sweepKeys(context: Context, prefix: string): Promise<void> {
  for (;;) {
    const { entries, more } = await context.store.list(prefix, { limit: SWEEP_KEYS });
    if (entries.length > 0)
      await context.feed.transact(
        [],
        entries.map(({ key }) => remove(key)),
      );
    if (!more) return;
  }
}

async function deleteEndpoints(context: Context, entries: readonly Entry[]): Promise<number | typeof LOST> {
  const compares: Compare[] = entries.map(({ key, modRevision }) => unchanged(key, modRevision));
  const writes: Write[] = [];
  const byTenant = new Map<string, number>();
  for (const { key, value } of entries) {
    writes.push(remove(key), ...indexKeysOf(key, value).map(remove));
    const tenant = readSpot(key.slice(PREFIX.endpoint.length))?.tenant;
    if (tenant !== undefined) byTenant.set(tenant, (byTenant.get(tenant) ?? 0) + 1);
  }
  for (const [workload, spots] of workloadsOf(entries)) {
    const left = await leaveWorkload(context, workload, spots);
    compares.push(...left.compares);
    writes.push(...left.writes);
  }
  for (const [name, count] of byTenant) {
    const found = await findRecord(context.store, "tenant", name, tenantKey(name), decodeTenantRecord);
    if (found === undefined) continue;
    if (found.record.counting === true) {
      await finishCounting(context, name);
      return LOST;
    }
    const share = await usageShare(context, found, -count);
    compares.push(...share.compares);
    writes.push(...share.writes);
  }
  return await commit(context, compares, writes);
}

/** Spots of these endpoints by the workload that they were allocated for. */
function workloadsOf(entries: readonly Entry[]): Map<string, Set<string>> {
  const spots = new Map<string, Set<string>>();
  for (const { key, value } of entries) {
    const workload = workloadIn(value);
    if (workload === undefined) continue;
    const known = spots.get(workload) ?? new Set();
    spots.set(workload, known.add(key.slice(PREFIX.endpoint.length)));
  }
  return spots;
}

function workloadIn(value: string): string | undefined {
  try {
    return decodeEndpointRecord(value).workload;
  } catch {
    return undefined;
  }
}

/** The index keys that belong to an endpoint with this value; none when it is damaged, which the check finds. */
function indexKeysOf(key: string, value: string): string[] {
  try {
    const { name, requestToken, actsAs, locatedOn } = decodeEndpointRecord(value);
    return [
      ...(actsAs === undefined ? [] : [exceptionKey(key.slice(PREFIX.endpoint.length))]),
      ...(locatedOn === undefined ? [] : [relocationKey(key.slice(PREFIX.endpoint.length))]),
      ...(name === undefined ? [] : [PREFIX.endpointName + name]),
      ...(requestToken === undefined ? [] : [PREFIX.endpointToken + requestToken]),
    ];
  } catch {
    return [];
  }
}

/** An endpoint as a delete names it: by its name, by its first address, or, damaged, by its key. */
export function deletedEndpoint({ key, value }: Entry): DeletedObject {
  try {
    const { name, addresses } = decodeEndpointRecord(value);
    const address = addresses.ipv4 ?? addresses.ipv6;
    return { noun: "endpoint", name: name ?? (address === undefined ? key : formatAddress(address)) };
  } catch {
    return { noun: "endpoint", name: key };
  }
}

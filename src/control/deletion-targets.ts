import type { Context } from "./context.ts";
import type { Target } from "./deletion.ts";
import {
  hostAddressKey,
  hostIdKey,
  hostKey,
  networkKey,
  PREFIX,
  segmentCodeKey,
  segmentCodePrefix,
  segmentGuardKey,
  segmentKey,
  tenantIdKey,
  tenantKey,
  tenantUsageKey,
} from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import {
  decodeHostRecord,
  decodeNetworkRecord,
  decodeSegmentRecord,
  decodeTenantRecord,
  encodeHostRecord,
  encodeNetworkRecord,
  encodeSegmentRecord,
  encodeTenantRecord,
  type HostRecord,
  type NetworkRecord,
  type SegmentRecord,
  type TenantRecord,
} from "./records.ts";
import { endpointsLocatedOn, sweepLocated } from "./relocations.ts";
import { freed } from "./rest.ts";
import { endpointsActingAs, sweepActing, sweepWorkloads, workloadsNaming } from "./segment-users.ts";
import { commit, LOST, remove, unchanged, untilSettled } from "./settle.ts";
import { steeringUsers, sweepSteering } from "./steering-users.ts";
import { allRecords, findRecord } from "./stored.ts";
import { endpointsUnder, isUsedLately, sweepEndpoints, sweepKeys } from "./sweep.ts";

/** A network with its services and endpoints. */
export function networkTarget(context: Context, name: string): Target<NetworkRecord> {
  const below = { network: name };
  return {
    noun: "network",
    name,
    key: networkKey(name),
    decode: decodeNetworkRecord,
    encode: encodeNetworkRecord,
    isVisible: ({ adding }) => adding !== true,
    async *users() {
      yield* steeringUsers(context, below);
      yield* endpointsUnder(context, below);
    },
    // It has no ID that somebody else could get.
    isUsed: async () => false,
    async empty(_, note) {
      await sweepSteering(context, below, note);
      await sweepEndpoints(context, below, note);
    },
    last: () => [],
  };
}

/** A host with its endpoints, those that are on it, addresses and status. */
export function hostTarget(context: Context, name: string): Target<HostRecord> {
  const below = { host: name };
  return {
    noun: "host",
    name,
    key: hostKey(name),
    decode: decodeHostRecord,
    encode: encodeHostRecord,
    isVisible: () => true,
    async *users() {
      yield* endpointsUnder(context, below);
      yield* endpointsLocatedOn(context, name);
    },
    isUsed: () => isUsedLately(context, below),
    async empty(_, note) {
      await sweepEndpoints(context, below, note);
      await sweepLocated(context, name, note);
    },
    last: ({ host: { id, group, underlay } }, until) => [
      freed(hostIdKey(group, id), until),
      ...[underlay.ipv4, underlay.ipv6]
        .filter((address) => address !== undefined)
        .map((address) => remove(hostAddressKey(address))),
      remove(PREFIX.status + name),
      remove(PREFIX.statusRoutes + name),
    ],
  };
}

/** A tenant with its segments, their services, endpoints and workloads. */
export function tenantTarget(context: Context, name: string): Target<TenantRecord> {
  const below = { tenant: name };
  return {
    noun: "tenant",
    name,
    key: tenantKey(name),
    decode: decodeTenantRecord,
    encode: encodeTenantRecord,
    isVisible: () => true,
    async *users() {
      yield* steeringUsers(context, below);
      yield* endpointsUnder(context, below);
      yield* workloadsNaming(context, below);
      for (const segment of await segmentsOf(context, name)) {
        yield { noun: "segment", name: `${name}/${segment}` };
      }
    },
    isUsed: () => isUsedLately(context, below),
    empty: (_, note) => emptyTenant(context, name, note),
    last: ({ tenant: { id } }, until) => [
      freed(tenantIdKey(id), until),
      remove(tenantUsageKey(name)),
      remove(segmentGuardKey(name)),
    ],
  };
}

/** A segment with its services, endpoints and codes, the endpoints that act as it, and the workloads that name it. */
export function segmentTarget(context: Context, tenant: string, name: string): Target<SegmentRecord> {
  const below = ({ segment: { codes } }: SegmentRecord) => ({ tenant, codes });
  const named = { tenant, segment: name };
  return {
    noun: "segment",
    name: `${tenant}/${name}`,
    key: segmentKey(tenant, name),
    decode: decodeSegmentRecord,
    encode: encodeSegmentRecord,
    isVisible: () => true,
    async *users(record) {
      yield* steeringUsers(context, named);
      yield* endpointsUnder(context, below(record));
      yield* endpointsActingAs(context, named);
      yield* workloadsNaming(context, named);
    },
    isUsed: (record) => isUsedLately(context, below(record)),
    async empty(record, note) {
      await sweepSteering(context, named, note);
      await sweepEndpoints(context, below(record), note);
      await sweepActing(context, named, note);
      await sweepWorkloads(context, named, note);
    },
    last: ({ segment: { codes } }, until) => codes.map((code) => freed(segmentCodeKey(tenant, code), until)),
  };
}

/** A marked tenant gets neither segments nor endpoints, so that one sweep takes the endpoints of all segments. */
async function emptyTenant(
  context: Context,
  tenant: string,
  note: (object: DeletedObject) => void,
): Promise<void> {
  await sweepSteering(context, { tenant }, note);
  await sweepEndpoints(context, { tenant }, note);
  await sweepWorkloads(context, { tenant }, note);
  for (const segment of await segmentsOf(context, tenant)) {
    await removeSegment(context, tenant, segment);
    note({ noun: "segment", name: `${tenant}/${segment}` });
  }
  // Codes that rest; with the tenant's ID resting, they need not.
  await sweepKeys(context, segmentCodePrefix(tenant));
}

async function segmentsOf({ store }: Context, tenant: string): Promise<string[]> {
  const records = await allRecords(store, segmentKey(tenant), decodeSegmentRecord);
  return records.map(({ record }) => record.segment.name);
}

async function removeSegment(context: Context, tenant: string, name: string): Promise<void> {
  const key = segmentKey(tenant, name);
  await untilSettled(`delete segment "${tenant}/${name}"`, async () => {
    const found = await findRecord(context.store, "segment", `${tenant}/${name}`, key, decodeSegmentRecord);
    if (found === undefined) return undefined;
    const claims = found.record.segment.codes.map((code) => remove(segmentCodeKey(tenant, code)));
    const done = await commit(context, [unchanged(key, found.revision)], [remove(key), ...claims]);
    return done === LOST ? LOST : undefined;
  });
}

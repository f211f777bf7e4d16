import { type Endpoint, invalidInput, notFound } from "../model/index.ts";
import { isAddress, parseAddress } from "../net/index.ts";
import type { Entry } from "../store/index.ts";
import { allocate } from "./allocation.ts";
import { placesUnder } from "./below.ts";
import { type Context, restUntil } from "./context.ts";
import type { EndpointFilter, EndpointPatch, Endpoints } from "./control.ts";
import { endpointOf, joinEndpoint, locate } from "./directory.ts";
import { exceptionOf } from "./exceptions.ts";
import {
  exceptionKey,
  PREFIX,
  placeText,
  readSpot,
  relocationKey,
  type Spot,
  segmentKey,
  spotText,
  tenantKey,
} from "./keys.ts";
import type { ChangeOptions, DeleteOptions, Deletion, ItemPage, PageRequest, Versioned } from "./listing.ts";
import { livingSegment } from "./living.ts";
import { isSamePlug, plugOf } from "./plug.ts";
import { encodeExceptionRecord } from "./policy-record.ts";
import { finishCounting, NO_SHARE, type Share, usageShare } from "./quota.ts";
import {
  decodeEndpointRecord,
  decodeSegmentRecord,
  decodeTenantRecord,
  type EndpointRecord,
  encodeEndpointRecord,
} from "./records.ts";
import { damaged, revisionMismatch } from "./refusals.ts";
import { relocationShare } from "./relocations.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord } from "./stored.ts";
import { deletedEndpoint } from "./sweep.ts";
import { leaveWorkload } from "./workload-endpoints.ts";

const NOUN = "endpoint";

/** The use cases of endpoints. */
export function createEndpoints(context: Context): Endpoints {
  return {
    allocate: (request) => allocate(context, request),
    async get(ref) {
      const { spot, record, entry } = await find(context, ref);
      return { object: joinEndpoint(spot, record), revision: entry.modRevision };
    },
    list: (options = {}) => listEndpoints(context, options),
    update: (ref, patch, options = {}) => {
      const run = (): Promise<Versioned<Endpoint>> => updateEndpoint(context, ref, patch, options);
      // One after the other, so that each counts the one before.
      return patch.locatedOn === undefined ? run() : context.inTurn("relocations", run);
    },
    release: (ref, options = {}) => releaseEndpoint(context, ref, options),
  };
}

interface Found {
  readonly spot: Spot;
  readonly spotText: string;
  readonly record: EndpointRecord;
  readonly entry: Entry;
}

/** The endpoint that a name or an address stands for. @throws RomanaError `not-found`, `internal` when damaged. */
async function find({ store, catalog }: Context, ref: string): Promise<Found> {
  const text = await spotOf({ store, catalog }, ref);
  const entry = text === undefined ? undefined : await store.get(PREFIX.endpoint + text);
  if (text === undefined || entry === undefined) throw notFound(NOUN, ref);
  const spot = readSpot(text);
  try {
    if (spot !== undefined) return { spot, spotText: text, record: decodeEndpointRecord(entry.value), entry };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw damaged(NOUN, ref);
}

async function spotOf(
  { store, catalog }: Pick<Context, "store" | "catalog">,
  ref: string,
): Promise<string | undefined> {
  if (!isAddress(ref)) return (await store.get(PREFIX.endpointName + ref))?.value;
  const located = locate(catalog, parseAddress(ref));
  return located && spotText(placeText(located), located.endpointId);
}

async function listEndpoints(
  context: Context,
  { network, host, tenant, segment, relocated = false, ...page }: PageRequest & EndpointFilter,
): Promise<ItemPage<Endpoint>> {
  const pick = ({ key, value }: Entry): Endpoint | undefined =>
    endpointOf(key.slice(PREFIX.endpoint.length), value);
  if (relocated) return await listRelocated(context, { network, host, tenant, segment }, page);
  if (network === undefined && host === undefined && tenant === undefined && segment === undefined) {
    return await listObjects(context.store, PREFIX.endpoint, [PREFIX.endpoint], page, pick);
  }
  const codes = await codesOf(context, tenant, segment);
  const places = await placesUnder(context, {
    ...(network !== undefined && { network }),
    ...(host !== undefined && { host }),
    ...(tenant !== undefined && { tenant }),
    ...(codes !== undefined && { codes }),
  });
  return await listObjects(
    context.store,
    PREFIX.endpoint,
    places.map((place) => PREFIX.endpoint + place),
    page,
    pick,
  );
}

/** They are few, so that the filters look at each of them. */
async function listRelocated(
  { store, catalog }: Context,
  filter: { readonly [K in "network" | "host" | "tenant" | "segment"]: string | undefined },
  page: PageRequest,
): Promise<ItemPage<Endpoint>> {
  const fields = ["network", "host", "tenant", "segment"] as const;
  const keys = [...catalog.relocations.keys()].sort().map((spot) => PREFIX.endpoint + spot);
  return await listObjects(store, PREFIX.endpoint, keys, page, ({ key, value }) => {
    const endpoint = endpointOf(key.slice(PREFIX.endpoint.length), value);
    const isWanted = (field: (typeof fields)[number]): boolean =>
      filter[field] === undefined || filter[field] === endpoint?.[field];
    return endpoint?.locatedOn !== undefined && fields.every(isWanted) ? endpoint : undefined;
  });
}

async function codesOf({ store }: Context, tenant: string | undefined, segment: string | undefined) {
  if (segment === undefined) return undefined;
  if (tenant === undefined) {
    throw invalidInput("list endpoints", [{ path: "segment", reason: "wants the tenant, too" }]);
  }
  const title = `${tenant}/${segment}`;
  const { record } = await readRecord(
    store,
    "segment",
    title,
    segmentKey(tenant, segment),
    decodeSegmentRecord,
  );
  return record.segment.codes;
}

async function updateEndpoint(
  context: Context,
  ref: string,
  patch: EndpointPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Endpoint>> {
  return await untilSettled(`update endpoint "${ref}"`, async () => {
    const { spot, spotText: text, record, entry } = await find(context, ref);
    if (expectedRevision !== undefined && expectedRevision !== entry.modRevision) {
      throw revisionMismatch("update", NOUN, ref, entry.modRevision);
    }
    const {
      externalId: ownId,
      actsAs: actsBefore,
      locatedOn: placeBefore,
      instance: _instance,
      tap: _tap,
      ...rest
    } = record;
    const idBefore = ownId ?? record.workload;
    const externalId = patch.externalId === undefined ? idBefore : (patch.externalId ?? undefined);
    if (record.workload !== undefined && externalId !== record.workload) {
      const reason = `it was allocated for workload "${record.workload}" and keeps its ID`;
      throw invalidInput(`update endpoint "${ref}"`, [{ path: "externalId", reason }]);
    }
    const asked = patch.actsAs === undefined ? actsBefore : (patch.actsAs ?? undefined);
    // Whoever acts as its own segment needs no exception.
    const actsAs = asked === record.segment ? undefined : asked;
    const place = patch.locatedOn === undefined ? placeBefore : (patch.locatedOn ?? undefined);
    const locatedOn = place === spot.host ? undefined : place;
    const plug = plugOf(record, patch);
    const next = {
      ...rest,
      ...plug,
      ...(record.workload === undefined && externalId !== undefined && { externalId }),
      ...(actsAs !== undefined && { actsAs }),
      ...(locatedOn !== undefined && { locatedOn }),
    };
    if (
      isSamePlug(plug, record) &&
      externalId === idBefore &&
      actsAs === actsBefore &&
      locatedOn === placeBefore
    )
      return { object: joinEndpoint(spot, record), revision: entry.modRevision };
    const exception = actsAs === actsBefore ? NO_SHARE : await exceptionShare(context, text, spot, actsAs);
    const relocation = locatedOn === placeBefore ? NO_SHARE : relocationShare(context, text, spot, locatedOn);
    const revision = await commit(
      context,
      [unchanged(entry.key, entry.modRevision), ...exception.compares, ...relocation.compares],
      [put(entry.key, encodeEndpointRecord(next)), ...exception.writes, ...relocation.writes],
    );
    return revision === LOST ? LOST : { object: joinEndpoint(spot, next), revision };
  });
}

async function exceptionShare(
  context: Context,
  text: string,
  spot: Spot,
  actsAs: string | undefined,
): Promise<Share> {
  const key = exceptionKey(text);
  if (actsAs === undefined) return { compares: [], writes: [remove(key)] };
  const { revision } = await livingSegment(context, "let an endpoint act as", spot.tenant, actsAs);
  return {
    compares: [unchanged(segmentKey(spot.tenant, actsAs), revision)],
    writes: [put(key, encodeExceptionRecord(exceptionOf(context, spot, actsAs)))],
  };
}

async function releaseEndpoint(
  context: Context,
  ref: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  return await untilSettled(`release endpoint "${ref}"`, async () => {
    const found = await find(context, ref);
    const { entry, spot } = found;
    if (expectedRevision !== undefined && expectedRevision !== entry.modRevision) {
      throw revisionMismatch("release", NOUN, ref, entry.modRevision);
    }
    const deletion = { dryRun, deleted: [deletedEndpoint(entry)], count: 1 };
    if (dryRun) return deletion;
    const hasQuota = context.catalog.tenants.get(spot.tenant)?.record.tenant.quota !== undefined;
    const run = (): Promise<number | typeof LOST> => commitRelease(context, found);
    const done = hasQuota ? await context.inTurn(`quota/${spot.tenant}`, run) : await run();
    return done === LOST ? LOST : deletion;
  });
}

/** In one transaction: the endpoint and its index keys go (its workload's, too), its ID starts to rest, the tenant's count goes down. */
async function commitRelease(
  context: Context,
  { entry, spot, spotText: text, record }: Found,
): Promise<number | typeof LOST> {
  const tenant =
    context.catalog.tenants.get(spot.tenant) ??
    (await findRecord(context.store, "tenant", spot.tenant, tenantKey(spot.tenant), decodeTenantRecord));
  if (tenant?.record.counting === true) {
    await finishCounting(context, spot.tenant);
    return LOST;
  }
  // An endpoint whose tenant is gone has no count to keep right.
  const share = tenant === undefined ? { compares: [], writes: [] } : await usageShare(context, tenant, -1);
  const left =
    record.workload === undefined ? NO_SHARE : await leaveWorkload(context, record.workload, new Set([text]));
  const until = restUntil(context);
  return await commit(
    context,
    [unchanged(entry.key, entry.modRevision), ...left.compares, ...share.compares],
    [
      remove(entry.key),
      ...(record.name === undefined ? [] : [remove(PREFIX.endpointName + record.name)]),
      ...(record.requestToken === undefined ? [] : [remove(PREFIX.endpointToken + record.requestToken)]),
      ...(record.actsAs === undefined ? [] : [remove(exceptionKey(text))]),
      ...(record.locatedOn === undefined ? [] : [remove(relocationKey(text))]),
      ...(until === undefined ? [] : [put(PREFIX.cooling + text, String(until))]),
      ...left.writes,
      ...share.writes,
    ],
  );
}

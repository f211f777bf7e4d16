import { formatSegmentCode, hostPosition } from "../addressing/index.ts";
import { endpointRange } from "../ipam/index.ts";
import { type Endpoint, hasCode, type RomanaError, type SegmentCode } from "../model/index.ts";
import { type Choice, choose } from "./choice.ts";
import { claimCodes, MAX_CODES, nextCode } from "./codes.ts";
import type { Context } from "./context.ts";
import type { AllocationRequest } from "./control.ts";
import { addressesOf, endpointOf, joinEndpoint } from "./directory.ts";
import { findExisting } from "./existing.ts";
import { hostKey, networkKey, PREFIX, placeText, segmentKey, spotText } from "./keys.ts";
import type { Created } from "./listing.ts";
import { type Birth, bornAs } from "./owned-request.ts";
import { plugOf } from "./plug.ts";
import { finishCounting, NO_SHARE, type Share, usageShare } from "./quota.ts";
import { encodeEndpointRecord, encodeSegmentRecord, endpointJson } from "./records.ts";
import { conflict, exhausted } from "./refusals.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findWanted, type Wanted } from "./wanted.ts";

const WHAT = "allocate endpoint";

/**
 * Allocates an endpoint. Nothing is locked: the endpoint's own key is created if it is absent, and the revisions of
 * what it belongs to are compared, not written. Calls of this process do not meet, because each holds its ID while
 * its commit is in flight; calls of others are found out by the commit, and the next ID is tried.
 */
export async function allocate(context: Context, request: AllocationRequest): Promise<Created<Endpoint>> {
  try {
    return await untilSettled(WHAT, () => attempt(context, request));
  } catch (error) {
    if (hasCode(error, "unavailable")) throw error;
    return await findRepeated(context, request, error);
  }
}

/**
 * The endpoint of a repeated request, which it gets also when there would be no room for another one.
 * @throws what the request failed with when it is a new one; that its name stands for something else, unless the
 *   request itself is wrong.
 */
async function findRepeated(
  context: Context,
  request: AllocationRequest,
  error: unknown,
): Promise<Created<Endpoint>> {
  const isWrong = hasCode(error, "invalid-input") || hasCode(error, "not-found");
  try {
    const existing = await findExisting(context, request);
    if (existing !== undefined) return existing;
  } catch (other) {
    throw isWrong && hasCode(other, "conflict") ? error : other;
  }
  throw error;
}

async function attempt(
  context: Context,
  request: AllocationRequest,
): Promise<Created<Endpoint> | typeof LOST> {
  const born = bornAs(context, request);
  const birth = born instanceof Promise ? await born : born;
  const found = findWanted(context, birth.request);
  const wanted = found instanceof Promise ? await found : found;
  const { tenant, counting } = wanted.tenant.record;
  if (counting === true) {
    await finishCounting(context, tenant.name);
    return LOST;
  }
  const choice = await choose(context, wanted);
  return choice === undefined
    ? await grow(context, wanted, birth)
    : await settle(context, wanted, birth, choice, NO_SHARE);
}

/** Commits a choice and lets it go. `more` goes into the same transaction. */
async function settle(
  context: Context,
  wanted: Wanted,
  birth: Birth,
  choice: Choice,
  more: Share,
): Promise<Created<Endpoint> | typeof LOST> {
  const { tenant } = wanted.tenant.record;
  if (choice.isTaken) await refuseTaken(context, choice.place, choice.endpointId);
  try {
    const run = (): Promise<Created<Endpoint> | typeof LOST> =>
      commitChoice(context, wanted, birth, choice, more);
    // Side by side, allocations of a tenant with a quota would only trip over each other's count.
    return tenant.quota === undefined ? await run() : await context.inTurn(`quota/${tenant.name}`, run);
  } finally {
    if (choice.isHeld) choice.ids.pool.letGo(choice.endpointId);
  }
}

async function commitChoice(
  context: Context,
  wanted: Wanted,
  birth: Birth,
  { place, ids, code, endpointId }: Choice,
  more: Share,
): Promise<Created<Endpoint> | typeof LOST> {
  const { network, host, tenant, segment } = wanted;
  const spot = spotText(place, endpointId);
  const { name, requestToken, externalId } = birth.request;
  const position = hostPosition(network.record.network, host.record.host);
  const record = {
    segment: segment.record.segment.name,
    addresses: addressesOf(network.record.network, position, tenant.record.tenant.id, code, endpointId),
    ...(name !== undefined && { name }),
    ...(requestToken !== undefined && { requestToken }),
    ...(externalId !== undefined && { externalId }),
    ...plugOf(birth.request),
    ...birth.fields,
    createdAt: context.now(),
  };
  const indexKeys = indexKeysOf(birth.request);
  const shared = usageShare(context, tenant, 1);
  const share = shared instanceof Promise ? await shared : shared;
  const rest = ids.restRevision(endpointId);
  const { tenant: tenantName } = segment.record.segment;
  const names = { network: network.record.network.name, host: host.record.host.name, tenant: tenantName };
  const where = { ...names, code, endpointId };
  const own = birth.share(where, spot);
  const revision = await commit(
    context,
    [
      unchanged(PREFIX.endpoint + spot, 0),
      unchanged(PREFIX.cooling + spot, rest),
      unchanged(networkKey(network.record.network.name), network.revision),
      unchanged(hostKey(host.record.host.name), host.revision),
      unchanged(segmentKey(tenantName, record.segment), segment.revision),
      ...indexKeys.map((key) => unchanged(key, 0)),
      ...share.compares,
      ...own.compares,
      ...more.compares,
    ],
    [
      put(PREFIX.endpoint + spot, encodeEndpointRecord(record)),
      ...indexKeys.map((key) => put(key, spot)),
      ...(rest === 0 ? [] : [remove(PREFIX.cooling + spot)]),
      ...share.writes,
      ...own.writes,
      ...more.writes,
    ],
  );
  if (revision === LOST) return (await findExisting(context, birth.asked)) ?? LOST;
  return { object: joinEndpoint(where, record), revision, created: true };
}

/** Gives the segment another code, and allocates in it, in one transaction; calls for the same segment take turns. */
async function grow(
  context: Context,
  wanted: Wanted,
  birth: Birth,
): Promise<Created<Endpoint> | typeof LOST> {
  const { tenant, name } = wanted.segment.record.segment;
  if (wanted.code !== undefined) throw await fullSegment(context, wanted, [wanted.code], "use another code");
  return await context.inTurn(`grow/${tenant}/${name}`, async () => {
    const now = await findWanted(context, birth.request);
    // Somebody may have grown it, or freed an ID, while this call waited.
    const choice = await choose(context, now);
    if (choice !== undefined) return await settle(context, now, birth, choice, NO_SHARE);
    const { record, revision } = now.segment;
    const { segment } = record;
    const code = await nextCodeOf(context, now);
    const first = await choose(context, { ...now, code });
    if (first === undefined)
      throw await fullSegment(context, now, segment.codes, "the next code has no free ID");
    const grown = encodeSegmentRecord({
      ...record,
      segment: { ...segment, codes: [...segment.codes, code] },
    });
    const claims = claimCodes(context.catalog, tenant, name, [code]);
    const writes = [put(segmentKey(tenant, name), grown), ...claims.writes];
    const compares = [unchanged(segmentKey(tenant, name), revision), ...claims.compares];
    return await settle(context, now, birth, first, { compares, writes });
  });
}

async function nextCodeOf(context: Context, wanted: Wanted): Promise<SegmentCode> {
  const { segment } = wanted.segment.record;
  const { codes } = segment;
  if (codes.length >= MAX_CODES) {
    throw await fullSegment(context, wanted, codes, `it has ${MAX_CODES} codes, the most there may be`);
  }
  try {
    return nextCode(context, WHAT, segment.tenant, codes[0]?.extraBits);
  } catch (error) {
    if (!hasCode(error, "pool-exhausted")) throw error;
    const advice = `tenant "${segment.tenant}" has no code left to grow by; release endpoints or use another plan`;
    throw await fullSegment(context, wanted, codes, advice);
  }
}

/** The refusal when a segment is full on a host, with numbers over these codes. */
async function fullSegment(
  context: Context,
  wanted: Wanted,
  codes: readonly SegmentCode[],
  advice: string,
): Promise<RomanaError> {
  const { network } = wanted.network.record;
  const host = wanted.host.record.host.name;
  const { tenant, name } = wanted.segment.record.segment;
  const numbers = { capacity: 0, used: 0, coolingDown: 0 };
  for (const code of codes) {
    const range = endpointRange(network, code.extraBits);
    const { pool } = await context.places.get(
      placeText({ host, network: network.name, tenant, code }),
      range,
    );
    numbers.capacity += range.capacity;
    numbers.used += pool.used;
    numbers.coolingDown += pool.resting(context.now());
  }
  const list = codes.map(formatSegmentCode).join(", ");
  const reason = `segment "${tenant}/${name}" has no endpoint ID left on host "${host}" in code ${list}`;
  return exhausted(WHAT, reason, advice, { pool: `${tenant}/${name} on ${host}`, ...numbers });
}

async function refuseTaken({ store }: Context, place: string, endpointId: number): Promise<void> {
  const spot = spotText(place, endpointId);
  const entry = await store.get(PREFIX.endpoint + spot);
  const existing = entry && endpointOf(spot, entry.value);
  if (entry === undefined) return;
  throw conflict(
    "allocate",
    "endpoint",
    existing?.name ?? spot,
    `endpoint ID ${endpointId} is taken`,
    existing && endpointJson(existing),
  );
}

function indexKeysOf({ name, requestToken }: AllocationRequest): string[] {
  const keys: string[] = [];
  if (name !== undefined) keys.push(PREFIX.endpointName + name);
  if (requestToken !== undefined) keys.push(PREFIX.endpointToken + requestToken);
  return keys;
}

import { codesOverlap, formatSegmentCode } from "../addressing/index.ts";
import { overlappingCodes, segmentCodeFaults } from "../ipam/index.ts";
import { type Fault, invalidInput, notFound, type Segment, type SegmentCode } from "../model/index.ts";
import { claimCodes, isSameCode, MAX_CODES, nextCode } from "./codes.ts";
import { type Context, restUntil } from "./context.ts";
import type { SegmentPatch, SegmentSpec, Segments } from "./control.ts";
import { deleteObject } from "./deletion.ts";
import { segmentTarget } from "./deletion-targets.ts";
import { PREFIX, segmentCodeKey, segmentGuardKey, segmentKey, tenantKey } from "./keys.ts";
import { isSameLabels, labelsOf } from "./labels.ts";
import type { ChangeOptions, Created, Versioned } from "./listing.ts";
import { NO_SHARE } from "./quota.ts";
import {
  decodeSegmentRecord,
  encodeSegmentRecord,
  type SegmentRecord,
  segmentJson,
  type TenantRecord,
} from "./records.ts";
import { conflict, goingAway, inUse, MAX_USED_BY, revisionMismatch } from "./refusals.ts";
import { freed } from "./rest.ts";
import { commit, inSteps, LOST, put, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord, type StoredRecord } from "./stored.ts";
import { endpointsUnder, isUsedLately, sweepEndpoints } from "./sweep.ts";

const NOUN = "segment";

/** The use cases of segments. */
export function createSegments(context: Context): Segments {
  const { store } = context;
  return {
    create: (spec) => context.inTurn(segmentGuardKey(spec.tenant), () => createSegment(context, spec)),
    async get(tenant, name) {
      const { record, revision } = await readSegment(context, tenant, name);
      return { object: record.segment, revision };
    },
    async list({ tenant, externalId, ...page } = {}) {
      if (tenant !== undefined && (await store.get(tenantKey(tenant))) === undefined) {
        throw notFound("tenant", tenant);
      }
      const prefix = tenant === undefined ? PREFIX.segment : segmentKey(tenant);
      return await listObjects(store, prefix, [prefix], page, ({ value }) => {
        const segment = readable(value);
        return externalId === undefined || segment?.externalId === externalId ? segment : undefined;
      });
    },
    update: (tenant, name, patch, options = {}) =>
      context.inTurn(segmentGuardKey(tenant), () => updateSegment(context, tenant, name, patch, options)),
    delete: (tenant, name, options = {}) =>
      deleteObject(context, segmentTarget(context, tenant, name), options),
  };
}

async function createSegment(context: Context, spec: SegmentSpec): Promise<Created<Segment>> {
  const { store, catalog } = context;
  const { tenant, name, externalId, labels, ports } = spec;
  const title = `${tenant}/${name}`;
  const what = `create segment "${title}"`;
  const key = segmentKey(tenant, name);
  return await untilSettled(what, async () => {
    const owner = await knownTenant(context, tenant);
    if (owner.record.deleting !== undefined)
      throw goingAway("create", `segment "${title}"`, "tenant", tenant);
    const found = await findRecord(store, NOUN, title, key, decodeSegmentRecord);
    if (found !== undefined) {
      const { segment, deleting } = found.record;
      if (deleting !== undefined) throw goingAway("create", NOUN, NOUN, title);
      if (isAsked(segment, spec)) return { object: segment, revision: found.revision, created: false };
      throw conflict("create", NOUN, title, "it is there already, and different", segmentJson(segment));
    }
    const codes = spec.codes ?? [nextCode(context, what, tenant)];
    if (spec.codes !== undefined) {
      refuseFaults(context, what, codes);
      refuseOverlap(context, "create", title, tenant, codes);
    }
    const claims = codes.length > 0 ? claimCodes(catalog, tenant, name, codes) : NO_SHARE;
    const segment: Segment = {
      tenant,
      name,
      codes,
      ...(externalId !== undefined && { externalId }),
      ...labelsOf(labels),
      ...portsOf(ports),
    };
    const revision = await commit(
      context,
      [unchanged(key, 0), unchanged(tenantKey(tenant), owner.revision), ...claims.compares],
      [put(key, encodeSegmentRecord({ segment })), ...claims.writes],
    );
    return revision === LOST ? LOST : { object: segment, revision, created: true };
  });
}

async function updateSegment(
  context: Context,
  tenant: string,
  name: string,
  patch: SegmentPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Segment>> {
  const title = `${tenant}/${name}`;
  const what = `update segment "${title}"`;
  let expected = expectedRevision;
  return await untilSettled(what, async () => {
    const found = await readSegment(context, tenant, name);
    const { record, revision } = found;
    if (expected !== undefined && expected !== revision)
      throw revisionMismatch("update", NOUN, title, revision);
    if (record.deleting !== undefined) throw goingAway("update", NOUN, NOUN, title);
    const before = record.segment;
    const segment = patched(before, patch);
    const added = segment.codes.filter((code) => !before.codes.some((own) => isSameCode(own, code)));
    const gone = before.codes.filter((code) => !segment.codes.some((own) => isSameCode(own, code)));
    // A mark that a dead romanad left goes with the next update, even one that changes nothing else.
    const isSame = JSON.stringify(segmentJson(segment)) === JSON.stringify(segmentJson(before));
    if (isSame && record.removing === undefined) return { object: before, revision };
    refuseFaults(context, what, segment.codes);
    refuseOverlap(context, "update", title, tenant, added);
    let from = revision;
    if (gone.length > 0) {
      await refuseUsedCodes(context, found, gone);
      const announced = await commit(
        context,
        [unchanged(segmentKey(tenant, name), revision)],
        [put(segmentKey(tenant, name), encodeSegmentRecord({ segment: before, removing: gone }))],
      );
      if (announced === LOST) return LOST;
      expected = undefined;
      from = announced;
    }
    return await inSteps(context, segmentKey(tenant, name), () =>
      recode(context, { record: { ...record, removing: gone }, revision: from }, segment, added),
    );
  });
}

/** The second step: codes that were announced to go and are free go, others come, all at once. */
async function recode(
  context: Context,
  marked: StoredRecord<SegmentRecord>,
  segment: Segment,
  added: readonly SegmentCode[],
): Promise<Versioned<Segment> | typeof LOST> {
  const { tenant, name } = segment;
  const gone = marked.record.removing ?? [];
  const below = { tenant, codes: gone };
  if (gone.length > 0) await refuseUsedCodes(context, marked, gone);
  const used = gone.length > 0 && (await isUsedLately(context, below));
  const until = used ? restUntil(context) : undefined;
  const claims = added.length > 0 ? claimCodes(context.catalog, tenant, name, added) : NO_SHARE;
  const key = segmentKey(tenant, name);
  const revision = await commit(
    context,
    [unchanged(key, marked.revision), ...claims.compares],
    [
      put(key, encodeSegmentRecord({ segment })),
      ...claims.writes,
      ...gone.map((code) => freed(segmentCodeKey(tenant, code), until)),
    ],
  );
  if (revision === LOST) return LOST;
  if (used) await sweepEndpoints(context, below, () => undefined);
  return { object: segment, revision };
}

/** Refuses when an endpoint uses one of the codes; takes back the announcement that they go. */
async function refuseUsedCodes(
  context: Context,
  { record, revision }: StoredRecord<SegmentRecord>,
  codes: readonly SegmentCode[],
): Promise<void> {
  const { tenant, name } = record.segment;
  const users = [];
  let count = 0;
  for await (const user of endpointsUnder(context, { tenant, codes })) {
    count++;
    if (users.length < MAX_USED_BY) users.push(user);
  }
  if (count === 0) return;
  if (record.removing !== undefined) {
    const key = segmentKey(tenant, name);
    await commit(
      context,
      [unchanged(key, revision)],
      [put(key, encodeSegmentRecord({ segment: record.segment }))],
    );
  }
  const list = codes.map(formatSegmentCode).join(", ");
  throw inUse(`take code ${list} from`, NOUN, `${tenant}/${name}`, users, count);
}

function refuseFaults({ catalog }: Context, what: string, codes: readonly SegmentCode[]): void {
  const networks = catalog.respectedNetworks();
  const faults: Fault[] = codes.flatMap((code) => segmentCodeFaults(networks, code));
  if (codes.length > MAX_CODES) {
    faults.push({ path: "codes", reason: `${codes.length} are more than ${MAX_CODES}; use shorter codes` });
  }
  const overlap = overlappingCodes(codes);
  if (overlap !== undefined) {
    const [a, b] = overlap.map(formatSegmentCode);
    faults.push({ path: "codes", reason: a === b ? `${a} is there twice` : `${a} and ${b} overlap` });
  }
  if (faults.length > 0) throw invalidInput(what, faults);
}

/** Refuses codes that overlap those of another segment of the tenant. */
function refuseOverlap(
  { catalog }: Context,
  verb: string,
  title: string,
  tenant: string,
  codes: readonly SegmentCode[],
): void {
  for (const { record } of catalog.segments.get(tenant)?.values() ?? []) {
    const { segment } = record;
    if (`${tenant}/${segment.name}` === title) continue;
    for (const code of codes) {
      const other = segment.codes.find((own) => codesOverlap(own, code));
      if (other === undefined) continue;
      const owned = isSameCode(other, code) ? "" : ` overlaps ${formatSegmentCode(other)}, which`;
      const reason = `code ${formatSegmentCode(code)}${owned} belongs to segment "${tenant}/${segment.name}"`;
      throw conflict(verb, NOUN, title, reason, segmentJson(segment));
    }
  }
}

/** The tenant as the catalog knows it. @throws RomanaError `not-found`. */
async function knownTenant({ catalog, feed }: Context, tenant: string): Promise<StoredRecord<TenantRecord>> {
  if (!catalog.tenants.has(tenant)) await feed.refresh([tenantKey(tenant)], feed.revision);
  const known = catalog.tenants.get(tenant);
  if (known === undefined) throw notFound("tenant", tenant);
  return known;
}

async function readSegment(
  { store }: Context,
  tenant: string,
  name: string,
): Promise<StoredRecord<SegmentRecord>> {
  return await readRecord(store, NOUN, `${tenant}/${name}`, segmentKey(tenant, name), decodeSegmentRecord);
}

function patched({ tenant, name, ...before }: Segment, patch: SegmentPatch): Segment {
  const externalId = patch.externalId === undefined ? before.externalId : (patch.externalId ?? undefined);
  return {
    tenant,
    name,
    codes: patch.codes ?? before.codes,
    ...(externalId !== undefined && { externalId }),
    ...labelsOf(patch.labels ?? before.labels),
    ...portsOf(patch.ports ?? before.ports),
  };
}

function portsOf(ports: Segment["ports"]): Pick<Segment, "ports"> {
  return ports === undefined || ports.length === 0 ? {} : { ports };
}

/** True when the segment is what the specification asks for. */
function isAsked(segment: Segment, { codes, externalId, labels, ports = [] }: SegmentSpec): boolean {
  return (
    (codes === undefined ||
      codes.map(formatSegmentCode).join() === segment.codes.map(formatSegmentCode).join()) &&
    externalId === segment.externalId &&
    isSameLabels(labels, segment.labels) &&
    JSON.stringify(ports) === JSON.stringify(segment.ports ?? [])
  );
}

function readable(value: string): Segment | undefined {
  try {
    return decodeSegmentRecord(value).segment;
  } catch {
    return undefined;
  }
}

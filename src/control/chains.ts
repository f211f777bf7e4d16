import {
  CHAIN_LIMITS,
  type Chain,
  type Fault,
  invalidInput,
  type Network,
  notFound,
  type RomanaError,
  type Service,
} from "../model/index.ts";
import type { SegmentEnd } from "../policy/index.ts";
import type { Compare } from "../store/index.ts";
import type { ChainPatch, ChainSpec, Chains } from "./chain-control.ts";
import { chainFaults } from "./chain-faults.ts";
import { choosePlaces, placesOf, placesWanted } from "./chain-places.ts";
import { chainJson, decodeChainRecord, encodeChainRecord } from "./chain-record.ts";
import type { Context } from "./context.ts";
import { CHAIN_GUARD, chainKey, networkKey, PREFIX, segmentKey, serviceKey, tenantKey } from "./keys.ts";
import { knownChains, refuseOverlap } from "./known-chains.ts";
import type { ChangeOptions, Created, DeleteOptions, Deletion, Versioned } from "./listing.ts";
import { livingNetwork, livingSegment, livingTenant } from "./living.ts";
import { conflict, exhausted, revisionMismatch } from "./refusals.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { commit, LOST, put, remove, unchanged, untilSettled } from "./settle.ts";
import { findRecord, listObjects, readRecord } from "./stored.ts";

const NOUN = "chain";

/** The use cases of chains. */
export function createChains(context: Context): Chains {
  const { store } = context;
  return {
    create: (spec) => context.inTurn(CHAIN_GUARD, () => createChain(context, spec)),
    async get(name) {
      const { record, revision } = await readRecord(store, NOUN, name, chainKey(name), decodeChainRecord);
      return { object: record, revision };
    },
    list: (page = {}) =>
      listObjects(store, PREFIX.chain, [PREFIX.chain], page, ({ value }) => readable(value)),
    update: (name, patch, options = {}) =>
      context.inTurn(CHAIN_GUARD, () => updateChain(context, name, patch, options)),
    delete: (name, options = {}) => deleteChain(context, name, options),
  };
}

async function createChain(context: Context, spec: ChainSpec): Promise<Created<Chain>> {
  const { name } = spec;
  const what = `create ${NOUN} "${name}"`;
  const key = chainKey(name);
  return await untilSettled(what, async () => {
    const found = await findRecord(context.store, NOUN, name, key, decodeChainRecord);
    if (found !== undefined) {
      const { record, revision } = found;
      if (isAsked(record, spec)) return { object: record, revision, created: false };
      throw conflict("create", NOUN, name, "it is there already, and different", chainJson(record));
    }
    const placed = await place(context, "create", spec, undefined);
    const revision = await commit(
      context,
      [unchanged(key, 0), ...placed.compares],
      [put(key, encodeChainRecord(placed.chain)), ...placed.writes],
    );
    return revision === LOST ? LOST : { object: placed.chain, revision, created: true };
  });
}

async function updateChain(
  context: Context,
  name: string,
  patch: ChainPatch,
  { expectedRevision }: ChangeOptions,
): Promise<Versioned<Chain>> {
  const key = chainKey(name);
  return await untilSettled(`update ${NOUN} "${name}"`, async () => {
    const { record, revision } = await readRecord(context.store, NOUN, name, key, decodeChainRecord);
    if (expectedRevision !== undefined && expectedRevision !== revision) {
      throw revisionMismatch("update", NOUN, name, revision);
    }
    const asked = patched(record, patch);
    if (encodeChainRecord(asked) === encodeChainRecord(record)) return { object: record, revision };
    const placed = await place(context, "update", asked, record);
    const done = await commit(
      context,
      [unchanged(key, revision), ...placed.compares],
      [put(key, encodeChainRecord(placed.chain)), ...placed.writes],
    );
    return done === LOST ? LOST : { object: placed.chain, revision: done };
  });
}

async function deleteChain(
  context: Context,
  name: string,
  { expectedRevision, dryRun = false }: DeleteOptions,
): Promise<Deletion> {
  const key = chainKey(name);
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

/** The chain with its places, and what its transaction compares and writes besides its own key. */
async function place(
  context: Context,
  verb: "create" | "update",
  asked: ChainSpec,
  before: Chain | undefined,
) {
  const what = `${verb} ${NOUN} "${asked.name}"`;
  const known = await knownChains(context);
  const { network, target, services, compares } = await partsOf(context, what, asked);
  refuse(what, chainFaults(asked, network, target));
  const others = known.chains.filter(({ name }) => name !== asked.name);
  const places = choosePlaces(asked, new Set(others.flatMap((other) => placesOf(other.places))), before);
  const chain: Chain = { ...plain(asked), network: network.name, places: places ?? { forward: [] } };
  refuseOverlap(context, { verb, noun: NOUN, name: asked.name }, chain, others, services);
  if (places === undefined) throw noPlaces(what, asked, others);
  return { chain, compares: [...known.compares, ...compares], writes: known.writes };
}

/**
 * The network of a chain, the segment that it leads to, the service in front of that, and compares for all that the
 * chain names. @throws RomanaError `not-found`, `aborted` for what is being deleted, `invalid-input`.
 */
async function partsOf(context: Context, what: string, asked: ChainSpec) {
  const action = `${what} with`;
  const { record, revision } = await livingNetwork(context, what, NOUN, asked.network);
  const { network } = record;
  const compares: Compare[] = [unchanged(networkKey(network.name), revision)];
  const tenantOf = async (tenant: string): Promise<void> => {
    const owner = await livingTenant(context, action, tenant);
    compares.push(unchanged(tenantKey(tenant), owner.revision));
  };
  const segmentOf = async ({ tenant, segment }: { tenant: string; segment: string }): Promise<void> => {
    await tenantOf(tenant);
    const found = await livingSegment(context, action, tenant, segment);
    compares.push(unchanged(segmentKey(tenant, segment), found.revision));
  };
  const { from, to, through } = asked;
  if (from.kind === "tenant") await tenantOf(from.tenant);
  if (from.kind === "segment") await segmentOf(from);
  let target: SegmentEnd;
  const services: Service[] = [];
  if (to.kind === "segment") {
    await segmentOf(to);
    target = to;
  } else {
    const { service } = to;
    const found = await readRecord(
      context.store,
      "service",
      service,
      serviceKey(service),
      decodeServiceRecord,
    );
    compares.push(unchanged(serviceKey(service), found.revision));
    refuse(what, foreignFaults(found.record, network));
    services.push(found.record);
    target = { kind: "segment", tenant: found.record.tenant, segment: found.record.segment };
  }
  for (const step of through) await segmentOf(step);
  return { network, target, services, compares: distinct(compares) };
}

function foreignFaults(service: Service, network: Network): Fault[] {
  if (service.network === network.name) return [];
  const reason = `service "${service.name}" is of network "${service.network}", not of "${network.name}"`;
  return [{ path: "to.service", reason }];
}

function noPlaces(what: string, asked: ChainSpec, others: readonly Chain[]): RomanaError {
  const wanted = placesWanted(asked);
  return exhausted(what, `it needs ${wanted} places`, "delete chains, or make some shorter or forward only", {
    pool: "places of chains",
    capacity: CHAIN_LIMITS.places,
    used: others.flatMap(({ places }) => placesOf(places)).length,
    coolingDown: 0,
  });
}

function refuse(what: string, faults: readonly Fault[]): void {
  if (faults.length > 0) throw invalidInput(what, faults);
}

/** A key is compared once, however often the chain names it. */
function distinct(compares: readonly Compare[]): Compare[] {
  return [...new Map(compares.map((compare) => [compare.key, compare])).values()];
}

/** The chain as it is stored, but for what is chosen. */
function plain({
  name,
  from,
  to,
  through,
  direction,
  externalId,
}: ChainSpec): Omit<Chain, "network" | "places"> {
  return { name, from, to, through, direction, ...(externalId !== undefined && { externalId }) };
}

function isAsked(there: Chain, spec: ChainSpec): boolean {
  const asked: Chain = { ...plain(spec), network: spec.network ?? there.network, places: there.places };
  return encodeChainRecord(asked) === encodeChainRecord(there);
}

function patched(chain: Chain, patch: ChainPatch): Chain {
  const { externalId: idBefore, ...rest } = chain;
  const externalId = patch.externalId === undefined ? idBefore : (patch.externalId ?? undefined);
  return {
    ...rest,
    from: patch.from ?? chain.from,
    to: patch.to ?? chain.to,
    through: patch.through ?? chain.through,
    direction: patch.direction ?? chain.direction,
    ...(externalId !== undefined && { externalId }),
  };
}

function readable(value: string): Chain | undefined {
  try {
    return decodeChainRecord(value);
  } catch {
    return undefined;
  }
}

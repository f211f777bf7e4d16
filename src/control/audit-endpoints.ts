import { hostPosition } from "../addressing/index.ts";
import { formatAddress } from "../net/index.ts";
import type { Entry } from "../store/index.ts";
import { COOLING_IN_USE, type Suspect } from "./audit-scan.ts";
import type { Context } from "./context.ts";
import { addressesOf } from "./directory.ts";
import { EndpointRows } from "./endpoint-rows.ts";
import { bucketOf, type Fingerprint } from "./fingerprint.ts";
import { exceptionKey, PREFIX, readSpot, relocationKey } from "./keys.ts";
import type { Problem } from "./problem.ts";
import { NO_SHARE } from "./quota.ts";
import { decodeEndpointRecord, type EndpointRecord, encodeEndpointRecord } from "./records.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import { entriesBelow } from "./stored.ts";
import { leaveWorkload } from "./workload-endpoints.ts";
import type { World } from "./world.ts";

/** Looks at a suspect again, now and alone; undefined when it is gone or right. */
export async function suspectProblem(
  context: Context,
  world: World,
  { key, fault }: Suspect,
): Promise<Problem | undefined> {
  const entry = await context.store.get(key);
  if (entry === undefined) return undefined;
  if (key.startsWith(PREFIX.cooling)) return await restProblem(context, entry, fault);
  const now = new EndpointRows(world).check(key, entry.value);
  if (now === undefined) return undefined;
  const problem = { kind: now.kind, key, message: now.message };
  if (now.kind === "dangling-reference") return { ...problem, repair: () => drop(context, entry) };
  if (now.kind === "wrong-segment" || now.kind === "wrong-address") {
    return { ...problem, repair: () => correct(context, world, entry) };
  }
  return problem;
}

async function restProblem(
  context: Context,
  entry: Entry,
  fault: Suspect["fault"],
): Promise<Problem | undefined> {
  const { key, modRevision } = entry;
  const problem = { kind: fault.kind, key, message: fault.message };
  const endpoint = PREFIX.endpoint + key.slice(PREFIX.cooling.length);
  if (fault === COOLING_IN_USE && (await context.store.get(endpoint)) === undefined) return undefined;
  const repair = async (): Promise<string | undefined> =>
    (await commit(context, [unchanged(key, modRevision)], [remove(key)])) === LOST
      ? undefined
      : "the rest was deleted";
  return { ...problem, repair };
}

/** Deletes an endpoint that belongs to nothing, with the index rows that point to it. */
async function drop(context: Context, entry: Entry): Promise<string | undefined> {
  const spot = entry.key.slice(PREFIX.endpoint.length);
  const record = readable(entry.value);
  const rows = [
    ...(record?.name === undefined ? [] : [await context.store.get(PREFIX.endpointName + record.name)]),
    ...(record?.requestToken === undefined
      ? []
      : [await context.store.get(PREFIX.endpointToken + record.requestToken)]),
  ].filter((row) => row?.value === spot);
  const gone = [entry, ...rows].filter((row) => row !== undefined);
  const left =
    record?.workload === undefined
      ? NO_SHARE
      : await leaveWorkload(context, record.workload, new Set([spot]));
  const done = await commit(
    context,
    [...gone.map(({ key, modRevision }) => unchanged(key, modRevision)), ...left.compares],
    [
      ...gone.map(({ key }) => remove(key)),
      ...(record?.actsAs === undefined ? [] : [remove(exceptionKey(spot))]),
      ...(record?.locatedOn === undefined ? [] : [remove(relocationKey(spot))]),
      ...left.writes,
    ],
  );
  return done === LOST ? undefined : "the endpoint was deleted";
}

/** Writes segment and addresses as the key's IDs say: it is the address bits that the hosts go by. */
async function correct(context: Context, world: World, entry: Entry): Promise<string | undefined> {
  const spot = readSpot(entry.key.slice(PREFIX.endpoint.length));
  const record = readable(entry.value);
  const network = spot && world.networks.get(spot.network)?.network;
  const host = spot && world.hosts.get(spot.host)?.host;
  const tenant = spot && world.tenants.get(spot.tenant)?.tenant;
  if (!spot || !record || !network || !host || !tenant) return undefined;
  const code = world.codePlace(
    entry.key.slice(PREFIX.endpoint.length + spot.host.length + 1, -11),
    spot.code,
  );
  if (code === undefined) return undefined;
  const addresses = addressesOf(network, hostPosition(network, host), tenant.id, spot.code, spot.endpointId);
  const value = encodeEndpointRecord({ ...record, segment: code.segment, addresses });
  const done = await commit(context, [unchanged(entry.key, entry.modRevision)], [put(entry.key, value)]);
  return done === LOST ? undefined : "segment and addresses were written as the IDs say";
}

/**
 * What is wrong with an index whose fingerprint is not zero: a second reading collects the buckets that differ, and each
 * difference is looked at alone.
 */
export async function indexProblems(
  context: Context,
  prefix: string,
  fingerprint: Fingerprint,
  nameOf: (record: EndpointRecord) => string | undefined,
): Promise<Problem[]> {
  const buckets = fingerprint.differing();
  if (buckets.size === 0) return [];
  const owners = new Map<string, string[]>();
  for await (const { key, value } of entriesBelow(context.store, PREFIX.endpoint)) {
    const record = readable(value);
    const name = record && nameOf(record);
    if (name === undefined || !buckets.has(bucketOf(name))) continue;
    const spots = owners.get(name);
    if (spots === undefined) owners.set(name, [key.slice(PREFIX.endpoint.length)]);
    else spots.push(key.slice(PREFIX.endpoint.length));
  }
  const problems: Problem[] = [];
  for await (const row of entriesBelow(context.store, prefix)) {
    const name = row.key.slice(prefix.length);
    if (!buckets.has(bucketOf(name))) continue;
    const problem = await rowProblem(context, prefix, row, nameOf);
    if (problem !== undefined) problems.push(problem);
  }
  for (const [name, spots] of owners) {
    for (const spot of spots) {
      const problem = await ownerProblem(context, prefix + name, name, spot, nameOf);
      if (problem !== undefined) problems.push(problem);
    }
  }
  return problems;
}

/** A row that points to no endpoint, or to one that has another name. */
async function rowProblem(
  context: Context,
  prefix: string,
  seen: Entry,
  nameOf: (record: EndpointRecord) => string | undefined,
): Promise<Problem | undefined> {
  const { key } = seen;
  const endpoint = await context.store.get(PREFIX.endpoint + seen.value);
  const record = endpoint && readable(endpoint.value);
  if (record !== undefined && nameOf(record) === key.slice(prefix.length)) return undefined;
  const row = await context.store.get(key);
  if (row === undefined || row.modRevision !== seen.modRevision) return undefined;
  if (endpoint !== undefined && record === undefined) {
    const message = "The row points to an endpoint that cannot be read";
    return { kind: "stale-index", key, message };
  }
  const what = endpoint === undefined ? "is not there" : "is called otherwise";
  const repair = async (): Promise<string | undefined> => {
    const compares = [
      unchanged(key, row.modRevision),
      unchanged(PREFIX.endpoint + row.value, endpoint?.modRevision ?? 0),
    ];
    return (await commit(context, compares, [remove(key)])) === LOST ? undefined : "the row was deleted";
  };
  return {
    kind: "stale-index",
    key,
    message: `The row points to endpoint ${row.value}, which ${what}`,
    repair,
  };
}

/** An endpoint whose name has no row that points to it. */
async function ownerProblem(
  context: Context,
  key: string,
  name: string,
  spot: string,
  nameOf: (record: EndpointRecord) => string | undefined,
): Promise<Problem | undefined> {
  const endpointKey = PREFIX.endpoint + spot;
  const isNamed = (entry: Entry | undefined): boolean => {
    const record = entry && readable(entry.value);
    return record !== undefined && nameOf(record) === name;
  };
  const row = await context.store.get(key);
  if (row?.value === spot || !isNamed(await context.store.get(endpointKey))) return undefined;
  if (row !== undefined && isNamed(await context.store.get(PREFIX.endpoint + row.value))) {
    const message = `Endpoint ${spot} has the name that the row gives to ${row.value}; release one of them`;
    return { kind: "missing-index", key, message };
  }
  // The row may have been deleted as a stale one meanwhile: it is read again.
  const repair = async (): Promise<string | undefined> => {
    const present = await context.store.get(key);
    const endpoint = await context.store.get(endpointKey);
    const other = present && (await context.store.get(PREFIX.endpoint + present.value));
    if (endpoint === undefined || !isNamed(endpoint) || isNamed(other)) return undefined;
    const compares = [
      unchanged(key, present?.modRevision ?? 0),
      unchanged(endpointKey, endpoint.modRevision),
      ...(present === undefined ? [] : [unchanged(PREFIX.endpoint + present.value, other?.modRevision ?? 0)]),
    ];
    return (await commit(context, compares, [put(key, spot)])) === LOST ? undefined : "the row was written";
  };
  return {
    kind: "missing-index",
    key,
    message: `Endpoint ${spot} has the name, but no row points to it`,
    repair,
  };
}

/**
 * Endpoints with the same address. With right nouns and right rows there can be none, so that this slow reading is only
 * for a store where two hosts, tenants, codes or networks share their bits.
 */
export async function duplicateProblems({ store }: Context): Promise<Problem[]> {
  const seen = new Map<string, string>();
  const problems: Problem[] = [];
  for await (const { key, value } of entriesBelow(store, PREFIX.endpoint)) {
    const { ipv4, ipv6 } = readable(value)?.addresses ?? {};
    for (const address of [ipv4, ipv6]) {
      if (address === undefined) continue;
      const text = formatAddress(address);
      const first = seen.get(text);
      if (first === undefined) seen.set(text, key);
      else
        problems.push({
          kind: "duplicate-address",
          key,
          message: `${text} is that of ${first}, too; release one`,
        });
    }
  }
  return problems;
}

function readable(value: string): EndpointRecord | undefined {
  try {
    return decodeEndpointRecord(value);
  } catch {
    return undefined;
  }
}

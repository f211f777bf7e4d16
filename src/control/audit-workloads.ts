import type { Context } from "./context.ts";
import { PREFIX, workloadEndpointsKey } from "./keys.ts";
import { type Problem, rewrite } from "./problem.ts";
import { decodeEndpointRecord, decodeWorkloadRecord } from "./records.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import { encodeSpots, spotsIn } from "./workload-endpoints.ts";
import type { NounKeys, World } from "./world.ts";

/**
 * Workloads that cannot be read or name what is not there, and keys of workloads' endpoints that do not agree with the
 * endpoints. `born`: the workloads that endpoints were allocated for, by spot.
 */
export function workloadProblems(
  context: Context,
  world: World,
  keys: NounKeys,
  born: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = [];
  const listed = new Set<string>();
  for (const [key, { value }] of keys) {
    if (key.startsWith(PREFIX.workload)) problems.push(...recordProblems(context, world, keys, key, value));
    if (!key.startsWith(PREFIX.workloadEndpoints)) continue;
    const id = key.slice(PREFIX.workloadEndpoints.length);
    const repair = (): Promise<string | undefined> => alignIndex(context, id, born);
    const spots = spotsIn(value);
    if (spots === undefined) {
      const message = "The value is not a list of endpoints";
      problems.push({ kind: "unparsable-value", key, message, repair });
      continue;
    }
    for (const spot of spots) {
      listed.add(spot);
      if (born.get(spot) === id) continue;
      const message = `The key names endpoint ${spot}, which is not one of workload "${id}"`;
      problems.push({ kind: "stale-index", key, message, repair });
    }
  }
  for (const [spot, id] of born) {
    const key = workloadEndpointsKey(id);
    const stored = keys.get(key);
    if (listed.has(spot) || (stored !== undefined && spotsIn(stored.value) === undefined)) continue;
    const message = `Endpoint ${spot} was allocated for workload "${id}", but no key says so`;
    problems.push({ kind: "missing-index", key, message, repair: () => alignIndex(context, id, born) });
  }
  return problems;
}

function recordProblems(
  context: Context,
  world: World,
  keys: NounKeys,
  key: string,
  value: string,
): Problem[] {
  const workload = readable(value);
  if (workload === undefined || PREFIX.workload + workload.id !== key) {
    const message = "The value cannot be read, or is of another workload; write the workload again";
    return [{ kind: "unparsable-value", key, message }];
  }
  const { tenant, segment, actsAs } = workload;
  const names = [segment, ...(actsAs === undefined ? [] : [actsAs])].map((name) => `${tenant}/${name}`);
  return names
    .filter((name) => !world.segments.has(name))
    .map((name) => ({
      kind: "dangling-reference",
      key,
      message: `The workload names segment "${name}", which is not there`,
      repair: rewrite(context, keys, key, undefined, "deleted"),
    }));
}

/** Makes the key name the endpoints that say the workload now, out of those that it names and those that were seen. */
async function alignIndex(
  context: Context,
  id: string,
  born: ReadonlyMap<string, string>,
): Promise<string | undefined> {
  const key = workloadEndpointsKey(id);
  const present = await context.store.get(key);
  const named = (present && spotsIn(present.value)) ?? [];
  const seen = [...born].filter(([, workload]) => workload === id).map(([spot]) => spot);
  const compares = [unchanged(key, present?.modRevision ?? 0)];
  const spots: string[] = [];
  for (const spot of new Set([...named, ...seen])) {
    const entry = await context.store.get(PREFIX.endpoint + spot);
    compares.push(unchanged(PREFIX.endpoint + spot, entry?.modRevision ?? 0));
    if (entry !== undefined && workloadOf(entry.value) === id) spots.push(spot);
  }
  const value = encodeSpots(spots);
  if (present?.value === value || (present === undefined && spots.length === 0)) return undefined;
  const write = spots.length === 0 ? remove(key) : put(key, value);
  if ((await commit(context, compares, [write])) === LOST) return undefined;
  return spots.length === 0 ? "the key was deleted" : "the key was written";
}

function workloadOf(value: string): string | undefined {
  try {
    return decodeEndpointRecord(value).workload;
  } catch {
    return undefined;
  }
}

function readable(value: string) {
  try {
    return decodeWorkloadRecord(value);
  } catch {
    return undefined;
  }
}

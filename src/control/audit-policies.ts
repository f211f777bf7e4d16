import { type Exception, hasCode } from "../model/index.ts";
import type { Context } from "./context.ts";
import { exceptionOf } from "./exceptions.ts";
import { exceptionKey, PREFIX, readSpot } from "./keys.ts";
import { decodeExceptionRecord, decodePolicyRecord, encodeExceptionRecord } from "./policy-record.ts";
import { decodeTrialRecord } from "./policy-trials.ts";
import type { Problem } from "./problem.ts";
import { decodeEndpointRecord } from "./records.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import type { NounKeys } from "./world.ts";

const DECODERS: readonly (readonly [string, (text: string) => unknown])[] = [
  [PREFIX.policy, decodePolicyRecord],
  [PREFIX.policyTrial, decodeTrialRecord],
];

/**
 * Policies that cannot be read, and exceptions that do not agree with their endpoints. `acting`: the segments that
 * endpoints act as, by spot.
 */
export function policyProblems(
  context: Context,
  keys: NounKeys,
  acting: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [key, { value }] of keys) {
    const decode = DECODERS.find(([prefix]) => key.startsWith(prefix))?.[1];
    if (decode !== undefined && !isReadable(decode, value)) {
      problems.push({ kind: "unparsable-value", key, message: "The value cannot be read" });
    }
    if (!key.startsWith(PREFIX.exception)) continue;
    const spot = key.slice(PREFIX.exception.length);
    const found = exceptionIn(value);
    if (found?.segment === acting.get(spot) && found !== undefined) continue;
    const message = `The exception says that endpoint ${spot} acts as "${found?.segment ?? "?"}", but it does not`;
    problems.push({ kind: "stale-index", key, message, repair: () => align(context, spot) });
  }
  for (const [spot, segment] of acting) {
    const key = exceptionKey(spot);
    if (keys.has(key)) continue;
    const message = `Endpoint ${spot} acts as "${segment}", but there is no exception`;
    problems.push({ kind: "missing-index", key, message, repair: () => align(context, spot) });
  }
  return problems;
}

/** Makes the exception what the endpoint says now. */
async function align(context: Context, text: string): Promise<string | undefined> {
  const key = exceptionKey(text);
  const present = await context.store.get(key);
  const endpoint = await context.store.get(PREFIX.endpoint + text);
  const spot = readSpot(text);
  const actsAs = endpoint && decodeEndpointRecord(endpoint.value).actsAs;
  let wanted: Exception | undefined;
  try {
    if (spot !== undefined && actsAs !== undefined) wanted = exceptionOf(context, spot, actsAs);
  } catch (error) {
    // What makes its addresses is gone, which is a finding of its own.
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
  const compares = [
    unchanged(key, present?.modRevision ?? 0),
    unchanged(PREFIX.endpoint + text, endpoint?.modRevision ?? 0),
  ];
  const write = wanted === undefined ? remove(key) : put(key, encodeExceptionRecord(wanted));
  if ((await commit(context, compares, [write])) === LOST) return undefined;
  return wanted === undefined ? "the exception was deleted" : "the exception was written";
}

function isReadable(decode: (text: string) => unknown, value: string): boolean {
  try {
    decode(value);
    return true;
  } catch {
    return false;
  }
}

function exceptionIn(value: string): Exception | undefined {
  try {
    return decodeExceptionRecord(value);
  } catch {
    return undefined;
  }
}

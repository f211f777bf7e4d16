import { type Exception, hasCode } from "../model/index.ts";
import type { Context } from "./context.ts";
import { wantedException } from "./exceptions.ts";
import { exceptionKey, PREFIX } from "./keys.ts";
import { decodeExceptionRecord, decodePolicyRecord, encodeExceptionRecord } from "./policy-record.ts";
import { decodeTrialRecord } from "./policy-trials.ts";
import type { Problem } from "./problem.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import type { NounKeys } from "./world.ts";

/** What must be readable, and what a human can do when it is not. */
const READERS: readonly {
  readonly prefix: string;
  readonly read: (name: string, text: string) => unknown;
  readonly advice: string;
}[] = [
  {
    prefix: PREFIX.policy,
    read: decodePolicyRecord,
    advice: 'write the policy again with "romana policy apply", or remove it with "romana policy remove"',
  },
  {
    prefix: PREFIX.policyTrial,
    read: (_, text) => decodeTrialRecord(text),
    advice: 'nothing is taken back: look at the policies, then end the trial with "romana policy confirm"',
  },
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
    const reader = READERS.find(({ prefix }) => key.startsWith(prefix));
    const reason = reader && faultOf(() => reader.read(key.slice(reader.prefix.length), value));
    if (reader !== undefined && reason !== undefined) {
      const message = `The value cannot be read (${reason}); ${reader.advice}`;
      problems.push({ kind: "unparsable-value", key, message });
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
  let wanted: Exception | undefined;
  try {
    wanted = wantedException(context, text, endpoint?.value);
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

/** Why something cannot be read; undefined when it can. */
function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function exceptionIn(value: string): Exception | undefined {
  try {
    return decodeExceptionRecord(value);
  } catch {
    return undefined;
  }
}

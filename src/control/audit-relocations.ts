import { hasCode, type Relocation } from "../model/index.ts";
import type { Context } from "./context.ts";
import { PREFIX, relocationKey } from "./keys.ts";
import type { Problem } from "./problem.ts";
import { decodeRelocationRecord, encodeRelocationRecord } from "./relocation-record.ts";
import { wantedRelocation } from "./relocations.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import type { NounKeys } from "./world.ts";

/** Relocations that do not agree with their endpoints. `located`: the hosts where endpoints say that they are, by spot. */
export function relocationProblems(
  context: Context,
  keys: NounKeys,
  located: ReadonlyMap<string, string>,
): Problem[] {
  const problems: Problem[] = [];
  for (const [key, { value }] of keys) {
    if (!key.startsWith(PREFIX.relocation)) continue;
    const spot = key.slice(PREFIX.relocation.length);
    const found = relocationIn(value)?.locatedOn;
    if (found !== undefined && found === located.get(spot)) continue;
    const message = `The relocation says that endpoint ${spot} is on host "${found ?? "?"}", but it is not`;
    problems.push({ kind: "stale-index", key, message, repair: () => align(context, spot) });
  }
  for (const [spot, host] of located) {
    const key = relocationKey(spot);
    if (keys.has(key)) continue;
    const message = `Endpoint ${spot} is on host "${host}", but there is no relocation`;
    problems.push({ kind: "missing-index", key, message, repair: () => align(context, spot) });
  }
  return problems;
}

/** Makes the relocation what the endpoint says now. */
async function align(context: Context, text: string): Promise<string | undefined> {
  const key = relocationKey(text);
  const present = await context.store.get(key);
  const endpoint = await context.store.get(PREFIX.endpoint + text);
  let wanted: Relocation | undefined;
  try {
    wanted = wantedRelocation(context, text, endpoint?.value);
  } catch (error) {
    // What makes its addresses is gone, which is a finding of its own.
    if (hasCode(error, "not-found")) return undefined;
    throw error;
  }
  const compares = [
    unchanged(key, present?.modRevision ?? 0),
    unchanged(PREFIX.endpoint + text, endpoint?.modRevision ?? 0),
  ];
  const write = wanted === undefined ? remove(key) : put(key, encodeRelocationRecord(wanted));
  if ((await commit(context, compares, [write])) === LOST) return undefined;
  return wanted === undefined ? "the relocation was deleted" : "the relocation was written";
}

function relocationIn(value: string): Relocation | undefined {
  try {
    return decodeRelocationRecord(value);
  } catch {
    return undefined;
  }
}

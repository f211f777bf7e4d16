import type { Context } from "./context.ts";
import type { FindingKind } from "./findings.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";
import type { NounKeys } from "./world.ts";

/** A finding with what can be done about it. */
export interface Problem {
  readonly kind: FindingKind;
  readonly key: string;
  readonly message: string;
  /**
   * Mends it in one transaction that compares all it was concluded from; returns what was done, undefined when the store
   * has changed meanwhile. Absent: a human must decide.
   */
  readonly repair?: () => Promise<string | undefined>;
}

/** A repair that puts another value or, with undefined, deletes the key, unless it has changed. */
export function rewrite(
  context: Context,
  keys: NounKeys,
  key: string,
  value: string | undefined,
  done: string,
): () => Promise<string | undefined> {
  return async () => {
    const revision = keys.get(key)?.revision ?? 0;
    const write = value === undefined ? remove(key) : put(key, value);
    return (await commit(context, [unchanged(key, revision)], [write])) === LOST ? undefined : done;
  };
}

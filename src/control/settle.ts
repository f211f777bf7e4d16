import { RomanaError } from "../model/index.ts";
import type { Compare, Write } from "../store/index.ts";
import type { Context } from "./context.ts";

/** How often a change is tried again when others were faster. */
const MAX_TRIES = 100;

/** What a try says that lost against somebody else's change. */
export const LOST = Symbol("lost");

/**
 * Runs `attempt` until it does not lose any more. Each try looks at the present anew, so it either succeeds or finds
 * the reason to refuse. @throws RomanaError `aborted` when it never ends.
 */
export async function untilSettled<T>(what: string, attempt: () => Promise<T | typeof LOST>): Promise<T> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = await attempt();
    if (result !== LOST) return result;
  }
  const reason = `others changed the same objects ${MAX_TRIES} times meanwhile; try again`;
  throw new RomanaError(`Cannot ${what}: ${reason}`, { code: "aborted" });
}

/** Commits; when compares fail, reads the keys they are about, for the next try. Returns the revision. */
export async function commit(
  { feed }: Context,
  compares: readonly Compare[],
  writes: readonly Write[],
): Promise<number | typeof LOST> {
  const result = await feed.transact(compares, writes);
  if (result.committed) return result.revision;
  await feed.refresh(
    result.failed.map(({ key }) => key),
    result.revision,
  );
  return LOST;
}

/** Runs a change that takes several commits; meanwhile a check of this process does not take it for unfinished. */
export async function inSteps<T>({ underWay }: Context, key: string, job: () => Promise<T>): Promise<T> {
  underWay.add(key);
  try {
    return await job();
  } finally {
    underWay.delete(key);
  }
}

/** A write that puts a value. */
export function put(key: string, value: string): Write {
  return { type: "put", key, value };
}

/** A write that deletes a key. */
export function remove(key: string): Write {
  return { type: "delete", key };
}

/** The compare that a key is as it was at a revision; 0: that it is not there. */
export function unchanged(key: string, modRevision: number): Compare {
  return { key, modRevision };
}

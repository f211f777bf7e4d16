import type { Store } from "../store/index.ts";
import type { Catalog } from "./catalog.ts";
import type { Feed } from "./feed.ts";
import type { Places } from "./places.ts";

/** What the use cases share. */
export interface Context {
  readonly store: Store;
  /** All commits go through it, so that what is in memory knows of them. */
  readonly feed: Feed;
  readonly catalog: Catalog;
  readonly places: Places;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** How long a freed ID rests, in milliseconds. */
  readonly coolDown: number;
  /** Most endpoints of a network that may be on another host than their address says. */
  readonly maxRelocations: number;
  /** Runs jobs of the same key one after the other. */
  readonly inTurn: InTurn;
  /** Keys of objects that this process is changing in several steps just now. */
  readonly underWay: Set<string>;
}

/** When an ID that is freed now may be used again; undefined: at once. */
export function restUntil({ now, coolDown }: Context): number | undefined {
  return coolDown > 0 ? now() + coolDown : undefined;
}

/** Runs jobs of the same key one after the other, those of different keys side by side. */
export type InTurn = <T>(key: string, job: () => Promise<T>) => Promise<T>;

/** Makes an {@link InTurn}. It only keeps calls of one process from tripping over each other; the store decides. */
export function createInTurn(): InTurn {
  const tails = new Map<string, Promise<unknown>>();
  return async (key, job) => {
    const before = tails.get(key);
    const turn = before === undefined ? job() : before.then(job, job);
    tails.set(key, turn);
    try {
      return await turn;
    } finally {
      if (tails.get(key) === turn) tails.delete(key);
    }
  };
}

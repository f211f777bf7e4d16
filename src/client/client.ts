import { CONTRACT, type QueryOf, type WatchEvent } from "../schema/index.ts";
import { Caller, type CallerOptions } from "./caller.ts";
import { type WatchOptions, watch } from "./watch.ts";

/** A client of romanad: every operation of the contract by its ID, and the watch. Owns its connections. */
export class Client extends Caller<typeof CONTRACT> {
  constructor(options: CallerOptions) {
    super(CONTRACT, options);
  }

  /**
   * Changes from a revision on, over broken connections and restarts of romanad, until the signal aborts.
   * @throws RomanaError `compacted` when the history does not go back to the revision any more.
   */
  watch(
    query: NonNullable<QueryOf<typeof CONTRACT.watch>>,
    options: WatchOptions,
  ): AsyncIterable<WatchEvent> {
    return watch(this, query, options);
  }
}

/** A client of one romanad. It connects when it is first used. */
export function createClient(options: CallerOptions): Client {
  return new Client(options);
}

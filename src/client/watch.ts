import { isTemporary, RomanaError } from "../model/index.ts";
import {
  CONTRACT,
  decodeLenient,
  decodeProblem,
  type QueryOf,
  type WatchEvent,
  watchEventSchema,
} from "../schema/index.ts";
import { type Backoff, backoffDelay } from "./backoff.ts";
import { type Caller, type Contract, requestOf } from "./caller.ts";
import { readEvents, type ServerSentEvent } from "./event-stream.ts";

/** Whether a watch has a connection right now. */
export type WatchState =
  | { readonly connected: true }
  | { readonly connected: false; readonly error: RomanaError };

/** Options of a watch. */
export interface WatchOptions {
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told of every connection and every loss of it. */
  readonly onState?: (state: WatchState) => void;
}

/** The longest silence, in milliseconds: three of the server's heartbeats. */
const SILENCE_TIMEOUT = 45_000;

/** Waits between connections; a watch never gives up. */
const RECONNECT_BACKOFF: Backoff = { first: 100, longest: 5_000 };

/**
 * Changes from a revision on. A broken connection is made again and continues behind the last revision seen, so
 * nothing is lost and nothing comes twice. Ends quietly when the signal aborts.
 * @throws RomanaError `compacted` when the history is gone (read everything anew), or any other lasting error.
 */
export async function* watch(
  caller: Caller<Contract>,
  query: NonNullable<QueryOf<typeof CONTRACT.watch>>,
  { signal, onState }: WatchOptions,
): AsyncIterable<WatchEvent> {
  let after = query.after;
  for (let attempt = 0; !signal.aborted; ) {
    try {
      const next = after === undefined ? query : { ...query, after };
      const request = requestOf(CONTRACT.watch, { query: next }, { signal }, SILENCE_TIMEOUT);
      const answer = await caller.transport.send(request);
      onState?.({ connected: true });
      try {
        for await (const event of readEvents(answer.body)) {
          attempt = 0;
          const change = changeOf(event);
          if (change !== undefined) yield change;
          if (event.id !== "") after = Number(event.id);
        }
      } catch (error) {
        throw caller.transport.failure(request, error);
      } finally {
        answer.body.destroy();
      }
      onState?.({
        connected: false,
        error: new RomanaError("romanad ended the watch", { code: "unavailable" }),
      });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof RomanaError) || !isTemporary(error.code)) throw error;
      onState?.({ connected: false, error });
    }
    try {
      await caller.sleep(backoffDelay(RECONNECT_BACKOFF, attempt++, caller.random()), signal);
    } catch {
      return;
    }
  }
}

/** The changes that an event carries; undefined for a mere sign of life. */
function changeOf({ type, data }: ServerSentEvent): WatchEvent | undefined {
  if (type === "change") return decodeLenient(watchEventSchema, "read event of watch", JSON.parse(data));
  const problem = type === "problem" ? decodeProblem(JSON.parse(data)) : undefined;
  if (problem !== undefined) throw problem;
  return undefined;
}

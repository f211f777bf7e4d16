import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Control, WatchEvent, WatchOptions } from "../control/index.ts";
import { invalidInput, RomanaError } from "../model/index.ts";
import { CONTRACT, decodeWith, WATCH_KINDS } from "../schema/index.ts";
import { encodeEvent } from "./event.ts";
import type { Log } from "./log.ts";
import type { Metrics, WatchEnd } from "./metrics.ts";
import { problemOf } from "./problem.ts";

/** How watches are kept alive and cut off, in milliseconds. */
export interface WatchTimes {
  /** Between two signs of life. */
  readonly heartbeat: number;
  /** How long a watcher may leave its data unread. */
  readonly stall: number;
}

/** How often stalled watchers are looked for, in milliseconds. */
const TICK = 250;

const WHAT = "watch changes";
const HEARTBEAT = ":\n\n";

/** One open watch. */
interface Watch {
  readonly response: ServerResponse;
  readonly abort: AbortController;
  /** Since when data waits for the watcher to read; undefined when none does. */
  blockedSince?: number | undefined;
  /** Called when the watcher has read everything, or is gone. */
  onRead?: () => void;
  end: WatchEnd;
}

/**
 * Serves watches as server-sent events. A watcher that reads slowly is not read for either: it holds one event in
 * memory, and when it does not read at all for a while it is cut off and may resume from its last event.
 */
export class Watches {
  readonly #control: Control;
  readonly #metrics: Metrics;
  readonly #log: Log;
  readonly #times: WatchTimes;
  readonly #open = new Set<Watch>();
  readonly #timer: NodeJS.Timeout;
  #lastHeartbeat = performance.now();
  #closed = false;

  constructor(control: Control, metrics: Metrics, log: Log, times: WatchTimes) {
    this.#control = control;
    this.#metrics = metrics;
    this.#log = log;
    this.#times = times;
    this.#timer = setInterval(() => this.#tick(performance.now()), TICK).unref();
  }

  /** Adds the watch operation to the app. */
  serve(app: FastifyInstance): void {
    app.get(
      CONTRACT.watch.path,
      { exposeHeadRoute: false, config: { operation: "watch" } },
      (request, reply) => this.#serve(request, reply),
    );
  }

  /** Ends all watches; their clients come back when romanad does. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
    for (const watch of this.#open) this.#end(watch, "shutdown");
  }

  async #serve(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const abort = new AbortController();
    const options = await this.#optionsOf(request, abort.signal);
    if (this.#closed)
      throw new RomanaError(`Cannot ${WHAT}: romanad is shutting down`, { code: "unavailable" });
    const events = this.#control.watch(options)[Symbol.asyncIterator]();
    const first = events.next();
    await refusal(first);
    reply.hijack();
    const response = reply.raw;
    const watch: Watch = { response, abort, end: this.#closed ? "shutdown" : "client" };
    response.on("drain", () => {
      watch.blockedSince = undefined;
      watch.onRead?.();
    });
    // A write that meets a connection which has just gone; "close" follows.
    response.on("error", () => undefined);
    response.once("close", () => {
      abort.abort();
      watch.onRead?.();
    });
    if (this.#closed || response.destroyed) abort.abort();
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    this.#open.add(watch);
    this.#metrics.watcherOpened();
    try {
      this.#write(watch, `id: ${options.after}\n\n`);
      await this.#pump(watch, events, first);
    } catch (error) {
      this.#fail(watch, error);
    } finally {
      this.#open.delete(watch);
      this.#metrics.watcherClosed(watch.end);
      // What waits for a watcher that does not read would keep its connection open.
      if (watch.blockedSince === undefined) response.end();
      else response.destroy();
    }
  }

  /** Where the watch starts: `after`, or what the client saw last, or now. */
  async #optionsOf(request: FastifyRequest, signal: AbortSignal): Promise<WatchOptions & { after: number }> {
    const query = decodeWith(CONTRACT.watch.query, WHAT, request.query);
    const revision = await this.#control.revision();
    const after = lastEventId(request) ?? query.after ?? revision;
    if (after > revision) {
      const reason = `the store is at revision ${revision}, before ${after}: it is not the same store any more`;
      throw new RomanaError(`Cannot ${WHAT}: ${reason}`, { code: "compacted", oldest: revision });
    }
    const { kinds = WATCH_KINDS, host } = query;
    return { kinds, after, signal, ...(host !== undefined && { host }) };
  }

  async #pump(watch: Watch, events: AsyncIterator<WatchEvent>, first: Promise<IteratorResult<WatchEvent>>) {
    const { signal } = watch.abort;
    try {
      for (let next = await first; next.done !== true && !signal.aborted; next = await events.next()) {
        this.#write(watch, encodeEvent(next.value));
        if (watch.blockedSince === undefined || signal.aborted) continue;
        await new Promise<void>((resolve) => {
          watch.onRead = resolve;
        });
      }
    } finally {
      await events.return?.();
    }
  }

  #write(watch: Watch, data: Buffer | string): void {
    if (!watch.response.write(data)) watch.blockedSince ??= performance.now();
  }

  /** Tells the watcher of an error when it still listens. */
  #fail(watch: Watch, error: unknown): void {
    if (watch.abort.signal.aborted) return;
    watch.end = "error";
    const { problem, status } = problemOf(error);
    if (status === 500) this.#log.error({ err: error }, "a watch failed");
    watch.response.write(`event: problem\ndata: ${JSON.stringify(problem)}\n\n`);
  }

  #tick(now: number): void {
    const isHeartbeat = now - this.#lastHeartbeat >= this.#times.heartbeat;
    if (isHeartbeat) this.#lastHeartbeat = now;
    for (const watch of this.#open) {
      const { blockedSince } = watch;
      if (blockedSince !== undefined) {
        if (now - blockedSince < this.#times.stall) continue;
        this.#log.warn({ stalled: Math.round(now - blockedSince) }, "a watcher does not read and is cut off");
        this.#end(watch, "stalled");
      } else if (isHeartbeat) this.#write(watch, HEARTBEAT);
    }
  }

  #end(watch: Watch, end: WatchEnd): void {
    watch.end = end;
    if (end === "stalled") watch.response.destroy();
    watch.abort.abort();
    watch.onRead?.();
  }
}

/** Throws what the first event failed with, when that is known at once: it is still time for a status. */
async function refusal(first: Promise<unknown>): Promise<void> {
  const turn = new Promise<void>((resolve) => setImmediate(resolve));
  await Promise.race([first, turn]);
}

/** The revision that a reconnecting client saw last; undefined when it is new. */
function lastEventId(request: FastifyRequest): number | undefined {
  const text = request.headers["last-event-id"];
  if (text === undefined || text === "") return undefined;
  if (typeof text === "string" && /^[0-9]{1,16}$/.test(text)) return Number(text);
  throw invalidInput(WHAT, [{ path: "Last-Event-ID", reason: `${JSON.stringify(text)} is not a revision` }]);
}

import { createHash } from "node:crypto";
import { hasCode, RomanaError } from "../model/index.ts";
import type { KubernetesMeta } from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import type { Log } from "./log.ts";

/** What an event is about. */
export interface Subject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly meta: KubernetesMeta;
}

/** What an {@link EventRecorder} works with. */
export interface EventRecorderOptions {
  readonly api: Pick<ApiServer, "call">;
  /** Who tells; events show it. */
  readonly identity: string;
  readonly log: Log;
  readonly now: () => number;
}

/** The same event is written again after so long, in milliseconds: a cluster keeps events for an hour. */
const REPEAT = 600_000;
/** Most events that are remembered, and most that wait to be written; more are dropped. */
const MAX_KNOWN = 10_000;
const MAX_WAITING = 500;
/** Longest message of an event (core/v1 Event). */
const MAX_MESSAGE = 1024;

/** Tells, as Events of the objects, what could not be honoured. Nobody waits for it, and nothing depends on it. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  /** When each event was told last, and how often so far. */
  readonly #known = new Map<string, { readonly at: number; readonly count: number }>();
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** Tells of something that is not as the object says. The same thing is told once in a while. */
  warn(subject: Subject, reason: string, message: string): void {
    const { now, log } = this.#options;
    const text = [subject.meta.uid, reason, message].join("\n");
    const time = now();
    const told = this.#known.get(text);
    if (told !== undefined && time - told.at < REPEAT) return;
    if (this.#waiting >= MAX_WAITING) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size >= MAX_KNOWN) this.#known.delete(oldest);
    this.#known.delete(text);
    const count = (told?.count ?? 0) + 1;
    this.#known.set(text, { at: time, count });
    const { kind, meta } = subject;
    log.warn({ kind, namespace: meta.namespace, name: meta.name, reason }, message);
    this.#waiting += 1;
    this.#last = this.#last.then(async () => {
      await this.#write(subject, reason, message, count);
      this.#waiting -= 1;
    });
  }

  /** Resolves when everything that was told is written, or could not be. */
  async settled(): Promise<void> {
    await this.#last;
  }

  async #write(subject: Subject, reason: string, message: string, count: number): Promise<void> {
    const { api, identity, log, now } = this.#options;
    const { kind, apiVersion, meta } = subject;
    // Events of objects without a namespace are in this one (client-go does so, too).
    const namespace = meta.namespace ?? "default";
    const time = new Date(now()).toISOString().replace(/\.\d+Z$/, "Z");
    const hash = createHash("sha256")
      .update([meta.uid, reason, message].join("\n"))
      .digest("hex")
      .slice(0, 16);
    const name = `${meta.name.slice(0, 200)}.${hash}`;
    const body = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name, namespace },
      involvedObject: {
        kind,
        apiVersion,
        name: meta.name,
        uid: meta.uid,
        ...(meta.namespace !== undefined && { namespace }),
      },
      type: "Warning",
      reason,
      message: message.slice(0, MAX_MESSAGE),
      source: { component: "romana-kubernetes", host: identity },
      firstTimestamp: time,
      lastTimestamp: time,
      count: 1,
    };
    const path = `/api/v1/namespaces/${namespace}/events`;
    try {
      await api.call({ method: "POST", path, body });
    } catch (error) {
      if (hasCode(error, "conflict")) await this.#repeat(`${path}/${name}`, time, count);
      else if (error instanceof RomanaError) log.debug({ err: error }, "an event could not be written");
      else throw error;
    }
  }

  /** It is there already, from us or from an earlier life. */
  async #repeat(path: string, lastTimestamp: string, count: number): Promise<void> {
    const { api, log } = this.#options;
    const body = { lastTimestamp, ...(count > 1 && { count }) };
    try {
      await api.call({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
      log.debug({ err: error }, "an event could not be written");
    }
  }
}

import { hasCode } from "../model/index.ts";
import type { Compare, Entry, Store, TransactionResult, WatchBatch, Write } from "../store/index.ts";
import { CATALOG_PREFIXES, guardedBy } from "./catalog.ts";
import type { Clock } from "./options.ts";
import { entriesBelow } from "./stored.ts";

/** Something in memory that follows keys of the store. */
export interface Mirror {
  /** Takes in a key's value; undefined: deleted. */
  apply(key: string, value: string | undefined, revision: number): void;
  /** Forgets everything: the store is read anew. */
  clear(): void;
}

/** What the feed tells of the store besides its mirrors. */
export interface FeedEvents {
  /** Called with every batch, in order, after the mirrors have taken it in. */
  onBatch(batch: WatchBatch): void;
  /** The past was lost and the mirrors were read anew. */
  onLost(error: unknown): void;
  /** Following the store failed; it goes on in a moment. */
  onTrouble(error: unknown): void;
}

/** Batches of the store from some revision on, kept for somebody who reads the store in pieces meanwhile. */
export interface Recording {
  readonly batches: readonly WatchBatch[];
  /** Waits until all batches up to a revision are there, at most so many milliseconds; true when they are. */
  reaches(revision: number, milliseconds: number): Promise<boolean>;
  /** True when batches are missing. */
  readonly isBroken: boolean;
  stop(): void;
}

/** Most changes that a recording keeps. */
const MAX_RECORDED = 2_000_000;
/** Rows read at once at the start. */
const PAGE = 2000;
/** Milliseconds before a watch that broke is tried again. */
const RETRY_AFTER = 1000;

/**
 * The one watch of the store that keeps everything in memory right. Own commits are taken in at once, so that the
 * next call sees them; what the watch tells of them later is then old news.
 */
export class Feed {
  /** Revision up to which the watch has told everything. */
  revision = 0;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #mirrors: readonly Mirror[];
  readonly #events: FeedEvents;
  readonly #closing = new AbortController();
  /** Keys of own commits that the watch has not told of yet, with the revision of the last one. */
  readonly #ahead = new Map<string, number>();
  /** Keys that changed while a refresh was reading them. */
  readonly #refreshing = new Set<Set<string>>();
  readonly #recorders = new Set<Recorder>();
  #running: Promise<void> = Promise.resolve();

  constructor(store: Store, clock: Clock, mirrors: readonly Mirror[], events: FeedEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#mirrors = mirrors;
    this.#events = events;
  }

  /** Loads the mirrors and starts to follow the store. */
  async start(): Promise<void> {
    await this.#load();
    this.#running = this.#run();
  }

  /** Commits to the store and takes the writes in. */
  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult> {
    const result = await this.#store.transact(compares, writes);
    // The watch may have been faster than the answer.
    if (!result.committed || result.revision <= this.revision) return result;
    for (const write of writes) {
      this.#ahead.set(write.key, result.revision);
      this.#outdate(write.key);
      this.#tell(write.key, write.type === "put" ? write.value : undefined, result.revision);
    }
    return result;
  }

  /** Reads keys whose revisions turned out to be others than thought, so that the next try knows better. */
  async refresh(keys: readonly string[], revision: number): Promise<void> {
    // Not the news of this refresh, but what the watch and own commits tell meanwhile.
    const changed = new Set<string>();
    this.#refreshing.add(changed);
    try {
      await Promise.all(
        keys.map(async (key) => {
          const entry = await this.#store.get(key);
          for (const prefix of guardedBy(key)) {
            for await (const { key: below, value, modRevision } of entriesBelow(this.#store, prefix)) {
              if (!changed.has(below)) this.#tell(below, value, modRevision);
            }
          }
          if (!changed.has(key)) this.#tell(key, entry?.value, entry?.modRevision ?? revision);
        }),
      );
    } finally {
      this.#refreshing.delete(changed);
    }
  }

  /** Keeps the batches from now on. */
  record(): Recording {
    const recorder = new Recorder(
      this.#clock,
      () => this.revision,
      () => this.#recorders.delete(recorder),
    );
    this.#recorders.add(recorder);
    return recorder;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Reads everything before anything in memory changes, so that nobody meets a mirror half empty. */
  async #load(): Promise<void> {
    const entries: Entry[] = [];
    let first: number | undefined;
    for (const prefix of CATALOG_PREFIXES) {
      for (let after: string | undefined; ; ) {
        const page = await this.#store.list(prefix, { limit: PAGE, ...(after !== undefined && { after }) });
        first ??= page.revision;
        entries.push(...page.entries);
        after = page.entries.at(-1)?.key;
        if (!page.more) break;
      }
    }
    this.#ahead.clear();
    for (const mirror of this.#mirrors) mirror.clear();
    for (const { key, value, modRevision } of entries) this.#tell(key, value, modRevision);
    this.revision = first ?? 0;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        for await (const batch of this.#store.watch("", this.revision, signal)) this.#take(batch);
      } catch (error) {
        if (signal.aborted) return;
        this.#events.onTrouble(error);
        await this.#recover(error);
      }
    }
  }

  #take(batch: WatchBatch): void {
    const { revision } = batch;
    for (const { key, entry } of batch.changes) {
      const ahead = this.#ahead.get(key);
      if (ahead !== undefined && ahead <= revision) this.#ahead.delete(key);
      if (ahead === undefined || ahead < revision) {
        this.#outdate(key);
        this.#tell(key, entry?.value, revision);
      }
    }
    this.revision = revision;
    for (const recorder of this.#recorders) recorder.add(batch);
    this.#events.onBatch(batch);
  }

  async #recover(error: unknown): Promise<void> {
    if (!hasCode(error, "compacted")) {
      await this.#pause();
      return;
    }
    try {
      await this.#load();
      for (const recorder of this.#recorders) recorder.isBroken = true;
      this.#events.onLost(error);
    } catch (failure) {
      this.#events.onTrouble(failure);
      await this.#pause();
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        cancel();
        this.#closing.signal.removeEventListener("abort", done);
        resolve();
      };
      const cancel = this.#clock.after(RETRY_AFTER, done);
      this.#closing.signal.addEventListener("abort", done, { once: true });
    });
  }

  /** What refreshes under way have read of the key may be old. */
  #outdate(key: string): void {
    for (const changed of this.#refreshing) changed.add(key);
  }

  #tell(key: string, value: string | undefined, revision: number): void {
    for (const mirror of this.#mirrors) mirror.apply(key, value, revision);
  }
}

class Recorder implements Recording {
  readonly batches: WatchBatch[] = [];
  isBroken = false;
  readonly stop: () => void;
  readonly #clock: Clock;
  readonly #revision: () => number;
  readonly #waiting = new Set<() => void>();
  #changes = 0;

  constructor(clock: Clock, revision: () => number, stop: () => void) {
    this.#clock = clock;
    this.#revision = revision;
    this.stop = stop;
  }

  add(batch: WatchBatch): void {
    this.#changes += batch.changes.length;
    if (this.#changes > MAX_RECORDED) this.isBroken = true;
    else this.batches.push(batch);
    for (const wake of this.#waiting) wake();
  }

  async reaches(revision: number, milliseconds: number): Promise<boolean> {
    let isLate = false;
    const cancel = this.#clock.after(milliseconds, () => {
      isLate = true;
      for (const wake of this.#waiting) wake();
    });
    while (this.#revision() < revision && !isLate && !this.isBroken) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
    cancel();
    return this.#revision() >= revision;
  }
}

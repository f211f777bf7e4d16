import { randomUUID } from "node:crypto";
import { notFound, RomanaError } from "../model/index.ts";
import { type Clock, systemClock } from "./clock.ts";
import { GroupCommit } from "./group-commit.ts";
import { type KeyRange, rangeOf } from "./keys.ts";
import { createLeaseTimers, type LeaseTimers } from "./lease-timers.ts";
import { backUpStore } from "./sqlite-backup.ts";
import { ENGINE_LIMITS, type EngineLimits, SqliteEngine } from "./sqlite-engine.ts";
import { damaged, storeError } from "./sqlite-error.ts";
import { openReader, openStoreFile, type StoreFile } from "./sqlite-file.ts";
import { readSnapshot } from "./sqlite-snapshot.ts";
import type {
  Compare,
  Entry,
  LeaseId,
  ListOptions,
  Page,
  Store,
  TransactionResult,
  WatchBatch,
  Write,
} from "./store.ts";
import { checkCompaction, checkList, checkTransaction, checkTtl } from "./validate.ts";
import { WatchHub } from "./watch-hub.ts";

/** How a SQLite store differs from the default one. */
export interface SqliteStoreOptions {
  /** Time of leases; default the machine's. */
  readonly clock?: Clock;
  /** At least so many revisions stay available to watches; default 100,000. */
  readonly keepRevisions?: number;
  /** How much work it puts off; default what measured best. */
  readonly limits?: Partial<EngineLimits>;
}

/** A store in a file. */
export interface SqliteStore extends Store {
  /** The file it lives in. */
  readonly path: string;
  /**
   * Copies the store as of now into the new file `target`, while it goes on working. The copy opens like any store.
   * @throws RomanaError `conflict` when `target` exists, `unavailable` when the system refuses.
   */
  backup(target: string): Promise<void>;
}

/**
 * Opens the store in the file; makes file and directory when there is none.
 * @throws RomanaError `unavailable` when another process has it open or the system refuses, `unsupported` when the
 *   file is not a store of this format, `internal` when it is damaged.
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): SqliteStore {
  const file = openStoreFile(path);
  try {
    return new OpenSqliteStore(path, file, options);
  } catch (error) {
    file.abandon();
    throw error instanceof SyntaxError
      ? damaged(path, "its log is unreadable", error)
      : storeError("open", path, error);
  }
}

/** Revisions in memory for watchers. */
const RECENT = { revisions: 4096, characters: 8 * 1024 * 1024 };
/** Rows that a listing reads without letting other work in between: about 5 ms. */
const LIST_ROWS = 10_000;
/** Milliseconds after which an idle store folds what is left. */
const IDLE = 500;
/** Milliseconds after which the end of a lease is tried again. */
const EXPIRE_AGAIN = 1000;

class OpenSqliteStore implements SqliteStore {
  readonly path: string;
  readonly #file: StoreFile;
  readonly #engine: SqliteEngine;
  readonly #timers: LeaseTimers;
  readonly #commits: GroupCommit;
  readonly #hub: WatchHub;
  readonly #clock: Clock;
  /** The last revision that is durable. */
  #durable: number;
  /** What is being made durable. */
  #written: readonly WatchBatch[] = [];
  /** Why what was written last may not be on disk. Only a restart can tell what is. */
  #doubt: unknown;
  /** Long readings under way. */
  readonly #readings = new Set<Promise<unknown>>();
  #cancelFold: (() => void) | undefined;
  #closed: RomanaError | undefined;
  #closing: Promise<void> | undefined;

  constructor(path: string, file: StoreFile, options: SqliteStoreOptions) {
    const { clock = systemClock, keepRevisions = ENGINE_LIMITS.keepRevisions, limits } = options;
    this.path = path;
    this.#clock = clock;
    this.#file = file;
    const engine = new SqliteEngine(file.database, { ...ENGINE_LIMITS, keepRevisions, ...limits });
    this.#engine = engine;
    this.#hub = new WatchHub(engine.revision, RECENT, {
      oldest: () => engine.compacted,
      read: (after) =>
        this.#reading(() => engine.batches(after)).filter(({ revision }) => revision <= this.#durable),
    });
    this.#commits = new GroupCommit({
      begin: () => {
        this.#assertSynced();
        engine.begin();
      },
      commit: () => {
        this.#written = engine.commit();
      },
      rollback: () => engine.rollback(),
      sync: () => this.#sync(),
      publish: () => {
        this.#durable = engine.revision;
        for (const batch of this.#written) this.#hub.publish(batch);
        this.#foldWhenIdle();
      },
      failure: (error) => storeError("write", path, error),
    });
    this.#durable = engine.revision;
    this.#timers = createLeaseTimers(clock, (lease) => this.#expire(lease));
    for (const [lease, ttl] of engine.leases()) this.#timers.start(lease, ttl);
  }

  async revision(): Promise<number> {
    await this.#settled();
    return this.#engine.revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    await this.#settled();
    return this.#reading(() => this.#engine.get(key));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#assertOpen();
    checkList(prefix, options);
    await this.#settled();
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const range = rangeOf(prefix, after);
    const most = Math.min(limit, LIST_ROWS);
    const entries = this.#reading(() => this.#engine.page(range, most + 1));
    const more = entries.length > most;
    if (more && limit > most) return await this.#longReading(this.#listLong(range, limit));
    if (more) entries.pop();
    return { entries, revision: this.#engine.revision, more };
  }

  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult> {
    this.#assertOpen();
    checkTransaction(compares, writes);
    const weight = compares.length + writes.length;
    return await this.#commits.submit(weight, () => this.#engine.transact(compares, writes));
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#hub.watch(prefix, after, signal);
  }

  async grantLease(ttl: number): Promise<LeaseId> {
    this.#assertOpen();
    checkTtl(ttl);
    const lease = randomUUID() as string as LeaseId;
    await this.#commits.submit(1, () => this.#engine.grantLease(lease, ttl));
    this.#timers.start(lease, ttl);
    return lease;
  }

  async keepLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    if (!this.#timers.keep(lease)) throw notFound("lease", lease);
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    await this.#commits.submit(1, () => this.#engine.endLease(lease));
    this.#timers.stop(lease);
  }

  async compact(revision: number): Promise<void> {
    await this.#settled();
    checkCompaction(revision, this.#engine.revision);
    await this.#commits.submit(1, () => this.#engine.compact(revision));
  }

  async backup(target: string): Promise<void> {
    await this.#settled();
    await this.#longReading(backUpStore(this.path, target));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = new RomanaError(`Cannot use store "${this.path}": it is closed`, { code: "unavailable" });
    this.#timers.close();
    this.#cancelFold?.();
    await this.#foldAll();
    await Promise.allSettled(this.#readings);
    this.#hub.close(this.#closed);
    // What may have lost something is not marked as complete: the next start looks at all of it.
    if (this.#doubt === undefined) this.#file.close();
    else this.#file.abandon();
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
    this.#assertSynced();
  }

  #assertSynced(): void {
    if (this.#doubt !== undefined) throw this.#doubt;
  }

  /** Lets nobody see what a power cut could still take back. */
  async #settled(): Promise<void> {
    this.#assertOpen();
    while (this.#commits.syncing !== undefined) await this.#commits.syncing;
    this.#assertOpen();
  }

  /** After a failure the system may have dropped what it could not write: a second try would find nothing to write. */
  async #sync(): Promise<void> {
    try {
      await this.#file.sync();
    } catch (error) {
      this.#doubt = storeError("write", this.path, error);
      throw error;
    }
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storeError("read", this.path, error);
    }
  }

  /** Keeps the store from closing under the reading. */
  async #longReading<T>(reading: Promise<T>): Promise<T> {
    this.#readings.add(reading);
    try {
      return await reading;
    } finally {
      this.#readings.delete(reading);
    }
  }

  /** Reads a long listing piece by piece from one snapshot, letting other work in between. */
  async #listLong(range: KeyRange, limit: number): Promise<Page> {
    const { revision } = this.#engine;
    const reader = this.#reading(() => openReader(this.path));
    try {
      const pieces = readSnapshot(reader, range, this.#engine.overlayOf(range), LIST_ROWS);
      const entries: Entry[] = [];
      for (const piece of pieces) {
        for (const entry of piece) entries.push(entry);
        if (entries.length > limit) return { entries: entries.slice(0, limit), revision, more: true };
        await new Promise((resolve) => setImmediate(resolve));
      }
      return { entries, revision, more: false };
    } catch (error) {
      throw storeError("read", this.path, error);
    } finally {
      reader.close();
    }
  }

  /** Folds once no batch has come for a while. */
  #foldWhenIdle(): void {
    this.#cancelFold?.();
    this.#cancelFold = undefined;
    if (this.#closed !== undefined || this.#engine.folded) return;
    this.#cancelFold = this.#clock.after(IDLE, () => void this.#foldAll());
  }

  /** Folds everything, batch by batch. When that fails the log still has it all, and the next commit will tell. */
  async #foldAll(): Promise<void> {
    try {
      do await this.#commits.submit(1, () => this.#engine.wantFold());
      while (!this.#engine.folded);
    } catch {
      this.#cancelFold = undefined;
    }
  }

  /** Ends a lease whose time is over, again and again until that is durable. */
  #expire(lease: LeaseId): void {
    if (this.#closed !== undefined) return;
    this.#commits
      .submit(1, () => this.#engine.endLease(lease))
      .catch(() => this.#clock.after(EXPIRE_AGAIN, () => this.#expire(lease)));
  }
}

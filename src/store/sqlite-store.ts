import { randomUUID } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { notFound, RomanaError } from "../model/index.ts";
import { type Clock, systemClock } from "./clock.ts";
import { GroupCommit, JobRefused } from "./group-commit.ts";
import { createLeaseTimers, type LeaseTimers } from "./lease-timers.ts";
import { SqliteEntries } from "./sqlite-entries.ts";
import { storeError } from "./sqlite-error.ts";
import { openReader, openStoreFile, type StoreFile } from "./sqlite-file.ts";
import { SqliteLog } from "./sqlite-log.ts";
import { prepare, REVISION, readNumber } from "./sqlite-schema.ts";
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
}

/** A store in a file. */
export interface SqliteStore extends Store {
  /** The file it lives in. */
  readonly path: string;
}

/**
 * Opens the store in the file; makes file and directory when there is none.
 * @throws RomanaError `unavailable` when another process has it open or the system refuses, `unsupported` when the
 *   file is not a store of this format, `internal` when it is damaged.
 */
export function openSqliteStore(path: string, options: SqliteStoreOptions = {}): SqliteStore {
  return new OpenSqliteStore(path, openStoreFile(path), options);
}

/** Revisions in memory for watchers. */
const RECENT = { revisions: 4096, characters: 8 * 1024 * 1024 };
/** Rows that a listing reads at once; about 5 ms. */
const LIST_ROWS = 10_000;
/** Log rows that automatic compaction deletes at once. */
const COMPACT_ROWS = 1024;

/** What transactions move forward and a failed batch moves back. */
interface Progress {
  revision: number;
  compacted: number;
  batches: WatchBatch[];
}

class OpenSqliteStore implements SqliteStore {
  readonly path: string;
  readonly #file: StoreFile;
  readonly #database: DatabaseSync;
  readonly #entries: SqliteEntries;
  readonly #log: SqliteLog;
  readonly #leaseTtl: StatementSync;
  readonly #keepRevisions: number;
  readonly #timers: LeaseTimers;
  readonly #commits: GroupCommit;
  readonly #hub: WatchHub;
  #committed: Progress;
  #draft: Progress;
  #closed: RomanaError | undefined;

  constructor(path: string, file: StoreFile, { clock, keepRevisions }: SqliteStoreOptions) {
    this.path = path;
    this.#file = file;
    this.#database = file.database;
    this.#entries = new SqliteEntries(file.database);
    this.#log = new SqliteLog(file.database);
    this.#leaseTtl = prepare(file.database, "SELECT ttl FROM lease WHERE id = ?");
    this.#keepRevisions = keepRevisions ?? 100_000;
    const revision = readNumber(file.database, REVISION);
    const compacted = readNumber(file.database, "SELECT compacted FROM state");
    this.#committed = { revision, compacted, batches: [] };
    this.#draft = this.#committed;
    this.#commits = new GroupCommit({
      begin: () => this.#begin(),
      commit: () => this.#commit(),
      rollback: () => this.#rollback(),
    });
    this.#hub = new WatchHub(revision, RECENT, {
      oldest: () => this.#committed.compacted,
      read: (after) => this.#log.read(after),
    });
    this.#timers = createLeaseTimers(clock ?? systemClock, (lease) => this.#expire(lease));
    const leases = prepare(file.database, "SELECT id, ttl FROM lease").all();
    for (const [id, ttl] of leases as unknown as [LeaseId, number][]) this.#timers.start(id, ttl);
  }

  async revision(): Promise<number> {
    this.#assertOpen();
    return this.#committed.revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#assertOpen();
    return this.#reading(() => this.#entries.get(key));
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#assertOpen();
    checkList(prefix, options);
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const most = Math.min(limit, LIST_ROWS);
    const entries = this.#reading(() => this.#entries.page(prefix, after, most + 1));
    const more = entries.length > most;
    if (more && limit > most) return await this.#listLong(prefix, after, limit);
    if (more) entries.pop();
    return { entries, revision: this.#committed.revision, more };
  }

  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult> {
    this.#assertOpen();
    checkTransaction(compares, writes);
    return await this.#commits.submit(() => this.#transact(compares, writes));
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#hub.watch(prefix, after, signal);
  }

  async grantLease(ttl: number): Promise<LeaseId> {
    this.#assertOpen();
    checkTtl(ttl);
    const lease = randomUUID() as string as LeaseId;
    const insert = this.#database.prepare("INSERT INTO lease VALUES (?, ?)");
    await this.#commits.submit(() => insert.run(lease, ttl));
    this.#timers.start(lease, ttl);
    return lease;
  }

  async keepLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    if (!this.#timers.keep(lease)) throw notFound("lease", lease);
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    await this.#commits.submit(() => this.#endLease(lease));
    this.#timers.stop(lease);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    checkCompaction(revision, this.#committed.revision);
    await this.#commits.submit(() => this.#compact(revision));
    this.#hub.forget(revision);
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new RomanaError(`Cannot use store "${this.path}": it is closed`, { code: "unavailable" });
    this.#timers.close();
    await this.#commits.drain();
    this.#hub.close(this.#closed);
    this.#file.close();
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  #reading<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw storeError("read", this.path, error);
    }
  }

  /** Reads a long listing piece by piece from one snapshot, letting other work in between. */
  async #listLong(prefix: string, after: string | undefined, limit: number): Promise<Page> {
    const reader = openReader(this.path);
    try {
      reader.exec("BEGIN");
      const revision = readNumber(reader, REVISION);
      const table = new SqliteEntries(reader);
      const entries: Entry[] = [];
      for (;;) {
        const most = Math.min(limit + 1 - entries.length, LIST_ROWS);
        const rows = table.page(prefix, entries.at(-1)?.key ?? after, most);
        for (const row of rows) entries.push(row);
        if (rows.length < most) return { entries, revision, more: false };
        if (entries.length > limit) return { entries: entries.slice(0, limit), revision, more: true };
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      throw storeError("read", this.path, error);
    } finally {
      reader.close();
    }
  }

  #begin(): void {
    this.#draft = { ...this.#committed, batches: [] };
    try {
      this.#database.exec("BEGIN IMMEDIATE");
    } catch (error) {
      throw storeError("write", this.path, error);
    }
  }

  #commit(): void {
    try {
      for (const batch of this.#draft.batches) this.#log.append(batch);
      const keepFrom = this.#draft.revision - this.#keepRevisions;
      if (keepFrom - this.#draft.compacted >= COMPACT_ROWS) this.#compact(keepFrom);
      this.#database.exec("COMMIT");
    } catch (error) {
      throw storeError("write", this.path, error);
    }
    this.#committed = this.#draft;
    for (const batch of this.#draft.batches) this.#hub.publish(batch);
  }

  #rollback(): void {
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.#draft = this.#committed;
  }

  #transact(compares: readonly Compare[], writes: readonly Write[]): TransactionResult {
    const known = new Map<string, Entry | undefined>();
    const failed = compares.filter(({ key, modRevision }) => {
      const entry = this.#entries.get(key);
      known.set(key, entry);
      return (entry?.modRevision ?? 0) !== modRevision;
    });
    this.#assertLeases(writes);
    if (failed.length > 0) return { committed: false, revision: this.#draft.revision, failed };
    this.#apply(writes, known);
    return { committed: true, revision: this.#draft.revision };
  }

  #assertLeases(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.type !== "put" || write.lease === undefined) continue;
      if (this.#leaseTtl.get(write.lease) !== undefined) continue;
      throw new JobRefused("lease", { cause: notFound("lease", write.lease) });
    }
  }

  #apply(writes: readonly Write[], known: ReadonlyMap<string, Entry | undefined>): void {
    const revision = this.#draft.revision + 1;
    const changes = writes.flatMap((write) => {
      const before = known.has(write.key) ? known.get(write.key) : this.#entries.get(write.key);
      return this.#entries.write(write, before, revision) ?? [];
    });
    if (changes.length === 0) return;
    this.#draft.revision = revision;
    this.#draft.batches.push({ revision, changes });
  }

  #expire(lease: LeaseId): void {
    this.#commits.submit(() => this.#endLease(lease)).catch(() => this.#timers.start(lease, 1));
  }

  #endLease(lease: LeaseId): void {
    const keys = this.#entries.keysOfLease(lease);
    this.#database.prepare("DELETE FROM lease WHERE id = ?").run(lease);
    this.#apply(
      keys.map((key) => ({ type: "delete", key })),
      new Map(),
    );
  }

  #compact(revision: number): void {
    if (revision <= this.#draft.compacted) return;
    this.#draft.compacted = revision;
    this.#log.delete(revision);
    this.#database.prepare("UPDATE state SET compacted = ?").run(revision);
  }
}

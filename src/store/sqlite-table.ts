import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { KeyRange } from "./keys.ts";
import { prepare } from "./sqlite-schema.ts";
import type { Entry, LeaseId } from "./store.ts";

/** As upper bound of keys: SQLite sorts every text before every blob. */
const NO_END = new Uint8Array(0);

type Row = [value: string, createRevision: number, modRevision: number];

/** The table of entries as of the last fold. */
export class SqliteTable {
  readonly #get: StatementSync;
  readonly #rows: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #ofLease: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = prepare(database, "SELECT value, create_revision, mod_revision FROM entry WHERE key = ?");
    this.#rows = prepare(
      database,
      `SELECT key, value, create_revision, mod_revision FROM entry
       WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`,
    );
    this.#put = database.prepare("INSERT OR REPLACE INTO entry VALUES (?, ?, ?, ?, ?)");
    this.#delete = database.prepare("DELETE FROM entry WHERE key = ?");
    this.#ofLease = prepare(database, "SELECT key FROM entry WHERE lease = ? ORDER BY key");
  }

  get(key: string): Entry | undefined {
    const row = this.#get.get(key) as unknown as Row | undefined;
    return row && { key, value: row[0], createRevision: row[1], modRevision: row[2] };
  }

  /** The first `limit` entries of the range. */
  rows({ start, end }: KeyRange, limit: number): Entry[] {
    const rows = this.#rows.all(start, end ?? NO_END, limit) as unknown as [string, ...Row][];
    return rows.map(([key, value, createRevision, modRevision]) => ({
      key,
      value,
      createRevision,
      modRevision,
    }));
  }

  put({ key, value, createRevision, modRevision }: Entry, lease: LeaseId | undefined): void {
    this.#put.run(key, value, createRevision, modRevision, lease ?? null);
  }

  delete(key: string): void {
    this.#delete.run(key);
  }

  keysOfLease(lease: LeaseId): string[] {
    return (this.#ofLease.all(lease) as unknown as [string][]).map(([key]) => key);
  }
}

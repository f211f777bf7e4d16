import type { DatabaseSync, StatementSync } from "node:sqlite";
import { compareKeys, prefixEnd } from "./keys.ts";
import { prepare } from "./sqlite-schema.ts";
import type { Change, Entry, Write } from "./store.ts";

/** As upper bound of keys: SQLite sorts every text before every blob. */
const NO_END = new Uint8Array(0);

type Row = [value: string, createRevision: number, modRevision: number];

/** The table of what is there now. */
export class SqliteEntries {
  readonly #get: StatementSync;
  readonly #page: StatementSync;
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #delete: StatementSync;
  readonly #ofLease: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = prepare(database, "SELECT value, create_revision, mod_revision FROM entry WHERE key = ?");
    this.#page = prepare(
      database,
      `SELECT key, value, create_revision, mod_revision FROM entry
       WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`,
    );
    this.#insert = database.prepare("INSERT INTO entry VALUES (?, ?, ?, ?, ?)");
    this.#update = database.prepare("UPDATE entry SET value = ?, mod_revision = ?, lease = ? WHERE key = ?");
    this.#delete = database.prepare("DELETE FROM entry WHERE key = ?");
    this.#ofLease = prepare(database, "SELECT key FROM entry WHERE lease = ? ORDER BY key");
  }

  get(key: string): Entry | undefined {
    const row = this.#get.get(key) as unknown as Row | undefined;
    return row && { key, value: row[0], createRevision: row[1], modRevision: row[2] };
  }

  /** The first `limit` entries whose key starts with `prefix` and is behind `after`. */
  page(prefix: string, after: string | undefined, limit: number): Entry[] {
    // The key directly behind another is that key and a zero byte.
    const start = after !== undefined && compareKeys(after, prefix) >= 0 ? `${after}\0` : prefix;
    const rows = this.#page.all(start, prefixEnd(prefix) ?? NO_END, limit) as unknown as [string, ...Row][];
    return rows.map(([key, value, createRevision, modRevision]) => ({
      key,
      value,
      createRevision,
      modRevision,
    }));
  }

  /** Does the write at the revision; `before` is the entry now. Undefined when that changes nothing. */
  write(write: Write, before: Entry | undefined, revision: number): Change | undefined {
    const { key } = write;
    const previous = before && { previous: before.value };
    if (write.type === "delete") {
      if (before === undefined) return undefined;
      this.#delete.run(key);
      return { key, ...previous };
    }
    const { value, lease = null } = write;
    const createRevision = before?.createRevision ?? revision;
    if (before === undefined) this.#insert.run(key, value, revision, revision, lease);
    else this.#update.run(value, revision, lease, key);
    return { key, entry: { key, value, createRevision, modRevision: revision }, ...previous };
  }

  keysOfLease(lease: string): string[] {
    return (this.#ofLease.all(lease) as unknown as [string][]).map(([key]) => key);
  }
}

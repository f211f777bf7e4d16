import type { DatabaseSync, StatementSync } from "node:sqlite";
import { prepare } from "./sqlite-schema.ts";
import type { Change, WatchBatch } from "./store.ts";

/** Reading the past stops after so many characters at a time. */
const READ_CHARACTERS = 1024 * 1024;

/** A change as the log keeps it: key, value (null: deleted), revision that created it, value before (null: none). */
type LoggedChange = readonly [
  key: string,
  value: string | null,
  createRevision: number,
  previous: string | null,
];

/** The table of revisions. */
export class SqliteLog {
  readonly #insert: StatementSync;
  readonly #read: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare("INSERT INTO log VALUES (?, ?)");
    this.#read = prepare(database, "SELECT revision, changes FROM log WHERE revision > ? ORDER BY revision");
    this.#delete = database.prepare("DELETE FROM log WHERE revision <= ?");
  }

  append({ revision, changes }: WatchBatch): void {
    this.#insert.run(revision, JSON.stringify(changes.map(toLogged)));
  }

  /** The batches directly after the revision, as many as fit in {@link READ_CHARACTERS}, at least one if any. */
  read(after: number): WatchBatch[] {
    const batches: WatchBatch[] = [];
    let characters = 0;
    for (const row of this.#read.iterate(after)) {
      const [revision, text] = row as unknown as [number, string];
      const changes = JSON.parse(text) as LoggedChange[];
      batches.push({ revision, changes: changes.map((change) => fromLogged(change, revision)) });
      characters += text.length;
      if (characters >= READ_CHARACTERS) break;
    }
    return batches;
  }

  /** Deletes the rows up to and including the revision. */
  delete(revision: number): void {
    this.#delete.run(revision);
  }
}

function toLogged({ key, entry, previous }: Change): LoggedChange {
  return [key, entry?.value ?? null, entry?.createRevision ?? 0, previous ?? null];
}

function fromLogged([key, value, createRevision, previous]: LoggedChange, revision: number): Change {
  return {
    key,
    ...(value !== null && { entry: { key, value, createRevision, modRevision: revision } }),
    ...(previous !== null && { previous }),
  };
}

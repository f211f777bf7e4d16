import type { DatabaseSync, StatementSync } from "node:sqlite";
import { prepare } from "./sqlite-schema.ts";
import type { Change, LeaseId, WatchBatch } from "./store.ts";

/** Reading the past stops after so many characters at a time. */
const READ_CHARACTERS = 1024 * 1024;

/** What one revision did to one key. */
export interface Step {
  readonly change: Change;
  /** The lease that the key has been put with. */
  readonly lease: LeaseId | undefined;
}

/** Everything that one revision did. */
export interface LogRow {
  readonly revision: number;
  readonly steps: readonly Step[];
}

/** A step as text: value null for a delete, previous null for a create. */
type Written = [
  key: string,
  value: string | null,
  createRevision: number,
  previous: string | null,
  lease?: LeaseId,
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

  append(revision: number, steps: readonly Step[]): void {
    this.#insert.run(revision, JSON.stringify(steps.map(toWritten)));
  }

  /** The rows behind the revision `after`, in order. */
  *rows(after: number): Generator<LogRow, void, void> {
    for (const row of this.#read.iterate(after)) {
      const [revision, text] = row as unknown as [number, string];
      const written = JSON.parse(text) as Written[];
      yield { revision, steps: written.map((step) => fromWritten(step, revision)) };
    }
  }

  /** The batches directly behind `after`: as many as fit in {@link READ_CHARACTERS}, at least one if any. */
  batches(after: number): WatchBatch[] {
    const batches: WatchBatch[] = [];
    let characters = 0;
    for (const row of this.rows(after)) {
      batches.push(batchOf(row));
      for (const { change } of row.steps) {
        characters += (change.entry?.value.length ?? 0) + (change.previous?.length ?? 0);
      }
      if (characters >= READ_CHARACTERS || batches.length >= 256) break;
    }
    return batches;
  }

  /** Deletes the rows up to and including the revision. */
  delete(revision: number): void {
    this.#delete.run(revision);
  }
}

/** What watchers see of a revision. */
export function batchOf({ revision, steps }: LogRow): WatchBatch {
  return { revision, changes: steps.map(({ change }) => change) };
}

function toWritten({ change: { key, entry, previous }, lease }: Step): Written {
  const written: Written = [key, entry?.value ?? null, entry?.createRevision ?? 0, previous ?? null];
  if (lease !== undefined) written.push(lease);
  return written;
}

function fromWritten([key, value, createRevision, previous, lease]: Written, revision: number): Step {
  const change = {
    key,
    ...(value !== null && { entry: { key, value, createRevision, modRevision: revision } }),
    ...(previous !== null && { previous }),
  };
  return { change, lease };
}

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { notFound } from "../model/index.ts";
import { JobRefused } from "./group-commit.ts";
import { compareKeys, type KeyRange, keyBehind } from "./keys.ts";
import { Overlay } from "./overlay.ts";
import { batchOf, SqliteLog, type Step } from "./sqlite-log.ts";
import { prepare, readNumbers, STATE } from "./sqlite-schema.ts";
import { SqliteTable } from "./sqlite-table.ts";
import type { Compare, Entry, LeaseId, TransactionResult, WatchBatch, Write } from "./store.ts";

/** How much work an engine puts off and how much of it it does at once. */
export interface EngineLimits {
  /** At least so many revisions stay for watchers. */
  readonly keepRevisions: number;
  /** From how much unfolded on each batch folds some: keys, characters of values, revisions (a start replays them). */
  readonly foldFrom: { readonly keys: number; readonly characters: number; readonly revisions: number };
  /** Keys that a batch folds at least; one that writes more folds twice as many as it writes. */
  readonly foldKeys: number;
  /** From how many deleted keys on that a page had to skip the next batch folds there. */
  readonly foldHidden: number;
}

/** Limits that keep what a batch does besides its transactions near 5 ms. */
export const ENGINE_LIMITS: EngineLimits = {
  keepRevisions: 100_000,
  foldFrom: { keys: 16_384, characters: 16 * 1024 * 1024, revisions: 65_536 },
  foldKeys: 1024,
  foldHidden: 64,
};

/** Revisions that a batch compacts at once by itself. */
const COMPACT_REVISIONS = 1024;
/** Log rows that a batch deletes at once: about 5 ms. */
const SWEEP_ROWS = 8192;

const ALL_KEYS: KeyRange = { start: "", end: undefined };

/** What a batch moves forward, and a failed one does not. */
interface Progress {
  readonly revision: number;
  readonly folded: number;
  readonly compacted: number;
  /** Rows up to here have been deleted. */
  readonly swept: number;
  /** Folding goes through the keys in order, again and again: here is where it goes on … */
  readonly foldNext: string;
  /** … and the revision when this round began: when it ends, everything up to it is folded. */
  readonly foldSince: number;
}

/**
 * The store's state machine over one connection; synchronous, one batch of transactions at a time. A transaction
 * appends one row to the log and puts its steps on the overlay. The table gets them later, many at once and in order
 * of keys: in a table, each key written costs a page of its own, in the write-ahead log and again in the file.
 */
export class SqliteEngine {
  readonly #database: DatabaseSync;
  readonly #table: SqliteTable;
  readonly #log: SqliteLog;
  readonly #leaseTtl: StatementSync;
  readonly #limits: EngineLimits;
  readonly #overlay = new Overlay();
  #committed: Progress;
  #draft: Progress;
  #foldWanted = false;
  /** A range where deleted keys that the table still has make reading slow: it is folded next. */
  #crowded: KeyRange | undefined;
  #batches: WatchBatch[] = [];
  /** Keys that the batch has written. */
  #written = 0;

  constructor(database: DatabaseSync, limits: EngineLimits) {
    this.#database = database;
    this.#table = new SqliteTable(database);
    this.#log = new SqliteLog(database);
    this.#leaseTtl = prepare(database, "SELECT ttl FROM lease WHERE id = ?");
    this.#limits = limits;
    const [revision = 0, folded = 0, compacted = 0, swept = 0] = readNumbers(database, STATE);
    this.#committed = { revision, folded, compacted, swept, foldNext: "", foldSince: revision };
    this.#draft = this.#committed;
    for (const { steps } of this.#log.rows(folded)) for (const step of steps) this.#overlay.set(step);
    this.#overlay.mark();
  }

  get revision(): number {
    return this.#committed.revision;
  }

  get compacted(): number {
    return this.#committed.compacted;
  }

  /** True when the table has everything. */
  get folded(): boolean {
    return this.#overlay.size === 0;
  }

  get(key: string): Entry | undefined {
    const step = this.#overlay.get(key);
    return step === undefined ? this.#table.get(key) : step.change.entry;
  }

  page(range: KeyRange, limit: number): Entry[] {
    const { page, hidden } = this.#overlay.page(range, limit, (part, most) => this.#table.rows(part, most));
    if (hidden >= this.#limits.foldHidden) this.#crowded = range;
    return page;
  }

  /** What lies over a range of the table: for a reader whose snapshot of the table is of this moment. */
  overlayOf(range: KeyRange): Overlay {
    const copy = new Overlay();
    for (const step of this.#overlay.slice(range, Number.POSITIVE_INFINITY)) copy.set(step);
    return copy;
  }

  /** Some batches directly behind the revision. */
  batches(after: number): WatchBatch[] {
    return this.#log.batches(after);
  }

  /** All leases in the order of their grants, and their seconds to live. */
  leases(): [LeaseId, number][] {
    return prepare(this.#database, "SELECT id, ttl FROM lease ORDER BY number").all() as unknown as [
      LeaseId,
      number,
    ][];
  }

  begin(): void {
    this.#draft = this.#committed;
    this.#batches = [];
    this.#written = 0;
    this.#foldWanted = false;
    this.#overlay.mark();
    if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    this.#database.exec("BEGIN IMMEDIATE");
  }

  /** Makes everything since `begin` durable; returns it for the watchers. */
  commit(): WatchBatch[] {
    const folded = this.#foldDue();
    const excess = this.#draft.revision - this.#limits.keepRevisions;
    if (excess - this.#draft.compacted >= COMPACT_REVISIONS) this.compact(excess);
    this.#sweepLog();
    this.#database.exec("COMMIT");
    this.#committed = this.#draft;
    this.#overlay.drop(folded);
    return this.#batches;
  }

  /** Undoes everything since `begin`. */
  rollback(): void {
    this.#draft = this.#committed;
    this.#overlay.undo();
    try {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
    } catch {
      // The disk is in trouble, which the batch has reported; the next one begins with a rollback.
    }
  }

  transact(compares: readonly Compare[], writes: readonly Write[]): TransactionResult {
    const found = compares.map(({ key }) => this.get(key));
    const failed = compares.filter(
      ({ modRevision }, index) => modRevision !== (found[index]?.modRevision ?? 0),
    );
    this.#assertLeases(writes);
    if (failed.length > 0) return { committed: false, revision: this.#draft.revision, failed };
    this.#apply(writes, (key) => {
      const index = compares.findIndex((compare) => compare.key === key);
      return index < 0 ? this.get(key) : found[index];
    });
    return { committed: true, revision: this.#draft.revision };
  }

  grantLease(lease: LeaseId, ttl: number): void {
    this.#database.prepare("INSERT INTO lease (id, ttl) VALUES (?, ?)").run(lease, ttl);
  }

  /** Deletes the lease and its keys. */
  endLease(lease: LeaseId): void {
    const inTable = this.#table.keysOfLease(lease).filter((key) => this.#overlay.get(key) === undefined);
    const steps = this.#overlay.slice(ALL_KEYS, Number.POSITIVE_INFINITY);
    const pending = steps.filter((step) => step.lease === lease).map(({ change }) => change.key);
    const keys = [...inTable, ...pending].sort(compareKeys);
    this.#database.prepare("DELETE FROM lease WHERE id = ?").run(lease);
    this.#apply(
      keys.map((key) => ({ type: "delete", key })),
      (key) => this.get(key),
    );
  }

  compact(revision: number): void {
    if (revision > this.#draft.compacted) this.#advance({ compacted: revision });
  }

  /** Lets this batch fold some keys even when that is not due. */
  wantFold(): void {
    this.#foldWanted = true;
  }

  /** Folds what is due; returns what the table has then got. */
  #foldDue(): Step[] {
    const crowded = this.#crowded;
    this.#crowded = undefined;
    if (crowded !== undefined) return this.#fold(crowded);
    const { size, characters } = this.#overlay;
    const { keys, ...from } = this.#limits.foldFrom;
    const revisions = this.#draft.revision - this.#draft.folded;
    const due = size >= keys || characters >= from.characters || revisions >= from.revisions;
    return due || this.#foldWanted ? this.#foldRound() : [];
  }

  /** Folds the next keys of the round. */
  #foldRound(): Step[] {
    const { revision, foldNext, foldSince } = this.#draft;
    const steps = this.#fold({ start: foldNext, end: undefined });
    if (steps.length === this.#overlay.size) {
      this.#advance({ folded: revision, foldNext: "", foldSince: revision });
    } else if (steps.length < this.#foldKeys()) {
      this.#advance({ folded: foldSince, foldNext: "", foldSince: revision });
    } else {
      const last = steps.at(-1) as Step;
      this.#draft = { ...this.#draft, foldNext: keyBehind(last.change.key) };
    }
    return steps;
  }

  #foldKeys(): number {
    return Math.max(this.#limits.foldKeys, 2 * this.#written);
  }

  #fold(range: KeyRange): Step[] {
    const steps = this.#overlay.slice(range, this.#foldKeys());
    for (const { change, lease } of steps) {
      if (change.entry === undefined) this.#table.delete(change.key);
      else this.#table.put(change.entry, lease);
    }
    return steps;
  }

  #advance(progress: Partial<Progress>): void {
    this.#draft = { ...this.#draft, ...progress };
    const { folded, compacted } = this.#draft;
    this.#database.prepare("UPDATE state SET folded = ?, compacted = ?").run(folded, compacted);
  }

  /** Deletes rows that neither a watch nor a start needs. */
  #sweepLog(): void {
    const { folded, compacted, swept } = this.#draft;
    const needless = Math.min(folded, compacted);
    if (swept >= needless) return;
    this.#draft = { ...this.#draft, swept: Math.min(needless, swept + SWEEP_ROWS) };
    this.#log.delete(this.#draft.swept);
  }

  #assertLeases(writes: readonly Write[]): void {
    for (const write of writes) {
      if (write.type !== "put" || write.lease === undefined) continue;
      if (this.#leaseTtl.get(write.lease) !== undefined) continue;
      throw new JobRefused("lease", { cause: notFound("lease", write.lease) });
    }
  }

  #apply(writes: readonly Write[], before: (key: string) => Entry | undefined): void {
    const revision = this.#draft.revision + 1;
    const steps: Step[] = [];
    for (const write of writes) {
      const step = stepOf(write, before(write.key), revision);
      if (step === undefined) continue;
      steps.push(step);
      this.#overlay.set(step);
    }
    if (steps.length === 0) return;
    this.#written += steps.length;
    this.#log.append(revision, steps);
    this.#draft = { ...this.#draft, revision };
    this.#batches.push(batchOf({ revision, steps }));
  }
}

/** What the write does to a key that is in the state `before`; undefined when nothing. */
function stepOf(write: Write, before: Entry | undefined, revision: number): Step | undefined {
  const { key } = write;
  if (write.type === "delete") {
    return before && { change: { key, previous: before.value }, lease: undefined };
  }
  const { value, lease } = write;
  const entry = { key, value, createRevision: before?.createRevision ?? revision, modRevision: revision };
  return { change: before === undefined ? { key, entry } : { key, entry, previous: before.value }, lease };
}

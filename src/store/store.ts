/** A stored key with the revisions that wrote it. Values are text (JSON by convention of the callers). */
export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the transaction that created the key since it was last absent. */
  readonly createRevision: number;
  /** Revision of the transaction that last wrote the key. */
  readonly modRevision: number;
}

/** A condition of a transaction: the key's `modRevision` now, 0 for "absent". */
export interface Compare {
  readonly key: string;
  readonly modRevision: number;
}

/** One write of a transaction. A transaction may write each key once. */
export type Write =
  | { readonly type: "put"; readonly key: string; readonly value: string; readonly lease?: LeaseId }
  | { readonly type: "delete"; readonly key: string };

/** What a transaction did: all of its writes at `revision`, or nothing because `failed` did not hold. */
export type TransactionResult =
  | { readonly committed: true; readonly revision: number }
  | { readonly committed: false; readonly revision: number; readonly failed: readonly Compare[] };

/** A change of one key. `entry` is absent for a delete; `previous` is the value before, where there was one. */
export interface Change {
  readonly key: string;
  readonly entry?: Entry;
  readonly previous?: string;
}

/** All changes of one revision below the watched prefix, in order of revision; never empty. */
export interface WatchBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** A lease's identifier. */
export type LeaseId = string & { readonly __brand: "LeaseId" };

/** A page of a listing. `revision` is the store's revision that the page was read at. */
export interface Page {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** True when entries behind the last one were left out because of `limit`. */
  readonly more: boolean;
}

/**
 * The one interface to durable state, with the semantics of etcd v3: a single growing revision, compare and
 * write in one transaction, watch from a revision, leases. A resolved write is durable. Keys are ordered by
 * their UTF-8 bytes. Every implementation passes the suite in `store.case.ts`.
 */
export interface Store {
  /** Revision of the last committed transaction; 0 in a new store. */
  revision(): Promise<number>;
  get(key: string): Promise<Entry | undefined>;
  /** Entries whose key starts with `prefix`, in key order, after the key `after` when given. */
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<Page>;
  /**
   * Commits all writes when every compare holds, else none. A delete of an absent key is no change.
   * @throws RomanaError `unavailable` when the outcome could not be made durable (disk full, store closed).
   */
  transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult>;
  /**
   * Changes below `prefix` with revision > `after`, first the past, then live, until the signal aborts.
   * A watcher that falls too far behind, or starts below what is kept, ends with `compacted`.
   * @throws RomanaError `compacted` with the oldest revision that a watch can still start after.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /** A lease of `ttl` seconds; keys put with it are deleted when it expires or is revoked. */
  grantLease(ttl: number): Promise<LeaseId>;
  /** Starts the lease's time anew. @throws RomanaError `not-found` when it has expired. */
  keepLease(lease: LeaseId): Promise<void>;
  revokeLease(lease: LeaseId): Promise<void>;
  /** Forgets changes up to and including `revision`; a watch cannot start before it any more. */
  compact(revision: number): Promise<void>;
  close(): Promise<void>;
}

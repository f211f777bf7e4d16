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

/** One write of a transaction. A put without `lease` takes the key out of the lease it had. */
export type Write =
  | { readonly type: "put"; readonly key: string; readonly value: string; readonly lease?: LeaseId }
  | { readonly type: "delete"; readonly key: string };

/**
 * What a transaction did: all of its writes at `revision`, or nothing because the compares in `failed` (as they
 * were given) did not hold. A transaction that changed nothing (no write, or deletes of absent keys only) takes no
 * revision of its own and returns the store's.
 */
export type TransactionResult =
  | { readonly committed: true; readonly revision: number }
  | { readonly committed: false; readonly revision: number; readonly failed: readonly Compare[] };

/**
 * A change of one key. `entry` is absent for a delete; `previous` is the value before, where there was one and
 * it has not been compacted away.
 */
export interface Change {
  readonly key: string;
  readonly entry?: Entry;
  readonly previous?: string;
}

/** All changes of one revision below the watched prefix, in the order of the transaction's writes; never empty. */
export interface WatchBatch {
  readonly revision: number;
  readonly changes: readonly Change[];
}

/** A lease's identifier. */
export type LeaseId = string & { readonly __brand: "LeaseId" };

/** A page of a listing: consistent in itself, read at `revision` of the store. */
export interface Page {
  readonly entries: readonly Entry[];
  readonly revision: number;
  /** True when entries behind the last one were left out because of `limit`. */
  readonly more: boolean;
}

/** Which part of a prefix a listing returns. */
export interface ListOptions {
  /** Only keys behind this one. */
  readonly after?: string;
  /** At most so many entries, at least 1; default all. */
  readonly limit?: number;
}

/**
 * The one interface to durable state, with the semantics of etcd v3: a single growing revision, compare and
 * write in one transaction, watch from a revision, leases. A resolved write is durable. Keys are ordered by
 * their UTF-8 bytes. Every implementation passes the suite in `store.case.ts`.
 *
 * Keys are 1 to {@link MAX_KEY_BYTES} bytes; keys and values are well-formed Unicode. Revisions grow, not
 * necessarily by one (an etcd cluster has other users) and not necessarily from 0.
 *
 * To read much: page by 5,000 to 10,000 entries. The embedded store gives some 2 million entries a second that way and
 * holds the event loop for about 5 ms a page; parsing their JSON costs as much again, and a `Map` of a million keys more
 * than both, so compare by order or by sums where that will do. Pages of one listing are of different moments; a listing
 * without `limit` is of one moment, but has everything in memory at once.
 *
 * To mirror a prefix: list it (in pages, if large), then watch it after the revision of the *first* page. Changes
 * that the later pages already show come again; an `entry` with a `modRevision` that is not newer is one of those.
 */
export interface Store {
  /** Revision of the last committed transaction. */
  revision(): Promise<number>;
  get(key: string): Promise<Entry | undefined>;
  /** Entries whose key starts with `prefix` (empty: all), in key order. */
  list(prefix: string, options?: ListOptions): Promise<Page>;
  /**
   * Commits all writes when every compare holds, else none. A delete of an absent key is no change.
   * @throws RomanaError `invalid-input` when a key is written twice or a limit below is passed; `not-found` when a
   *   put names a lease that is gone; `unavailable` when the outcome could not be made durable (disk full, store
   *   closed, connection lost): the writes are then there completely or not at all, and a caller that cannot tell
   *   by its compares reads again.
   */
  transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult>;
  /**
   * Changes below `prefix` with revision > `after`, first the past, then live; ends when the signal aborts.
   * A watcher that falls too far behind, or starts below what is kept, ends with `compacted`.
   * @throws RomanaError `compacted` with the oldest revision that a watch can still start after; `unavailable` when
   *   the store is closed.
   */
  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch>;
  /**
   * A lease of at least `ttl` whole seconds (≥ 1); keys put with it are deleted, in one revision, soon after it
   * expired or when it is revoked. A restart of the store starts the time of every lease anew.
   */
  grantLease(ttl: number): Promise<LeaseId>;
  /** Starts the lease's time anew. @throws RomanaError `not-found` when it has expired. */
  keepLease(lease: LeaseId): Promise<void>;
  /** Ends the lease now. An unknown lease is no change. */
  revokeLease(lease: LeaseId): Promise<void>;
  /**
   * Forgets changes up to and including `revision`: a watch may start after it, not below. No change when that
   * is compacted already.
   * @throws RomanaError `invalid-input` for a revision that is not there yet.
   */
  compact(revision: number): Promise<void>;
  /** Finishes what was accepted, ends the watches and refuses everything else with `unavailable`. */
  close(): Promise<void>;
}

/** Longest key in UTF-8 bytes. */
export const MAX_KEY_BYTES = 1024;
/** Most compares, and most writes, of one transaction: etcd's default. Larger work goes in several. */
export const MAX_TRANSACTION_OPERATIONS = 128;
/** Most UTF-8 bytes of keys and values in one transaction: below etcd's default request limit of 1.5 MiB. */
export const MAX_TRANSACTION_BYTES = 1024 * 1024;

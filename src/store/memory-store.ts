import { notFound, RomanaError } from "../model/index.ts";
import { type Clock, systemClock } from "./clock.ts";
import { compareKeys, rangeOf } from "./keys.ts";
import { createLeaseTimers, type LeaseTimers } from "./lease-timers.ts";
import { SortedMap } from "./sorted-map.ts";
import type {
  Change,
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

/** How a memory store differs from the default one. */
export interface MemoryStoreOptions {
  /** Time of leases; default the machine's. */
  readonly clock?: Clock;
  /** At least so many revisions stay available to watches; default 10,000. */
  readonly keepRevisions?: number;
}

/** A store that lives and dies with the process and otherwise obeys the same laws as the durable ones. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

interface Stored extends Entry {
  readonly lease: LeaseId | undefined;
}

class MemoryStore implements Store {
  #revision = 0;
  #leasesGranted = 0;
  #closed: RomanaError | undefined;
  readonly #entries = new SortedMap<Stored>();
  readonly #leases = new Map<LeaseId, Set<string>>();
  readonly #timers: LeaseTimers;
  readonly #hub: WatchHub;

  constructor({ clock = systemClock, keepRevisions = 10_000 }: MemoryStoreOptions) {
    this.#timers = createLeaseTimers(clock, (lease) => this.#endLease(lease));
    this.#hub = new WatchHub(0, { revisions: keepRevisions, characters: Number.POSITIVE_INFINITY });
  }

  async revision(): Promise<number> {
    this.#assertOpen();
    return this.#revision;
  }

  async get(key: string): Promise<Entry | undefined> {
    this.#assertOpen();
    const stored = this.#entries.get(key);
    return stored && entryOf(stored);
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Page> {
    this.#assertOpen();
    checkList(prefix, options);
    const { after, limit = Number.POSITIVE_INFINITY } = options;
    const entries: Entry[] = [];
    for (const stored of this.#entries.range(rangeOf(prefix, after))) {
      if (entries.length === limit) return { entries, revision: this.#revision, more: true };
      entries.push(entryOf(stored));
    }
    return { entries, revision: this.#revision, more: false };
  }

  async transact(compares: readonly Compare[], writes: readonly Write[]): Promise<TransactionResult> {
    this.#assertOpen();
    checkTransaction(compares, writes);
    for (const write of writes) {
      if (write.type === "put" && write.lease !== undefined && !this.#leases.has(write.lease)) {
        throw notFound("lease", write.lease);
      }
    }
    const failed = compares.filter(
      ({ key, modRevision }) => (this.#entries.get(key)?.modRevision ?? 0) !== modRevision,
    );
    if (failed.length > 0) return { committed: false, revision: this.#revision, failed };
    this.#apply(writes);
    return { committed: true, revision: this.#revision };
  }

  watch(prefix: string, after: number, signal: AbortSignal): AsyncIterable<WatchBatch> {
    return this.#hub.watch(prefix, after, signal);
  }

  async grantLease(ttl: number): Promise<LeaseId> {
    this.#assertOpen();
    checkTtl(ttl);
    const lease = String(++this.#leasesGranted) as LeaseId;
    this.#leases.set(lease, new Set());
    this.#timers.start(lease, ttl);
    return lease;
  }

  async keepLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    if (!this.#timers.keep(lease)) throw notFound("lease", lease);
  }

  async revokeLease(lease: LeaseId): Promise<void> {
    this.#assertOpen();
    this.#endLease(lease);
  }

  async compact(revision: number): Promise<void> {
    this.#assertOpen();
    checkCompaction(revision, this.#revision);
    this.#hub.forget(revision);
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#closed = new RomanaError("Cannot use memory store: it is closed", { code: "unavailable" });
    this.#timers.close();
    this.#hub.close(this.#closed);
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw this.#closed;
  }

  #endLease(lease: LeaseId): void {
    this.#timers.stop(lease);
    const keys = [...(this.#leases.get(lease) ?? [])].sort(compareKeys);
    this.#leases.delete(lease);
    this.#apply(keys.map((key) => ({ type: "delete", key })));
  }

  #apply(writes: readonly Write[]): void {
    const revision = this.#revision + 1;
    const changes = writes.flatMap((write) => this.#write(write, revision) ?? []);
    if (changes.length === 0) return;
    this.#revision = revision;
    this.#hub.publish({ revision, changes });
  }

  #write(write: Write, revision: number): Change | undefined {
    const { key } = write;
    const stored = this.#entries.get(key);
    if (stored?.lease !== undefined) this.#leases.get(stored.lease)?.delete(key);
    const before = stored && { previous: stored.value };
    if (write.type === "delete") {
      if (stored === undefined) return undefined;
      this.#entries.delete(key);
      return { key, ...before };
    }
    const { value, lease } = write;
    const createRevision = stored?.createRevision ?? revision;
    if (lease !== undefined) this.#leases.get(lease)?.add(key);
    this.#entries.set(key, { key, value, createRevision, modRevision: revision, lease });
    return { key, entry: { key, value, createRevision, modRevision: revision }, ...before };
  }
}

function entryOf({ key, value, createRevision, modRevision }: Stored): Entry {
  return { key, value, createRevision, modRevision };
}

import { RomanaError } from "../model/index.ts";
import type { WatchBatch } from "./store.ts";

/** How many recent revisions, and how many characters of them, stay in memory for watchers. */
export interface RecentLimits {
  readonly revisions: number;
  readonly characters: number;
}

/** Where revisions that have left memory can be read; both bounds are revisions. */
export interface History {
  /** The oldest revision that a watch can still start after. */
  oldest(): number;
  /** Some batches directly after `after`, in order; at least one when `after` is neither compacted nor the last. */
  read(after: number): readonly WatchBatch[];
}

interface Recent {
  readonly batch: WatchBatch;
  /** Characters of all batches up to this one. */
  readonly end: number;
}

/** A watcher that has seen everything and waits for a change below its prefix. */
interface Sleeper {
  readonly prefix: string;
  /** Called with the revision of the first change of interest; undefined: look again. */
  readonly wake: (revision: number | undefined) => void;
}

/**
 * Hands committed batches to watchers. A watcher holds no queue, only its position: it reads what is recent from
 * the memory all watchers share and what is older from the history, so a slow one costs nothing and ends with
 * `compacted` when its position is. Sleeping watchers are found by prefix; those not concerned are not touched.
 */
export class WatchHub {
  readonly #limits: RecentLimits;
  readonly #history: History | undefined;
  /** Batches of consecutive revisions up to `#revision`. */
  #recent: Recent[] = [];
  /** Characters of all batches ever. */
  #characters = 0;
  #revision: number;
  #failure: RomanaError | undefined;
  readonly #sleepers = new Map<string, Set<Sleeper>>();
  /** How many sleepers there are of each length of prefix. */
  readonly #lengths = new Map<number, number>();

  constructor(revision: number, limits: RecentLimits, history?: History) {
    this.#revision = revision;
    this.#limits = limits;
    this.#history = history;
  }

  /** The oldest revision that a watch can start after. */
  get oldest(): number {
    return this.#history?.oldest() ?? this.#revision - this.#recent.length;
  }

  /** Takes in the next revision's batch. */
  publish(batch: WatchBatch): void {
    this.#revision = batch.revision;
    this.#characters += charactersOf(batch);
    this.#recent.push({ batch, end: this.#characters });
    this.#trim();
    if (this.#lengths.size > 0) this.#wake(batch);
  }

  /** Drops recent batches up to and including the revision. Sleepers have seen them all and are left alone. */
  forget(revision: number): void {
    const first = this.#revision - this.#recent.length + 1;
    if (revision < first) return;
    this.#recent.splice(0, revision - first + 1);
  }

  /** Ends all watches, present and future, with the error. */
  close(failure: RomanaError): void {
    this.#failure = failure;
    this.#wakeAll();
  }

  async *watch(prefix: string, after: number, signal: AbortSignal): AsyncGenerator<WatchBatch, void, void> {
    let position = after;
    for (;;) {
      if (signal.aborted) return;
      if (this.#failure !== undefined) throw this.#failure;
      if (position < this.oldest) throw this.#compacted();
      if (position >= this.#revision) {
        const revision = await this.#sleep(prefix, signal);
        if (revision !== undefined) position = Math.max(position, revision - 1);
        continue;
      }
      for (const batch of this.#recentBatch(position) ?? (await this.#past(position))) {
        position = batch.revision;
        const matching = below(prefix, batch);
        if (matching === undefined) continue;
        yield matching;
        if (signal.aborted) return;
      }
    }
  }

  #recentBatch(after: number): readonly WatchBatch[] | undefined {
    const recent = this.#recent[after - (this.#revision - this.#recent.length)];
    return recent && [recent.batch];
  }

  /** Lets other work in before each read, so that a watcher far behind does not hold up the rest. */
  async #past(after: number): Promise<readonly WatchBatch[]> {
    await new Promise((resolve) => setImmediate(resolve));
    const past = this.#failure === undefined && after >= this.oldest ? this.#history?.read(after) : undefined;
    if (past === undefined || past.length === 0) throw this.#failure ?? this.#compacted();
    return past;
  }

  /** Trims only when half can go, so that a batch costs the same however many are kept. */
  #trim(): void {
    const { revisions, characters } = this.#limits;
    const start = this.#characters - 2 * characters;
    const tooMany = this.#recent.length >= 2 * revisions;
    if (!tooMany && (this.#recent[0] as Recent).end >= start) return;
    const kept = this.#recent.slice(-revisions);
    const first = kept.findIndex(({ end }) => end > this.#characters - characters);
    this.#recent = first > 0 ? kept.slice(first) : kept;
  }

  #sleep(prefix: string, signal: AbortSignal): Promise<number | undefined> {
    return new Promise((resolve) => {
      const wake = (revision: number | undefined): void => {
        signal.removeEventListener("abort", onAbort);
        this.#remove(sleeper);
        resolve(revision);
      };
      const onAbort = (): void => wake(undefined);
      const sleeper = { prefix, wake };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#add(sleeper);
    });
  }

  #add(sleeper: Sleeper): void {
    const { prefix } = sleeper;
    const set = this.#sleepers.get(prefix);
    if (set === undefined) this.#sleepers.set(prefix, new Set([sleeper]));
    else set.add(sleeper);
    this.#lengths.set(prefix.length, (this.#lengths.get(prefix.length) ?? 0) + 1);
  }

  #remove(sleeper: Sleeper): void {
    const { prefix } = sleeper;
    const set = this.#sleepers.get(prefix);
    if (set === undefined || !set.delete(sleeper)) return;
    if (set.size === 0) this.#sleepers.delete(prefix);
    const count = (this.#lengths.get(prefix.length) as number) - 1;
    if (count === 0) this.#lengths.delete(prefix.length);
    else this.#lengths.set(prefix.length, count);
  }

  #wake(batch: WatchBatch): void {
    for (const { key } of batch.changes) {
      for (const length of this.#lengths.keys()) {
        if (length > key.length) continue;
        for (const sleeper of this.#sleepers.get(key.slice(0, length)) ?? []) sleeper.wake(batch.revision);
      }
    }
  }

  #wakeAll(): void {
    for (const set of this.#sleepers.values()) for (const sleeper of set) sleeper.wake(undefined);
  }

  #compacted(): RomanaError {
    const { oldest } = this;
    return new RomanaError(`Cannot watch store: changes up to revision ${oldest} are compacted`, {
      code: "compacted",
      oldest,
    });
  }
}

/** The batch with only the changes below the prefix; undefined when there is none. */
function below(prefix: string, batch: WatchBatch): WatchBatch | undefined {
  const changes = batch.changes.filter(({ key }) => key.startsWith(prefix));
  if (changes.length === batch.changes.length) return batch;
  return changes.length === 0 ? undefined : { revision: batch.revision, changes };
}

function charactersOf(batch: WatchBatch): number {
  let sum = 0;
  for (const { key, entry, previous } of batch.changes) {
    sum += key.length + (entry?.value.length ?? 0) + (previous?.length ?? 0);
  }
  return sum;
}

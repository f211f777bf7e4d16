import { type Backoff, backoffDelay, type Sleep } from "../client/index.ts";
import { isTemporary, RomanaError } from "../model/index.ts";

/** What a {@link WorkQueue} works with. */
export interface WorkQueueOptions {
  /** Does what the key asks for; called again later when it throws, or after so many milliseconds as it answers. */
  readonly handle: (key: string) => Promise<number | undefined>;
  /** True for keys that must wait until every other key that was added before them has been tried. */
  readonly isLate: (key: string) => boolean;
  readonly onFailure: (key: string, error: unknown, attempt: number) => void;
  /** How many keys are worked on at the same time. */
  readonly concurrency: number;
  readonly sleep: Sleep;
  readonly random: () => number;
  readonly backoff?: QueueBackoff;
}

/** Waits before a key is tried again: after errors that go away by themselves, and after others. */
export interface QueueBackoff {
  readonly temporary: Backoff;
  readonly lasting: Backoff;
}

/** The usual waits. */
export const QUEUE_BACKOFF: QueueBackoff = {
  temporary: { first: 50, longest: 5_000 },
  lasting: { first: 500, longest: 60_000 },
};

/**
 * Keys whose objects are to be made right. One key is never worked on twice at the same time, and one that is added
 * meanwhile is worked on again. Late keys wait for all others that were added before them, until these are done or have
 * failed for good.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #backoff: QueueBackoff;
  readonly #stop = new AbortController();
  /** Keys that wait for a worker, by the order in which they came. */
  readonly #early = new Map<string, number>();
  readonly #late = new Map<string, number>();
  readonly #running = new Map<string, { again: boolean }>();
  /** Early keys that late ones wait for: waiting, running, or to be tried again soon. */
  readonly #open = new Map<string, number>();
  readonly #attempts = new Map<string, number>();
  readonly #timers = new Map<string, AbortController>();
  #sequence = 0;
  #idle = Promise.withResolvers<void>();

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? QUEUE_BACKOFF;
  }

  /** How many keys wait or are worked on; those that are to be tried again later do not count. */
  get length(): number {
    return this.#early.size + this.#late.size + this.#running.size;
  }

  /** How many keys have failed and are to be tried again. */
  get failing(): number {
    return this.#attempts.size;
  }

  /** Asks for a key to be worked on as soon as its turn comes. */
  add(key: string): void {
    if (this.#stop.signal.aborted) return;
    this.#timers.get(key)?.abort();
    this.#timers.delete(key);
    const running = this.#running.get(key);
    if (running !== undefined) running.again = true;
    else this.#enqueue(key);
    this.#pump();
  }

  /** Asks for a key in so many milliseconds, unless it is asked for before. */
  addAfter(key: string, milliseconds: number): void {
    if (this.#stop.signal.aborted || this.#timers.has(key)) return;
    const timer = new AbortController();
    this.#timers.set(key, timer);
    const signal = AbortSignal.any([timer.signal, this.#stop.signal]);
    void this.#options.sleep(milliseconds, signal).then(
      () => {
        this.add(key);
      },
      () => undefined,
    );
  }

  /** Resolves when no key waits or is worked on. */
  async idle(): Promise<void> {
    while (this.length > 0) await this.#idle.promise;
  }

  /** Takes no more keys, and waits for those that are worked on. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#early.clear();
    this.#late.clear();
    this.#open.clear();
    while (this.#running.size > 0) await this.#idle.promise;
  }

  #enqueue(key: string): void {
    const waiting = this.#options.isLate(key) ? this.#late : this.#early;
    if (waiting.has(key)) return;
    this.#sequence += 1;
    waiting.set(key, this.#sequence);
    if (waiting === this.#early && !this.#open.has(key)) this.#open.set(key, this.#sequence);
  }

  #pump(): void {
    while (this.#running.size < this.#options.concurrency) {
      const key = this.#next();
      if (key === undefined) return;
      this.#running.set(key, { again: false });
      void this.#work(key);
    }
  }

  /** Maps keep the order in which keys came, so the first of each is the oldest. */
  #next(): string | undefined {
    const [early] = this.#early.keys();
    if (early !== undefined) {
      this.#early.delete(early);
      return early;
    }
    const [late] = this.#late;
    const [open] = this.#open.values();
    if (late === undefined || (open !== undefined && open < late[1])) return undefined;
    this.#late.delete(late[0]);
    return late[0];
  }

  async #work(key: string): Promise<void> {
    let later: number | undefined;
    let isOpen = false;
    try {
      later = await this.#options.handle(key);
      this.#attempts.delete(key);
    } catch (error) {
      const attempt = this.#attempts.get(key) ?? 0;
      this.#attempts.set(key, attempt + 1);
      isOpen = error instanceof RomanaError && isTemporary(error.code);
      const backoff = isOpen ? this.#backoff.temporary : this.#backoff.lasting;
      later = backoffDelay(backoff, attempt, this.#options.random());
      if (!this.#stop.signal.aborted) this.#options.onFailure(key, error, attempt);
    }
    const again = this.#running.get(key)?.again === true;
    this.#running.delete(key);
    if (!isOpen || again) this.#open.delete(key);
    if (!this.#stop.signal.aborted) {
      if (again) this.#enqueue(key);
      else if (later !== undefined) this.addAfter(key, later);
      this.#pump();
    }
    const idle = this.#idle;
    this.#idle = Promise.withResolvers<void>();
    idle.resolve();
  }
}

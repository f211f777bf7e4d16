/** How often one thing may be repaired. Times are in milliseconds. */
export interface DamperOptions {
  /** Repairs that are made at once before waits begin. */
  readonly free: number;
  /** First wait; it doubles with every further repair. */
  readonly first: number;
  /** Longest wait: also the longest time that somebody else's change stands. */
  readonly longest: number;
  /** A thing that was left alone for so long starts anew. */
  readonly calm: number;
}

/** Five repairs at once, then 50 ms, 100 ms, … and never less often than every 800 ms. */
export const DEFAULT_DAMPING: DamperOptions = { free: 5, first: 50, longest: 800, calm: 10_000 };

/** A thing that somebody keeps changing. */
export interface Fight {
  readonly item: string;
  /** Repairs since it was last left alone. */
  readonly repairs: number;
}

interface Bout {
  repairs: number;
  last: number;
  next: number;
}

/**
 * Keeps a fight with another program over the same thing from eating the processor: the first repairs are
 * made at once, later ones wait longer and longer, up to a bound. Each thing has waits of its own.
 */
export class Damper {
  readonly #options: DamperOptions;
  readonly #bouts = new Map<string, Bout>();

  constructor(options: DamperOptions = DEFAULT_DAMPING) {
    this.#options = options;
  }

  /** How long to wait before the thing may be repaired; 0 when it may be now. */
  wait(item: string, now: number): number {
    return Math.max(0, (this.#bouts.get(item)?.next ?? now) - now);
  }

  /** Notes a repair. */
  record(item: string, now: number): void {
    const { free, first, longest, calm } = this.#options;
    const before = this.#bouts.get(item);
    const repairs = before === undefined || now - before.last > calm ? 1 : before.repairs + 1;
    const delay = repairs < free ? 0 : Math.min(longest, first * 2 ** (repairs - free));
    this.#bouts.set(item, { repairs, last: now, next: now + delay });
  }

  /** The things that somebody keeps changing, and forgets those that have been left alone. */
  fights(now: number): readonly Fight[] {
    const { free, calm } = this.#options;
    for (const [item, bout] of this.#bouts) if (now - bout.last > calm) this.#bouts.delete(item);
    return [...this.#bouts].flatMap(([item, { repairs }]) => (repairs >= free ? [{ item, repairs }] : []));
  }
}

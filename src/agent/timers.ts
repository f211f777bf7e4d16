/** Time for the agent; tests have their own. */
export interface Timers {
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** Milliseconds that only go on, whoever sets the time. */
  readonly monotonic: () => number;
  /** Calls `run` once after so many milliseconds; the returned function takes it back. */
  readonly after: (milliseconds: number, run: () => void) => () => void;
}

/** The timers of this process. They do not keep it alive. */
export const systemTimers: Timers = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

/** Waits; ends early when the signal aborts. */
export function pause(timers: Timers, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = timers.after(milliseconds, end);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** Calls back once, at the earliest of the times that it was set to. */
export class Alarm {
  readonly #timers: Timers;
  readonly #ring: () => void;
  #due = Number.POSITIVE_INFINITY;
  #cancel: (() => void) | undefined;

  constructor(timers: Timers, ring: () => void) {
    this.#timers = timers;
    this.#ring = ring;
  }

  /** True when it is going to ring. */
  get isSet(): boolean {
    return this.#cancel !== undefined;
  }

  /** Rings in so many milliseconds, unless it is set to ring before. */
  set(milliseconds: number): void {
    const due = this.#timers.now() + milliseconds;
    if (due >= this.#due) return;
    this.#cancel?.();
    this.#due = due;
    this.#cancel = this.#timers.after(milliseconds, () => {
      this.clear();
      this.#ring();
    });
  }

  /** Does not ring any more. */
  clear(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#due = Number.POSITIVE_INFINITY;
  }
}

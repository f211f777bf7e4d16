import type { Clock } from "./options.ts";

/** What a {@link Lookout} works with. */
export interface LookoutOptions {
  readonly clock: Clock;
  /** Time between two looks, in milliseconds. */
  readonly every: number;
  /** Looks; `isHeldUp`: so late that heartbeats wait to be read, which should be read first. False: there is nothing to look at. */
  readonly look: (isHeldUp: boolean) => boolean;
}

/** A look that comes so many milliseconds late was held up. */
const HELD_UP = 300;

/** Looks again and again at who is silent, as long as there is something to look at. */
export class Lookout {
  readonly #options: LookoutOptions;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(options: LookoutOptions) {
    this.#options = options;
  }

  /** Milliseconds that only go on. */
  now(): number {
    const { clock } = this.#options;
    return clock.monotonic?.() ?? clock.now();
  }

  /** Looks from now on. */
  start(): void {
    if (this.#cancel !== undefined || this.#isClosed) return;
    const { clock, every, look } = this.#options;
    const due = this.now() + every;
    this.#cancel = clock.after(every, () => {
      this.#cancel = undefined;
      if (look(this.now() - due >= HELD_UP)) this.start();
    });
  }

  /** Looks no more. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }
}

import { releaseMemory } from "../system/process-memory.ts";

/** How often memory is looked at, in milliseconds. */
const LOOK_INTERVAL = 3_000;
/** What counts as much, in bytes. */
const MUCH = 5_000_000;
/** Looks between the last two attempts of a series. */
const LONGEST_PAUSE = 16;

/**
 * When memory has grown, it is given back as soon as the agent is at rest; then again after ever longer pauses, since
 * what was in use at one moment may be garbage soon after. With nothing more to give, the series ends.
 */
export class Frugality {
  readonly #release: () => { readonly before: number; readonly after: number };
  #floor = 0;
  #pause = 1;
  #left = 0;

  /** @param release gives memory back; returns what was and is resident, in bytes */
  constructor(release: () => { readonly before: number; readonly after: number }) {
    this.#release = release;
  }

  /** One look, in equal intervals, while the agent is at rest. @param resident memory in bytes */
  look(resident: number): void {
    if (resident >= this.#floor + MUCH) {
      this.#pause = 1;
      this.#left = 0;
    }
    if (this.#pause > LONGEST_PAUSE || this.#left-- > 0) return;
    const { before, after } = this.#release();
    this.#floor = after;
    this.#pause = before - after > MUCH ? 1 : 2 * this.#pause;
    this.#left = this.#pause - 1;
  }
}

/** From now on gives back what the agent does not need. Does not keep the process alive. */
export function keepMemorySmall(agent: { readonly isBusy: boolean }): void {
  const frugality = new Frugality(() => {
    const before = process.memoryUsage.rss();
    releaseMemory();
    return { before, after: process.memoryUsage.rss() };
  });
  const look = (): void => {
    if (!agent.isBusy) frugality.look(process.memoryUsage.rss());
  };
  setInterval(look, LOOK_INTERVAL).unref();
}

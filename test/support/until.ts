import { setTimeout as wait } from "node:timers/promises";
import { RomanaError } from "../../src/model/index.ts";

/** Milliseconds that anything may take that does not say. */
const TIMEOUT = 30_000;

/** Milliseconds between two looks. */
const INTERVAL = 5;

/** How patiently and how often {@link until} looks, both in milliseconds. */
export interface UntilOptions {
  readonly timeout?: number;
  readonly interval?: number;
}

/** Waits until the action does not throw any more. @throws its last error when that takes too long. */
export async function until<T>(
  what: string,
  action: () => T | Promise<T>,
  options: number | UntilOptions = {},
): Promise<T> {
  const { timeout = TIMEOUT, interval = INTERVAL } =
    typeof options === "number" ? { timeout: options } : options;
  const deadline = performance.now() + timeout;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      if (performance.now() > deadline) {
        const { message } = error as Error;
        throw new RomanaError(`Cannot wait until ${what}: ${message}`, { code: "timeout" }, { cause: error });
      }
    }
    await wait(interval);
  }
}

/** When to try again: waits grow from `first` to `longest`, each cut by chance so that callers spread. */
export interface Backoff {
  /** First wait in milliseconds. */
  readonly first: number;
  /** Longest wait in milliseconds. */
  readonly longest: number;
}

/** Waits for that many milliseconds. @throws the signal's reason when it aborts. */
export type Sleep = (milliseconds: number, signal?: AbortSignal) => Promise<void>;

/**
 * The wait before retry number `attempt` (from 0), in milliseconds: between half of and the whole exponential
 * wait. `chance` is in 0..1.
 */
export function backoffDelay({ first, longest }: Backoff, attempt: number, chance: number): number {
  const whole = Math.min(longest, first * 2 ** attempt);
  return whole / 2 + (whole / 2) * chance;
}

/** A {@link Sleep} on the timers of this process. */
export const sleep: Sleep = (milliseconds, signal) => {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", abort);
    resolve();
  }, milliseconds);
  if (signal?.aborted) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return promise;
};

import type { Clock } from "./clock.ts";
import type { LeaseId } from "./store.ts";

/** Longest delay of a timer: more would overflow its 32 bits and fire at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

interface Running {
  readonly ttl: number;
  deadline: number;
  cancel: () => void;
}

/** When which lease expires. Knows nothing of keys: `expire` is told and does the rest. */
export interface LeaseTimers {
  /** Starts a lease of `ttl` seconds. */
  start(lease: LeaseId, ttl: number): void;
  /** Starts the lease's time anew; false when it has expired or never was. */
  keep(lease: LeaseId): boolean;
  stop(lease: LeaseId): void;
  /** Stops all leases, those still to be started too. */
  close(): void;
}

/** Timers of leases on a clock; `expire` is called once for each lease whose time is over. */
export function createLeaseTimers(clock: Clock, expire: (lease: LeaseId) => void): LeaseTimers {
  const running = new Map<LeaseId, Running>();
  let closed = false;

  function arm(lease: LeaseId, state: Running): void {
    const delay = Math.min(Math.max(state.deadline - clock.now(), 0), LONGEST_TIMER);
    state.cancel = clock.after(delay, () => {
      if (clock.now() < state.deadline) return arm(lease, state);
      running.delete(lease);
      expire(lease);
    });
  }

  return {
    start(lease, ttl) {
      if (closed) return;
      running.get(lease)?.cancel();
      const state = { ttl, deadline: clock.now() + ttl * 1000, cancel: () => {} };
      running.set(lease, state);
      arm(lease, state);
    },
    keep(lease) {
      const state = running.get(lease);
      if (state === undefined || clock.now() >= state.deadline) return false;
      state.deadline = clock.now() + state.ttl * 1000;
      return true;
    },
    stop(lease) {
      running.get(lease)?.cancel();
      running.delete(lease);
    },
    close() {
      closed = true;
      for (const { cancel } of running.values()) cancel();
      running.clear();
    },
  };
}

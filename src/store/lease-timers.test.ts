import { expect, test } from "vitest";
import { createFakeClock } from "./fake-clock.ts";
import { createLeaseTimers } from "./lease-timers.ts";
import type { LeaseId } from "./store.ts";

const A = "a" as LeaseId;
const B = "b" as LeaseId;

function setUp(): { timers: ReturnType<typeof createLeaseTimers>; advance: (seconds: number) => LeaseId[] } {
  const clock = createFakeClock();
  let expired: LeaseId[] = [];
  const timers = createLeaseTimers(clock, (lease) => expired.push(lease));
  return {
    timers,
    /** The leases that expire in that time. */
    advance(seconds) {
      expired = [];
      clock.advance(seconds * 1000);
      return expired;
    },
  };
}

test("a lease expires once, when its time is over", () => {
  const { timers, advance } = setUp();
  timers.start(A, 10);
  timers.start(B, 5);
  expect(advance(4.999)).toEqual([]);
  expect(advance(0.001)).toEqual([B]);
  expect(advance(100)).toEqual([A]);
  expect(advance(100)).toEqual([]);
});

test("keep() starts its time anew, until it is over", () => {
  const { timers, advance } = setUp();
  timers.start(A, 10);
  expect(advance(9)).toEqual([]);
  expect(timers.keep(A)).toBe(true);
  expect(advance(9.9)).toEqual([]);
  expect(advance(0.1)).toEqual([A]);
  expect(timers.keep(A)).toBe(false);
  expect(timers.keep(B)).toBe(false);
});

test("a stopped lease does not expire, nor any after close()", () => {
  const { timers, advance } = setUp();
  timers.start(A, 10);
  timers.stop(A);
  timers.start(B, 10);
  timers.close();
  timers.start(A, 10);
  expect(advance(100)).toEqual([]);
  expect(timers.keep(B)).toBe(false);
});

test("a lease of a year outlasts the longest timer", () => {
  const { timers, advance } = setUp();
  const year = 365 * 24 * 3600;
  timers.start(A, year);
  expect(advance(year - 1)).toEqual([]);
  expect(advance(1)).toEqual([A]);
});

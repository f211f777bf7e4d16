import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IdPool } from "./id-pool.ts";
import { ReferencePool } from "./id-pool.reference.ts";

const RANGE = { first: 0, last: 15 };

describe("IdPool.lowestFree()", () => {
  test("hands out the lowest ID that is neither reserved, taken, held nor resting", () => {
    const pool = new IdPool([0]);
    pool.take(1);
    pool.hold(2);
    pool.rest(3, 1000);
    expect(pool.lowestFree(RANGE, 0)).toBe(4);
    expect([0, 1, 2, 3, 4].map((id) => pool.standing(id, 0))).toEqual([
      "reserved",
      "taken",
      "held",
      "resting",
      "free",
    ]);
  });

  test("reuses an ID when its rest is over, not earlier", () => {
    const pool = new IdPool();
    pool.rest(0, 1000);
    expect([0, 999, 1000, 1001].map((now) => pool.lowestFree(RANGE, now))).toEqual([1, 1, 0, 0]);
    pool.rest(0, 3000);
    pool.endRest(0);
    expect(pool.lowestFree(RANGE, 2000)).toBe(0);
  });

  test("a failed commit gives its ID back", () => {
    const pool = new IdPool();
    pool.hold(0);
    expect(pool.lowestFree(RANGE, 0)).toBe(1);
    pool.letGo(0);
    expect(pool.lowestFree(RANGE, 0)).toBe(0);
  });

  test("an ID that was taken while it was held stays taken", () => {
    const pool = new IdPool();
    pool.hold(0);
    pool.take(0);
    pool.letGo(0);
    expect(pool.standing(0, 0)).toBe("taken");
    expect(pool.used).toBe(1);
  });

  test("the later of two rests counts", () => {
    const pool = new IdPool();
    pool.rest(0, 1000);
    pool.rest(0, 2000);
    expect([1500, 2000].map((now) => pool.lowestFree(RANGE, now))).toEqual([1, 0]);
  });

  test("a million IDs are handed out without a walk over those before", () => {
    const pool = new IdPool([0]);
    for (let count = 0; count < 1_000_000; count++) {
      pool.take(pool.lowestFree({ first: 0, last: 2 ** 32 - 1 }, 0) as number);
    }
    expect(pool.lowestFree({ first: 0, last: 2 ** 32 - 1 }, 0)).toBe(1_000_001);
  });
});

type Verb = "take" | "drop" | "hold" | "letGo" | "rest" | "endRest";

/** Does the same to both and lets time pass. */
function step(pool: IdPool, twin: ReferencePool, verb: Verb, id: number, until: number): void {
  if (verb === "rest") pool.rest(id, until);
  else pool[verb](id);
  if (verb === "take") twin.taken.add(id);
  if (verb === "drop") twin.taken.delete(id);
  if (verb === "hold") twin.held.add(id);
  if (verb === "letGo") twin.held.delete(id);
  if (verb === "rest") twin.rests.set(id, until);
  if (verb === "endRest") twin.rests.delete(id);
}

test("IdPool agrees with its slow twin after any steps, at any time that does not go back", () => {
  const verb = fc.constantFrom<Verb>("take", "drop", "hold", "letGo", "rest", "endRest");
  const steps = fc.array(fc.tuple(verb, fc.nat(12), fc.nat(30), fc.nat(5)), { maxLength: 300 });
  fc.assert(
    fc.property(steps, fc.uniqueArray(fc.nat(12), { maxLength: 3 }), (list, reserved) => {
      const pool = new IdPool(reserved);
      const twin = new ReferencePool(reserved);
      let now = 0;
      for (const [name, id, rest, wait] of list) {
        now += wait;
        step(pool, twin, name, id, now + rest);
        const range = { first: id % 3, last: 10 };
        expect(pool.lowestFree(range, now)).toBe(twin.lowestFree(range, now));
        expect(pool.lowestBusy(range, now)).toBe(twin.lowestBusy(range, now));
        expect(pool.standing(id, now)).toBe(twin.standing(id, now));
        expect([pool.used, pool.resting(now)]).toEqual([twin.taken.size, twin.resting(now)]);
      }
    }),
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { IdSet } from "./id-set.ts";

const LAST = 2 ** 32 - 1;

function setOf(...ids: number[]): IdSet {
  const set = new IdSet();
  for (const id of ids) set.add(id);
  return set;
}

describe("IdSet.firstAbsent()", () => {
  test.each<[number[], number, number, number | undefined]>([
    [[], 0, 15, 0],
    [[], 1, 15, 1],
    [[0, 1, 2], 0, 15, 3],
    [[0, 2], 0, 15, 1],
    [[31, 32], 31, 40, 33],
    [[5], 5, 5, undefined],
    [[], 6, 5, undefined],
    [Array.from({ length: 512 }, (_, id) => id), 0, LAST, 512],
    [Array.from({ length: 512 }, (_, id) => id), 0, 511, undefined],
    [[LAST - 1], LAST - 1, LAST, LAST],
    [[LAST - 1, LAST], LAST - 1, LAST, undefined],
  ])("of %j in %d..%d is %j", (ids, first, last, expected) => {
    expect(setOf(...ids).firstAbsent(first, last)).toBe(expected);
  });
});

describe("IdSet.firstPresent()", () => {
  test.each<[number[], number, number, number | undefined]>([
    [[], 0, LAST, undefined],
    [[7], 0, LAST, 7],
    [[7], 8, LAST, undefined],
    [[7, 900], 8, LAST, 900],
    [[900], 0, 899, undefined],
    [[LAST], 0, LAST, LAST],
    [[7], 9, 5, undefined],
  ])("of %j in %d..%d is %j", (ids, first, last, expected) => {
    expect(setOf(...ids).firstPresent(first, last)).toBe(expected);
  });
});

test("IdSet agrees with a Set, whatever is added and deleted", () => {
  const id = fc.oneof(fc.nat(1200), fc.integer({ min: LAST - 600, max: LAST }));
  const steps = fc.array(fc.tuple(fc.boolean(), id), { maxLength: 400 });
  fc.assert(
    fc.property(steps, id, (list, from) => {
      const set = new IdSet();
      const twin = new Set<number>();
      for (const [add, value] of list) {
        expect(add ? set.add(value) : set.delete(value)).toBe(add ? !twin.has(value) : twin.has(value));
        if (add) twin.add(value);
        else twin.delete(value);
      }
      expect(set.size).toBe(twin.size);
      const window = Array.from({ length: 700 }, (_, index) => from + index).filter((value) => value <= LAST);
      const last = window.at(-1) as number;
      expect(set.firstAbsent(from, last)).toBe(window.find((value) => !twin.has(value)));
      expect(set.firstPresent(from, last)).toBe(window.find((value) => twin.has(value)));
      expect(window.filter((value) => set.has(value))).toEqual(window.filter((value) => twin.has(value)));
    }),
  );
});

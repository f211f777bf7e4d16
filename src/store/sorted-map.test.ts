import fc from "fast-check";
import { expect, test } from "vitest";
import { compareKeys } from "./keys.ts";
import { SortedMap } from "./sorted-map.ts";

/** Enough keys to split and empty chunks many times. */
const key = fc.oneof(
  { weight: 50, arbitrary: fc.integer({ min: 0, max: 2000 }).map((number) => `k/${number}`) },
  { weight: 1, arbitrary: fc.constantFrom("\u{1f600}", "\uffff", "k/\u{1f600}", "k/\uffff") },
);
const step = fc.record({ key, remove: fc.boolean() });

test("is a map in the order of keys", () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 500, maxLength: 3000 }), key, key, (steps, start, end) => {
      const map = new SortedMap<string>();
      const plain = new Map<string, string>();
      for (const [index, { key: name, remove }] of steps.entries()) {
        if (remove) {
          map.delete(name);
          plain.delete(name);
        } else {
          map.set(name, `${name} ${index}`);
          plain.set(name, `${name} ${index}`);
        }
      }
      const expected = [...plain].sort(([a], [b]) => compareKeys(a, b));
      const inRange = expected.filter(
        ([name]) => compareKeys(name, start) >= 0 && compareKeys(name, end) < 0,
      );
      expect(map.size).toBe(plain.size);
      expect([...map.range({ start: "", end: undefined })]).toEqual(expected.map(([, value]) => value));
      expect([...map.range({ start, end })]).toEqual(inRange.map(([, value]) => value));
      expect(steps.map(({ key: name }) => map.get(name))).toEqual(
        steps.map(({ key: name }) => plain.get(name)),
      );
    }),
    { numRuns: 30 },
  );
});

test("can be emptied and filled again", () => {
  const map = new SortedMap<number>();
  for (let round = 0; round < 2; round++) {
    for (let index = 0; index < 1000; index++) map.set(`k${index}`, index);
    for (let index = 999; index >= 0; index--) map.delete(`k${index}`);
    map.delete("k1");
    expect([map.size, [...map.range({ start: "", end: undefined })]]).toEqual([0, []]);
  }
});

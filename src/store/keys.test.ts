import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareKeys, comparePlainKeys, isPlain, prefixEnd, rangeOf } from "./keys.ts";

/** Strings that share beginnings and have characters from all around the surrogates. */
const text = fc.string({
  unit: fc.constantFrom("a", "b", "/", "\0", "é", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{10ffff}"),
  maxLength: 6,
});

const byBytes = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));

describe("order of keys", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["", "a", -1],
    ["a", "a", 0],
    ["a", "a\0", -1],
    ["a/b", "a0", -1],
    ["Z", "a", -1],
    ["\uffff", "\u{1f600}", -1],
    ["\ud7ff", "\ue000", -1],
    ["\u{10000}", "\u{10ffff}", -1],
  ];
  test.each(cases)("%j and %j: %d", (a, b, order) => {
    expect(Math.sign(compareKeys(a, b))).toBe(order);
    expect(Math.sign(compareKeys(b, a))).toBe(0 - order);
  });

  test("is that of the UTF-8 bytes", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(byBytes(a, b));
        if (isPlain(a) || isPlain(b)) expect(comparePlainKeys(a, b)).toBe(byBytes(a, b));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("prefixEnd()", () => {
  const cases: [string, string | undefined][] = [
    ["", undefined],
    ["a", "b"],
    ["a/", "a0"],
    ["\ud7ff", "\ue000"],
    ["\uffff", "\u{10000}"],
    ["a\u{10ffff}", "b"],
    ["\u{10ffff}\u{10ffff}", undefined],
  ];
  test.each(cases)("of %j is %j", (prefix, end) => {
    expect(prefixEnd(prefix)).toBe(end);
  });
});

test("rangeOf() holds exactly the keys with the prefix behind `after`", () => {
  fc.assert(
    fc.property(text, fc.option(text, { nil: undefined }), text, (prefix, after, key) => {
      const { start, end } = rangeOf(prefix, after);
      const inside = compareKeys(key, start) >= 0 && (end === undefined || compareKeys(key, end) < 0);
      expect(inside).toBe(key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0));
    }),
    { numRuns: 2000 },
  );
});

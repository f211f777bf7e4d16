import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { codesOverlap, formatSegmentCode, parseSegmentCode } from "../addressing/index.ts";
import { CodeSpace, overlappingCodes } from "./code-space.ts";

function spaceOf(...codes: string[]): CodeSpace {
  const space = new CodeSpace();
  for (const code of codes) space.take(parseSegmentCode(code));
  return space;
}

/** The next code in a plan with 4 segment bits, as text. */
function next(space: CodeSpace, extraBits = 0, now = 0): string | undefined {
  const last = 2 ** (4 + extraBits) - 1;
  const code = space.lowestFree(extraBits, { first: 1, last }, now);
  return code && formatSegmentCode(code);
}

describe("CodeSpace.lowestFree()", () => {
  test.each<[string[], number, string | undefined]>([
    [[], 0, "1"],
    [["1", "2"], 0, "3"],
    [["1", "3"], 0, "2"],
    [["1", "2+2"], 0, "2"],
    [["1+1"], 0, "1"],
    [["2+1"], 0, "2"],
    [["1"], 1, "1+1"],
    [["0", "1"], 1, "4+1"],
    [["0-1"], 0, "2"],
    [["0-2"], 0, "4"],
    [["1"], -1, "1-1"],
    [["1", "2"], -1, "2-1"],
    [["1", "3"], -2, "1-2"],
    [["1", "0-3"], 0, "8"],
    [Array.from({ length: 16 }, (_, code) => `${code}`), 0, undefined],
    [["0-1", "1-1", "2-1", "3-1", "4-1", "5-1", "6-1", "7-1"], 2, undefined],
  ])("beside %j, %d extra bits, is %j", (codes, extraBits, expected) => {
    expect(next(spaceOf(...codes), extraBits)).toBe(expected);
  });

  test("skips a code that rests until its rest is over", () => {
    const space = spaceOf("1");
    space.rest(parseSegmentCode("2"), 1000);
    expect([next(space, 0, 999), next(space, 0, 1000)]).toEqual(["3", "2"]);
  });

  test("a dropped code is free again, and its overlaps", () => {
    const space = spaceOf("1", "2");
    space.drop(parseSegmentCode("1"));
    expect([next(space, 0), next(space, 1), space.size]).toEqual(["1", "1+1", 1]);
  });
});

describe("overlappingCodes()", () => {
  test.each<[string[], string[] | undefined]>([
    [[], undefined],
    [["1", "2", "3"], undefined],
    [
      ["1", "1"],
      ["1", "1"],
    ],
    [
      ["4+2", "1"],
      ["1", "4+2"],
    ],
    [["1+2", "1"], undefined],
    [
      ["0-2", "7", "3"],
      ["0-2", "3"],
    ],
    [["1-1", "1"], undefined],
    [
      ["1-1", "3"],
      ["1-1", "3"],
    ],
  ])("%j: %j", (codes, expected) => {
    expect(overlappingCodes(codes.map(parseSegmentCode))?.map(formatSegmentCode)).toEqual(expected);
  });
});

test("codes that are handed out never overlap, and the first one that fits is found", () => {
  const widths = fc.array(fc.integer({ min: -2, max: 3 }), { maxLength: 40 });
  fc.assert(
    fc.property(widths, (list) => {
      const space = new CodeSpace();
      const owned: { code: number; extraBits: number }[] = [];
      for (const extraBits of list) {
        const range = { first: 0, last: 2 ** (4 + extraBits) - 1 };
        const all = Array.from({ length: range.last + 1 }, (_, code) => ({ code, extraBits }));
        const expected = all.find((code) => !owned.some((other) => codesOverlap(code, other)));
        const code = space.lowestFree(extraBits, range, 0);
        expect(code).toEqual(expected);
        if (code === undefined) continue;
        space.take(code);
        owned.push(code);
        expect(overlappingCodes(owned)).toBeUndefined();
      }
    }),
  );
});

test("overlappingCodes() finds an overlap exactly when any two codes overlap", () => {
  const code = fc
    .integer({ min: -3, max: 3 })
    .chain((extraBits) =>
      fc.record({ code: fc.nat(2 ** (4 + extraBits) - 1), extraBits: fc.constant(extraBits) }),
    );
  fc.assert(
    fc.property(fc.array(code, { maxLength: 8 }), (codes) => {
      const any = codes.some((a, index) => codes.slice(index + 1).some((b) => codesOverlap(a, b)));
      expect(overlappingCodes(codes) !== undefined).toBe(any);
    }),
  );
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SegmentCode } from "../model/index.ts";
import { parsePrefix, prefixesOverlap } from "../net/index.ts";
import { codeFaults, codesOverlap, formatSegmentCode, parseSegmentCode } from "./codes.ts";
import { createPlan } from "./plan.ts";
import { segmentPrefix } from "./prefixes.ts";

const SEED = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});
const WIDE = createPlan({
  prefix: parsePrefix("fd00::/48"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 32,
  endpointBits: 32,
});
const V1 = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  numbering: "v1",
  hostBits: 8,
  tenantBits: 4,
  segmentBits: 4,
  endpointBits: 8,
});

/** Codes that the seed's plan can hold. */
const seedCode: fc.Arbitrary<SegmentCode> = fc
  .integer({ min: -4, max: 3 })
  .chain((extraBits) => fc.nat({ max: 2 ** (4 + extraBits) - 1 }).map((code) => ({ code, extraBits })));

describe("text of a code", () => {
  const cases: [string, SegmentCode][] = [
    ["0", { code: 0, extraBits: 0 }],
    ["5", { code: 5, extraBits: 0 }],
    ["5+2", { code: 5, extraBits: 2 }],
    ["5-2", { code: 5, extraBits: -2 }],
    ["4294967295+12", { code: 4294967295, extraBits: 12 }],
  ];
  test.each(cases)("%s", (text, code) => {
    expect(parseSegmentCode(text)).toEqual(code);
    expect(formatSegmentCode(code)).toBe(text);
  });

  test.each([
    "",
    " ",
    "05",
    "-5",
    "+5",
    "5+",
    "5+0",
    "5+02",
    "5++2",
    "5.0",
    "5e1",
    "0x5",
    "5 ",
    "a",
    "5+2+2",
    "5/28",
    "12345678901",
    "5+100",
  ])("%j is refused", (text) => {
    expect(() => parseSegmentCode(text)).toThrow(
      new SyntaxError(`"${text}" is not a segment code such as 5, 5+2 or 5-2`),
    );
  });
});

describe("codesOverlap()", () => {
  test.each([
    ["5", "5", true],
    ["5", "6", false],
    ["5", "20+2", true],
    ["5", "23+2", true],
    ["5", "24+2", false],
    ["5", "19+2", false],
    ["1-2", "5", true],
    ["1-2", "8", false],
    ["1-2", "31+2", true],
    ["0-4", "15", true],
    ["0", "0+1", true],
    ["0", "1+1", true],
    ["0", "2+1", false],
    ["4294967295", "4294967295+1", false],
  ])("%s and %s: %s", (a, b, outcome) => {
    expect(codesOverlap(parseSegmentCode(a), parseSegmentCode(b))).toBe(outcome);
    expect(codesOverlap(parseSegmentCode(b), parseSegmentCode(a))).toBe(outcome);
  });

  test("is what the prefixes say", () => {
    const prefixIn = (code: SegmentCode) => segmentPrefix(SEED, { groups: [], host: 1 }, 1, code);
    fc.assert(
      fc.property(seedCode, seedCode, (a, b) => {
        expect(codesOverlap(a, b)).toBe(prefixesOverlap(prefixIn(a), prefixIn(b)));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("codeFaults()", () => {
  test.each([
    [SEED, "0", []],
    [SEED, "15", []],
    [SEED, "127+3", []],
    [SEED, "0-4", []],
    [SEED, "16", ["code 16 is not in 0..15 (4 bits)"]],
    [SEED, "4-2", ["code 4 is not in 0..3 (2 bits)"]],
    [SEED, "1-4", ["code 1 is not in 0..0 (0 bits)"]],
    [SEED, "0-5", ["0-5 gives up 5 bits, but the plan has 4 segment bits"]],
    [SEED, "0+5", ["0+5 takes 5 bits, but the plan has 4 endpoint bits"]],
    [SEED, "0+4", ["0+4 leaves no endpoint ID that is not reserved"]],
    [V1, "0+7", ["0+7 leaves no endpoint ID that is not reserved"]],
    [V1, "0+6", []],
    [WIDE, "0+1", ["0+1 is 33 bits wide, at most 32 can be used"]],
    [WIDE, "0-1", ["0-1 leaves 33 endpoint bits, at most 32 can be used"]],
  ])("%#: %s", (plan, code, reasons) => {
    expect(codeFaults(plan, parseSegmentCode(code))).toEqual(
      reasons.map((reason) => ({ path: "segment", reason })),
    );
  });

  test.each([
    [{ code: 1.5, extraBits: 0 }, "code 1.5 is not in 0..15 (4 bits)"],
    [{ code: -1, extraBits: 0 }, "code -1 is not in 0..15 (4 bits)"],
    [{ code: Number.NaN, extraBits: 0 }, "code NaN is not in 0..15 (4 bits)"],
    [{ code: 1, extraBits: 0.5 }, "0.5 is not a number of bits"],
  ])("%j", (code, reason) => {
    expect(codeFaults(SEED, code)).toEqual([{ path: "segment", reason }]);
  });
});

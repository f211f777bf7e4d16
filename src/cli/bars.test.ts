import { describe, expect, test } from "vitest";
import { formatCount, formatShare, renderBar } from "./bars.ts";

const unicode = { unicode: true, paint: (_: string, text: string) => text };
const ascii = { ...unicode, unicode: false };

describe("renderBar()", () => {
  test.each<[number, number, string, string]>([
    [0, 8, "········", "........"],
    [1, 1000, "▏·······", "#......."],
    [1, 8, "█·······", "#......."],
    [4, 8, "████····", "####...."],
    [9, 16, "████▌···", "#####..."],
    [999, 1000, "███████▉", "#######."],
    [8, 8, "████████", "########"],
    [9, 8, "████████", "########"],
    [0, 0, "········", "........"],
    [1, 0, "████████", "########"],
  ])("%d of %d", (used, capacity, fine, coarse) => {
    expect(renderBar(unicode, { used, capacity }, 8)).toBe(fine);
    expect(renderBar(ascii, { used, capacity }, 8)).toBe(coarse);
  });
  test.each<[number, string]>([
    [79, "good"],
    [80, "warning"],
    [100, "bad"],
  ])("%d of 100 is %s", (used, tone) => {
    const tones: string[] = [];
    renderBar(
      { unicode: true, paint: (each, text) => (tones.push(each), text) },
      { used, capacity: 100 },
      10,
    );
    expect(tones[0]).toBe(tone);
  });
});

test.each<[number, number, string]>([
  [0, 15, "0 %"],
  [1, 1000, "<1 %"],
  [3, 42, "7 %"],
  [999, 1000, ">99 %"],
  [15, 15, "100 %"],
  [0, 0, "0 %"],
])("formatShare() of %d of %d", (used, capacity, text) => {
  expect(formatShare({ used, capacity })).toBe(text);
});

test.each<[number, string]>([
  [0, "0"],
  [99_999, "99999"],
  [100_000, "100k"],
  [1_048_576, "1.05M"],
  [4_294_967_295, "4.29G"],
  [2 ** 53, "9.01P"],
  [1e21, "1000000P"],
])("formatCount(%d)", (number, text) => {
  expect(formatCount(number)).toBe(text);
});

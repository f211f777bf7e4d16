import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { hopKey, type NextHop, numberHops } from "./chain-hops.ts";
import { NOWHERE } from "./chain-marks.ts";

function hop(text: string): NextHop {
  const [gateway = "", device] = text.split(" ");
  return { gateway: parseAddress(gateway), ...(device !== undefined && { device }) };
}

describe("numberHops()", () => {
  test.each<[string, string[], Record<string, number>, string[]]>([
    [
      "counts from 1 in the order of names",
      ["10.0.0.2", "10.0.0.1 rom1"],
      {},
      ["1 10.0.0.1 rom1", "2 10.0.0.2 "],
    ],
    ["one hop of many functions is one", ["10.0.0.2", "10.0.0.2"], {}, ["1 10.0.0.2 "]],
    [
      "who has a number keeps it",
      ["10.0.0.2", "10.0.0.1"],
      { "10.0.0.2 ": 7 },
      ["1 10.0.0.1 ", "7 10.0.0.2 "],
    ],
    ["a number in use gets no other meaning", ["10.0.0.1"], { "10.0.0.9 ": 1 }, ["2 10.0.0.1 "]],
    ["another device is another hop", ["10.0.0.1 rom2"], { "10.0.0.1 rom1": 1 }, ["2 10.0.0.1 rom2"]],
    ["families have one row of numbers", ["10.0.0.1", "fd00::1"], {}, ["1 10.0.0.1 ", "2 fd00::1 "]],
  ])("%s", (_, hops, inUse, expected) => {
    const numbered = numberHops(hops.map(hop), new Map(Object.entries(inUse)));
    expect(numbered.map((one) => `${one.number} ${hopKey(one)}`)).toEqual(expected);
  });

  test("the number that stands for no way is nobody's", () => {
    const hops = Array.from({ length: NOWHERE + 5 }, (_, index) => hop(`10.0.${index >> 8}.${index & 255}`));
    const numbered = numberHops(hops, new Map());
    expect(numbered).toHaveLength(NOWHERE - 1);
    expect(numbered.at(-1)?.number).toBe(NOWHERE - 1);
  });

  test("after any changes, numbers are unique and none has changed its meaning", () => {
    const sets = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 30 })), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(sets, (all) => {
        let inUse = new Map<string, number>();
        for (const ids of all) {
          const numbered = numberHops(
            ids.map((id) => hop(`10.0.0.${id}`)),
            inUse,
          );
          const now = new Map(numbered.map((one) => [hopKey(one), one.number]));
          expect(new Set(now.values()).size).toBe(ids.length);
          for (const [key, number] of inUse) {
            if (now.has(key)) expect(now.get(key)).toBe(number);
            expect([...now].filter(([other, taken]) => taken === number && other !== key)).toEqual([]);
          }
          inUse = now;
        }
      }),
    );
  });
});

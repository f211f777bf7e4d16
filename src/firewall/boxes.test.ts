import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Box, disjoint, type Range } from "./boxes.ts";

const box = (says: string, ...ranges: readonly (readonly [number, number])[]): Box<string> => ({
  ranges: ranges.map(([first, last]): Range => [BigInt(first), BigInt(last)]),
  says: [says],
});

/** What is said at each point: by the first box that holds it. */
function pointsOf(boxes: readonly Box<string>[]): ReadonlyMap<string, string> {
  const points = new Map<string, string>();
  for (const { ranges, says } of boxes) {
    const [[left, right], [low, high]] = ranges as [Range, Range];
    for (let x = left; x <= right; x++) {
      for (let y = low; y <= high; y++) {
        if (!points.has(`${x} ${y}`)) points.set(`${x} ${y}`, says[0] ?? "");
      }
    }
  }
  return points;
}

function sizeOf({ ranges }: Box<string>): number {
  return ranges.reduce((size, [first, last]) => size * Number(last - first + 1n), 1);
}

describe("disjoint()", () => {
  test.each<[string, readonly Box<string>[], readonly Box<string>[]]>([
    ["nothing", [], []],
    ["what is apart", [box("a", [1, 2]), box("b", [3, 4])], [box("a", [1, 2]), box("b", [3, 4])]],
    [
      "the rest on both sides",
      [box("a", [3, 4]), box("b", [1, 6])],
      [box("a", [3, 4]), box("b", [1, 2]), box("b", [5, 6])],
    ],
    ["what is inside", [box("a", [1, 6]), box("b", [3, 4])], [box("a", [1, 6])]],
    ["the same twice", [box("a", [1, 6]), box("b", [1, 6])], [box("a", [1, 6])]],
    [
      "a corner in common",
      [box("a", [1, 2], [1, 2]), box("b", [2, 3], [2, 3])],
      [box("a", [1, 2], [1, 2]), box("b", [3, 3], [2, 3]), box("b", [2, 2], [3, 3])],
    ],
  ])("%s", (_, boxes, expected) => {
    expect(disjoint(boxes)).toEqual(expected);
  });

  test("holds each point once, and the first box decides", () => {
    const range = fc
      .tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 4 }))
      .map(([first, more]) => [first, first + more] as const);
    const boxes = fc
      .array(fc.tuple(range, range), { maxLength: 6 })
      .map((all) => all.map(([x, y], index) => box(`${index}`, x, y)));
    fc.assert(
      fc.property(boxes, (all) => {
        const apart = disjoint(all);
        expect(pointsOf(apart)).toEqual(pointsOf(all));
        expect(apart.reduce((sum, one) => sum + sizeOf(one), 0)).toBe(pointsOf(all).size);
      }),
      { numRuns: 500 },
    );
  });
});

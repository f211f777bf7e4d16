import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Chain, ChainPlaces } from "../model/index.ts";
import { choosePlaces, placesOf, placesWanted } from "./chain-places.ts";

type Way = Pick<Chain, "through" | "direction">;

/** A way through functions of one letter each. */
function way(direction: Chain["direction"], letters: string): Way {
  return {
    direction,
    through: letters.split("").map((segment) => ({ tenant: "t", segment, fail: "closed" })),
  };
}

function taken(...ranges: readonly (readonly [number, number])[]): Set<number> {
  return new Set(
    ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, n) => first + n)),
  );
}

describe("choosePlaces() of a new chain", () => {
  test.each<[string, Way, Set<number>, ChainPlaces | undefined]>([
    ["forward", way("forward", "a"), taken(), { forward: [1, 2] }],
    ["both ways", way("both", "ab"), taken(), { forward: [1, 2, 3], reverse: [4, 5, 6] }],
    ["around others", way("both", "a"), taken([1, 1], [3, 4]), { forward: [2, 5], reverse: [6, 7] }],
    ["the last ones", way("forward", "a"), taken([1, 61]), { forward: [62, 63] }],
    ["one too few", way("forward", "a"), taken([1, 62]), undefined],
    [
      "eight functions",
      way("forward", "abcdefgh"),
      taken([1, 54]),
      { forward: [55, 56, 57, 58, 59, 60, 61, 62, 63] },
    ],
  ])("%s", (_, chain, others, expected) => {
    expect(choosePlaces(chain, others)).toEqual(expected);
  });
});

describe("choosePlaces() of a chain that changes", () => {
  const before = { ...way("both", "a"), places: { forward: [1, 2], reverse: [3, 4] } };
  test.each<[string, Way, Set<number>, ChainPlaces | undefined]>([
    ["the same way", way("both", "a"), taken([5, 6]), before.places],
    ["another function", way("both", "b"), taken([5, 6]), { forward: [7, 8], reverse: [9, 10] }],
    ["one more function", way("both", "ab"), taken(), { forward: [5, 6, 7], reverse: [8, 9, 10] }],
    ["one direction", way("forward", "a"), taken(), { forward: [5, 6] }],
    [
      "own ones when nothing else is left",
      way("both", "b"),
      taken([5, 62]),
      { forward: [63, 1], reverse: [2, 3] },
    ],
    ["not enough with its own", way("both", "ab"), taken([6, 63]), undefined],
  ])("%s", (_, chain, others, expected) => {
    expect(choosePlaces(chain, others, before)).toEqual(expected);
  });
});

test("choosePlaces() gives as many different numbers of 1 to 63 as are wanted, none of others", () => {
  const ways = fc
    .record({
      direction: fc.constantFrom<Chain["direction"]>("both", "forward"),
      letters: fc.subarray("abcdefgh".split(""), { minLength: 1 }),
    })
    .map(({ direction, letters }) => way(direction, letters.join("")));
  const others = fc.uniqueArray(fc.integer({ min: 1, max: 63 })).map((places) => new Set(places));
  fc.assert(
    fc.property(ways, others, (chain, set) => {
      const places = choosePlaces(chain, set);
      expect(places !== undefined).toBe(63 - set.size >= placesWanted(chain));
      if (places === undefined) return;
      const all = placesOf(places);
      expect(new Set(all).size).toBe(placesWanted(chain));
      expect(all.filter((place) => set.has(place) || place < 1 || place > 63)).toEqual([]);
      expect(places.forward.length).toBe(chain.through.length + 1);
      expect(places.reverse?.length).toBe(chain.direction === "both" ? chain.through.length + 1 : undefined);
    }),
  );
});

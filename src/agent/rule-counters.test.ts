import { describe, expect, test } from "vitest";
import { RuleCounters } from "./rule-counters.ts";

const tally = (packets: number): { packets: number; bytes: number } => ({ packets, bytes: packets * 60 });

describe("see()", () => {
  test.each<[string, readonly (readonly [string, number])[], readonly number[]]>([
    ["all that was counted before the first look", [["x", 3]], [3]],
    [
      "what came since the last look",
      [
        ["x", 3],
        ["x", 5],
      ],
      [3, 2],
    ],
    [
      "nothing when nothing came",
      [
        ["x", 3],
        ["x", 3],
      ],
      [3, 0],
    ],
    [
      "what came since the place came back",
      [
        ["x", 3],
        ["x", 2],
      ],
      [3, 2],
    ],
    [
      "each place by itself",
      [
        ["x", 3],
        ["y", 5],
      ],
      [3, 5],
    ],
  ])("returns %s", (_, looks, expected) => {
    const counters = new RuleCounters();
    const grown = looks.map(
      ([place, packets]) => counters.see("part", new Map([[place, tally(packets)]])).get(place) ?? tally(0),
    );
    expect(grown).toEqual(expected.map(tally));
  });

  test("knows the places of other parts apart", () => {
    const counters = new RuleCounters();
    counters.see("a", new Map([["x", tally(3)]]));
    expect(counters.see("b", new Map([["x", tally(4)]])).get("x")).toEqual(tally(4));
  });

  test("counts from zero after startOver()", () => {
    const counters = new RuleCounters();
    counters.see("a", new Map([["x", tally(3)]]));
    counters.startOver();
    expect(counters.see("a", new Map([["x", tally(4)]])).get("x")).toEqual(tally(4));
  });
});

describe("totals", () => {
  test("are sums by rule, and of isolation; policies that went are forgotten", () => {
    const counters = new RuleCounters();
    for (const rule of [0, 1, 0, -1]) counters.add({ policy: "a", rule }, tally(2));
    counters.add({ policy: "b", rule: 0 }, tally(1));
    expect(counters.version).toBe(5);
    expect(counters.totals).toEqual([
      { policy: "a", rule: 0, ...tally(4) },
      { policy: "a", rule: 1, ...tally(2) },
      { policy: "a", ...tally(2) },
      { policy: "b", rule: 0, ...tally(1) },
    ]);
    counters.keepOnly(new Set(["b"]));
    expect(counters.totals).toEqual([{ policy: "b", rule: 0, ...tally(1) }]);
  });
});

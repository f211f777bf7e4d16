import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddress, formatPrefix, parsePrefix, prefixesOverlap, prefixOf } from "../net/index.ts";
import { aggregateReference, type Way, wayOfAddress } from "./aggregate.reference.ts";
import { aggregateRoutes } from "./aggregate.ts";

/** Routes as text: `PREFIX WAY`. */
function aggregate(...routes: string[]): string[] {
  const ways = routes.map((text): Way => {
    const [destination, way] = text.split(" ");
    return { destination: parsePrefix(destination as string), way: way as string };
  });
  return aggregateRoutes(ways, ({ way }) => way).map(
    ({ destination, parts }) => `${formatPrefix(destination)} ${parts[0]?.way}`,
  );
}

describe("aggregateRoutes()", () => {
  const cases: [string, string[], string[]][] = [
    ["nothing", [], []],
    ["one route", ["10.1.0.0/16 a"], ["10.1.0.0/16 a"]],
    ["two halves", ["10.2.0.0/16 a", "10.3.0.0/16 a"], ["10.2.0.0/15 a"]],
    ["neighbours that are no halves", ["10.1.0.0/16 a", "10.2.0.0/16 a"], ["10.1.0.0/16 a", "10.2.0.0/16 a"]],
    ["halves of two ways", ["10.2.0.0/16 a", "10.3.0.0/16 b"], ["10.2.0.0/16 a", "10.3.0.0/16 b"]],
    [
      "four quarters and a hole",
      ["10.4.0.0/16 a", "10.5.0.0/16 a", "10.6.0.0/16 a", "10.7.0.0/16 a", "10.9.0.0/16 a"],
      ["10.4.0.0/14 a", "10.9.0.0/16 a"],
    ],
    [
      "seven of eight racks: what is not there is not covered",
      [1, 2, 3, 4, 5, 6, 7].map((rack) => `10.${rack * 8}.0.0/13 a`),
      ["10.8.0.0/13 a", "10.16.0.0/12 a", "10.32.0.0/11 a"],
    ],
    ["a route inside another of the same way", ["10.0.0.0/8 a", "10.1.0.0/16 a"], ["10.0.0.0/8 a"]],
    [
      "a route inside another of the same way, with a third between",
      ["10.0.0.0/8 a", "10.1.0.0/16 b", "10.1.1.0/24 a"],
      ["10.0.0.0/8 a", "10.1.0.0/16 b", "10.1.1.0/24 a"],
    ],
    [
      "halves around a longer route of another way",
      ["10.2.0.0/16 a", "10.3.0.0/16 a", "10.3.3.0/24 b"],
      ["10.2.0.0/15 a", "10.3.3.0/24 b"],
    ],
    [
      "halves that hide a wider route completely",
      ["10.2.0.0/15 b", "10.2.0.0/16 a", "10.3.0.0/16 a"],
      ["10.2.0.0/15 a"],
    ],
    ["the whole address space", ["0.0.0.0/1 a", "128.0.0.0/1 a"], ["0.0.0.0/0 a"]],
    ["IPv6", ["fd00:0:0:2::/64 a", "fd00:0:0:3::/64 a"], ["fd00:0:0:2::/63 a"]],
    ["both families apart", ["0.0.0.0/0 a", "::/1 a", "8000::/1 a"], ["0.0.0.0/0 a", "::/0 a"]],
  ];
  test.each(cases)("%s", (_, routes, outcome) => {
    expect(aggregate(...routes)).toEqual(outcome);
    expect(aggregate(...routes.toReversed())).toEqual(outcome);
  });

  test("tells which routes it replaced", () => {
    const routes = ["10.3.0.0/16", "10.2.0.0/16", "10.9.0.0/16"].map((text) => ({
      destination: parsePrefix(text),
    }));
    const aggregated = aggregateRoutes(routes, () => "a");
    expect(aggregated.map(({ parts }) => parts.map(({ destination }) => formatPrefix(destination)))).toEqual([
      ["10.2.0.0/16", "10.3.0.0/16"],
      ["10.9.0.0/16"],
    ]);
  });
});

describe("aggregateRoutes() of random routes in a /27", () => {
  const route = fc.record({
    destination: fc
      .tuple(fc.nat({ max: 31 }), fc.integer({ min: 27, max: 32 }))
      .map(([value, length]) => prefixOf(createAddress(4, 0x0a000000n + BigInt(value)), length)),
    way: fc.constantFrom("a", "b"),
  });
  const routes = fc.uniqueArray(route, {
    maxLength: 24,
    selector: ({ destination }) => formatPrefix(destination),
  });

  const aggregated = (before: readonly Way[]): Way[] =>
    aggregateRoutes(before, ({ way }) => way).map(({ destination, parts }) => ({
      destination,
      way: parts[0]?.way as string,
    }));

  test("leads every address the same way, and nothing is left to merge", () => {
    fc.assert(
      fc.property(routes, (before) => {
        const after = aggregated(before);
        for (let offset = -1n; offset <= 32n; offset++) {
          const value = 0x0a000000n + offset;
          expect(wayOfAddress(after, value)).toBe(wayOfAddress(before, value));
        }
        expect(aggregateReference(after)).toEqual(after);
      }),
      { numRuns: 1000 },
    );
  });

  test("agrees with its slow twin where destinations do not overlap", () => {
    const texts = (list: readonly Way[]): string[] =>
      list.map(({ destination, way }) => `${formatPrefix(destination)} ${way}`).toSorted();
    fc.assert(
      fc.property(routes, (all) => {
        const before = all.filter(
          (one, index) =>
            !all.slice(0, index).some((other) => prefixesOverlap(one.destination, other.destination)),
        );
        expect(texts(aggregated(before))).toEqual(texts(aggregateReference(before)));
      }),
      { numRuns: 1000 },
    );
  });
});

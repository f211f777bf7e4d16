import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { addressBits, parsePrefix } from "../net/index.ts";
import { type Proposal, proposePlans, type Wanted } from "./propose.ts";
import { planTable } from "./table.ts";

const SEED: Wanted = {
  prefix: parsePrefix("10.0.0.0/8"),
  hosts: 255,
  tenants: 255,
  segments: 15,
  endpoints: 15,
};

/** `balanced host 8 tenant 8 segment 4 endpoint 4`. */
function text({ preference, levels }: Proposal): string {
  return [preference, ...levels.map(({ level, bits }) => `${level} ${bits}`)].join(" ");
}

describe("proposePlans()", () => {
  test("finds the seed's plan for the seed's numbers, full to the last", () => {
    const [first, ...others] = proposePlans(SEED);
    expect(others).toEqual([]);
    expect(text(first as Proposal)).toBe("balanced host 8 tenant 8 segment 4 endpoint 4");
    expect(first?.levels.map(({ room, left, factor }) => [room, left, factor])).toEqual([
      [255, 0, 1],
      [255, 0, 1],
      [15, 0, 1],
      [15, 0, 1],
    ]);
  });

  const cases: [string, Wanted, string[]][] = [
    [
      "one spare bit goes to one level in each proposal",
      { ...SEED, hosts: 127 },
      [
        "balanced host 8 tenant 8 segment 4 endpoint 4",
        "endpoints host 7 tenant 8 segment 4 endpoint 5",
        "segments host 7 tenant 8 segment 5 endpoint 4",
        "tenants host 7 tenant 9 segment 4 endpoint 4",
      ],
    ],
    [
      "balanced gives to the fullest, bit by bit",
      { ...SEED, hosts: 100, tenants: 20, segments: 5, endpoints: 10 },
      [
        "balanced host 9 tenant 6 segment 4 endpoint 5",
        "hosts host 12 tenant 5 segment 3 endpoint 4",
        "endpoints host 7 tenant 5 segment 3 endpoint 9",
        "segments host 7 tenant 5 segment 8 endpoint 4",
        "tenants host 7 tenant 10 segment 3 endpoint 4",
      ],
    ],
    [
      "v1 numbering counts IDs from 0 and reserves three values",
      { ...SEED, numbering: "v1", hosts: 256, tenants: 16, segments: 16, endpoints: 253 },
      ["balanced host 8 tenant 4 segment 4 endpoint 8"],
    ],
    [
      "v1 numbering with a stride",
      { ...SEED, numbering: "v1", hosts: 256, tenants: 16, segments: 16, endpoints: 64, strideBits: 2 },
      ["balanced host 8 tenant 4 segment 4 endpoint 6"],
    ],
    [
      "groups take their bits above the hosts",
      {
        ...SEED,
        groups: [
          { name: "zone", count: 3 },
          { name: "rack", count: 8 },
        ],
        hosts: 7,
        tenants: 60,
        segments: 15,
        endpoints: 7,
      },
      [
        "balanced zone 2 rack 4 host 4 tenant 6 segment 5 endpoint 3",
        "hosts zone 2 rack 3 host 6 tenant 6 segment 4 endpoint 3",
        "endpoints zone 2 rack 3 host 3 tenant 6 segment 4 endpoint 6",
        "segments zone 2 rack 3 host 3 tenant 6 segment 7 endpoint 3",
        "tenants zone 2 rack 3 host 3 tenant 9 segment 4 endpoint 3",
      ],
    ],
    [
      "IPv6: no level grows past 32 bits, what is left goes on in balance",
      {
        prefix: parsePrefix("fd00:1234:5678::/48"),
        hosts: 1000,
        tenants: 1000,
        segments: 100,
        endpoints: 100,
      },
      [
        "balanced host 22 tenant 22 segment 18 endpoint 18",
        "hosts host 32 tenant 18 segment 15 endpoint 15",
        "endpoints host 17 tenant 17 segment 14 endpoint 32",
        "segments host 17 tenant 17 segment 32 endpoint 14",
        "tenants host 18 tenant 32 segment 15 endpoint 15",
      ],
    ],
  ];
  test.each(cases)("%s", (_, wanted, outcome) => {
    expect(proposePlans(wanted).map(text)).toEqual(outcome);
  });

  test("a /64 of its own for each endpoint", () => {
    const wanted = {
      prefix: parsePrefix("2001:db8::/32"),
      hosts: 200,
      tenants: 200,
      segments: 15,
      endpoints: 200,
      strideBits: 64,
    };
    const [first] = proposePlans(wanted);
    expect(first?.plan.strideBits).toBe(64);
    expect(text(first as Proposal)).toBe("balanced host 9 tenant 9 segment 5 endpoint 9");
  });
});

describe("proposePlans() refuses", () => {
  const cases: [string, Wanted, string][] = [
    [
      "too much",
      { ...SEED, hosts: 256, segments: 16 },
      "prefix: host 9 (for 256) + tenant 8 (for 255) + segment 5 (for 16) + endpoint 4 (for 15) = 26 bits, " +
        "but 10.0.0.0/8 leaves 24 (2 missing); a /6 or an IPv6 prefix would do",
    ],
    [
      "too much for IPv4",
      { ...SEED, hosts: 100_000, tenants: 100_000 },
      "prefix: host 17 (for 100000) + tenant 17 (for 100000) + segment 4 (for 15) + endpoint 4 (for 15) = 42 bits, " +
        "but 10.0.0.0/8 leaves 24 (18 missing); an IPv6 prefix would do",
    ],
    [
      "too much with groups and a stride in IPv6",
      { ...SEED, prefix: parsePrefix("fd00::/64"), groups: [{ name: "rack", count: 40 }], strideBits: 64 },
      "prefix: rack 6 (for 40) + host 8 (for 255) + tenant 8 (for 255) + segment 4 (for 15) + endpoint 4 (for 15) " +
        "+ stride 64 = 94 bits, but fd00::/64 leaves 64 (30 missing); a /34 would do",
    ],
    [
      "too much for IPv6",
      { ...SEED, prefix: parsePrefix("fd00::/64"), hosts: 2 ** 30, tenants: 2 ** 30, strideBits: 64 },
      "prefix: host 31 (for 1073741824) + tenant 31 (for 1073741824) + segment 4 (for 15) + endpoint 4 (for 15) " +
        "+ stride 64 = 134 bits, but fd00::/64 leaves 64 (70 missing); no prefix would do",
    ],
    [
      "what is not a number, all at once",
      {
        ...SEED,
        hosts: 0,
        tenants: -1,
        segments: 1.5,
        endpoints: Number.NaN,
        strideBits: 65,
        groups: [{ name: "rack", count: 0 }],
      },
      "groups.rack: 0 is not a number of 1 or more; hosts: 0 is not a number of 1 or more; " +
        "tenants: -1 is not a number of 1 or more; segments: 1.5 is not a number of 1 or more; " +
        "endpoints: NaN is not a number of 1 or more; strideBits: 65 bits is not in 0..64",
    ],
    [
      "more than 32 bits of one level",
      { ...SEED, hosts: 2 ** 32 },
      "hosts: 4294967296 is more than the 4294967295 of 32 bits",
    ],
  ];
  test.each(cases)("%s", (_, wanted, message) => {
    expect(() => proposePlans(wanted)).toThrow(`Cannot propose address plan: ${message}`);
  });

  test("a prefix that cannot be used", () => {
    expect(() => proposePlans({ ...SEED, prefix: parsePrefix("224.0.0.0/8") })).toThrow(
      "Cannot use address plan: prefix: 224.0.0.0/8 overlaps 224.0.0.0/4 (multicast), which is never routed",
    );
  });
});

test("every proposal holds what is wanted, uses every bit and counts as the plan's table does", () => {
  const count = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 100_000 }));
  const wanted: fc.Arbitrary<Wanted> = fc.record(
    {
      prefix: fc.constantFrom("10.0.0.0/8", "172.16.0.0/12", "fd00:1:2::/48", "fd00::/8").map(parsePrefix),
      numbering: fc.constantFrom("literal" as const, "v1" as const),
      groups: fc.uniqueArray(fc.record({ name: fc.constantFrom("zone", "rack"), count }), {
        selector: ({ name }) => name,
      }),
      hosts: count,
      tenants: count,
      segments: count,
      endpoints: count,
      strideBits: fc.nat({ max: 8 }),
    },
    { requiredKeys: ["prefix", "hosts", "tenants", "segments", "endpoints"] },
  );
  fc.assert(
    fc.property(wanted, (spec) => {
      let proposals: readonly Proposal[];
      try {
        proposals = proposePlans(spec);
      } catch (error) {
        expect(hasCode(error, "invalid-input") && error.failure.faults.map(({ path }) => path)).toEqual([
          "prefix",
        ]);
        return;
      }
      expect(proposals[0]?.preference).toBe("balanced");
      for (const { plan, levels } of proposals) {
        const bits = levels.reduce((sum, level) => sum + level.bits, plan.prefix.length + plan.strideBits);
        expect(bits).toBe(addressBits(plan.family));
        for (const { wanted: least, room, left, factor } of levels) {
          expect(room).toBeGreaterThanOrEqual(least);
          expect([left, factor]).toEqual([room - least, room / least]);
        }
        const counts = planTable(plan).slice(1, 1 + levels.length);
        expect(levels.map(({ level, room }) => [level, room])).toEqual(
          counts.map((row) => [row.level, row.count]),
        );
      }
    }),
    { numRuns: 500 },
  );
});

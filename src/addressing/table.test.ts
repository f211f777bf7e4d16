import { describe, expect, test } from "vitest";
import { formatPrefix, parseAddress, parsePrefix } from "../net/index.ts";
import { parseSegmentCode } from "./codes.ts";
import { type Decoded, decodeAddress } from "./decode.ts";
import { createPlan, type PlanSpec } from "./plan.ts";
import { identityTable, planTable } from "./table.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const V1: PlanSpec = { ...SEED, numbering: "v1", tenantBits: 4, endpointBits: 6, strideBits: 2 };
const RACKS: PlanSpec = {
  ...SEED,
  hostBits: 3,
  groupLevels: [
    { name: "zone", bits: 2 },
    { name: "rack", bits: 3 },
  ],
};
const IPV6: PlanSpec = {
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};

/** Rows as text: level, bits, length, mask, netmask, IDs, count, example. */
function rows(spec: PlanSpec): string[] {
  return planTable(createPlan(spec)).map(
    ({ level, bits, prefixLength, mask, netmask, ids, count, example }) =>
      [
        level,
        bits,
        `/${prefixLength}`,
        mask,
        netmask,
        ids === undefined ? "-" : `${ids.first}..${ids.last}`,
        count,
        example.id ?? "-",
        formatPrefix(example.prefix),
      ].join(" "),
  );
}

describe("planTable()", () => {
  const cases: [string, PlanSpec, string[]][] = [
    [
      "the seed's plan",
      SEED,
      [
        "network 8 /8 255.0.0.0 255.0.0.0 - 1 - 10.0.0.0/8",
        "host 8 /16 0.255.0.0 255.255.0.0 1..255 255 1 10.1.0.0/16",
        "tenant 8 /24 0.0.255.0 255.255.255.0 1..255 255 1 10.1.1.0/24",
        "segment 4 /28 0.0.0.240 255.255.255.240 1..15 15 1 10.1.1.16/28",
        "endpoint 4 /32 0.0.0.15 255.255.255.255 1..15 15 11 10.1.1.27/32",
      ],
    ],
    [
      "v1 numbering with a stride",
      V1,
      [
        "network 8 /8 255.0.0.0 255.0.0.0 - 1 - 10.0.0.0/8",
        "host 8 /16 0.255.0.0 255.255.0.0 1..256 256 1 10.0.0.0/16",
        "tenant 4 /20 0.0.240.0 255.255.240.0 0..15 16 1 10.0.16.0/20",
        "segment 4 /24 0.0.15.0 255.255.255.0 0..15 16 1 10.0.17.0/24",
        "endpoint 6 /30 0.0.0.252 255.255.255.252 0..63 64 11 10.0.17.44/30",
        "stride 2 /32 0.0.0.3 255.255.255.255 - 4 - 10.0.17.47/32",
      ],
    ],
    [
      "group levels",
      RACKS,
      [
        "network 8 /8 255.0.0.0 255.0.0.0 - 1 - 10.0.0.0/8",
        "zone 2 /10 0.192.0.0 255.192.0.0 0..3 4 1 10.64.0.0/10",
        "rack 3 /13 0.56.0.0 255.248.0.0 0..7 8 1 10.72.0.0/13",
        "host 3 /16 0.7.0.0 255.255.0.0 1..7 7 1 10.73.0.0/16",
        "tenant 8 /24 0.0.255.0 255.255.255.0 1..255 255 1 10.73.1.0/24",
        "segment 4 /28 0.0.0.240 255.255.255.240 1..15 15 1 10.73.1.16/28",
        "endpoint 4 /32 0.0.0.15 255.255.255.255 1..15 15 11 10.73.1.27/32",
      ],
    ],
    [
      "IPv6",
      IPV6,
      [
        "network 48 /48 ffff:ffff:ffff:: ffff:ffff:ffff:: - 1 - fd00:1234:5678::/48",
        "host 16 /64 0:0:0:ffff:: ffff:ffff:ffff:ffff:: 1..65535 65535 1 fd00:1234:5678:1::/64",
        "tenant 16 /80 ::ffff:0:0:0 ffff:ffff:ffff:ffff:ffff:: 1..65535 65535 1 fd00:1234:5678:1:1::/80",
        "segment 16 /96 ::ffff:0.0.0.0 ffff:ffff:ffff:ffff:ffff:ffff:: 1..65535 65535 1 fd00:1234:5678:1:1:1::/96",
        "endpoint 32 /128 ::ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 1..4294967295 4294967295 11 fd00:1234:5678:1:1:1:0:b/128",
      ],
    ],
    [
      "narrow levels: the nearest IDs stand in the example",
      { ...SEED, tenantBits: 13, segmentBits: 0, endpointBits: 3, reservedEndpoints: [0, 3, 7] },
      [
        "network 8 /8 255.0.0.0 255.0.0.0 - 1 - 10.0.0.0/8",
        "host 8 /16 0.255.0.0 255.255.0.0 1..255 255 1 10.1.0.0/16",
        "tenant 13 /29 0.0.255.248 255.255.255.248 1..8191 8191 1 10.1.0.8/29",
        "segment 0 /29 0.0.0.0 255.255.255.248 - 0 0 10.1.0.8/29",
        "endpoint 3 /32 0.0.0.7 255.255.255.255 1..6 5 6 10.1.0.14/32",
      ],
    ],
    [
      "a reserved 11",
      { ...SEED, reservedEndpoints: [11, 12, 13, 14, 15] },
      [
        "network 8 /8 255.0.0.0 255.0.0.0 - 1 - 10.0.0.0/8",
        "host 8 /16 0.255.0.0 255.255.0.0 1..255 255 1 10.1.0.0/16",
        "tenant 8 /24 0.0.255.0 255.255.255.0 1..255 255 1 10.1.1.0/24",
        "segment 4 /28 0.0.0.240 255.255.255.240 1..15 15 1 10.1.1.16/28",
        "endpoint 4 /32 0.0.0.15 255.255.255.255 0..10 11 10 10.1.1.26/32",
      ],
    ],
  ];
  test.each(cases)("%s", (_, spec, outcome) => {
    expect(rows(spec)).toEqual(outcome);
  });

  test("reserved IDs in the middle are not in the example", () => {
    expect(rows({ ...SEED, reservedEndpoints: [0, 10, 11, 12] }).at(-1)).toContain(
      "1..15 12 13 10.1.1.29/32",
    );
  });
});

describe("identityTable()", () => {
  const table = (spec: PlanSpec, address: string, codes: string[] = []): string[] => {
    const plan = createPlan(spec);
    const decoded = decodeAddress(plan, parseAddress(address), () => codes.map(parseSegmentCode)) as Decoded;
    return identityTable(plan, decoded).map(
      ({ level, id, prefix }) => `${level} ${id} ${formatPrefix(prefix)}`,
    );
  };

  test("the seed's endpoint", () => {
    expect(table(SEED, "10.1.1.27")).toEqual([
      "host 1 10.1.0.0/16",
      "tenant 1 10.1.1.0/24",
      "segment 1 10.1.1.16/28",
      "endpoint 11 10.1.1.27/32",
    ]);
  });

  test("groups, and a code of another width", () => {
    expect(table(RACKS, "10.73.1.27", ["6+2"])).toEqual([
      "zone 1 10.64.0.0/10",
      "rack 1 10.72.0.0/13",
      "host 1 10.73.0.0/16",
      "tenant 1 10.73.1.0/24",
      "segment 6+2 10.73.1.24/30",
      "endpoint 3 10.73.1.27/32",
    ]);
  });

  test("an address that no endpoint can have", () => {
    expect(table(V1, "10.0.17.2").at(-1)).toBe("endpoint undefined 10.0.17.0/24");
  });
});

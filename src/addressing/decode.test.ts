import { describe, expect, test } from "vitest";
import type { AddressPlan, SegmentCode } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { formatSegmentCode, parseSegmentCode } from "./codes.ts";
import { decodeAddress } from "./decode.ts";
import { createPlan, type PlanSpec } from "./plan.ts";

const SPEC: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const SEED = createPlan(SPEC);
const V1 = { ...SPEC, numbering: "v1", tenantBits: 4 } as const;

type Row = [
  text: string,
  groups: number[],
  host: number,
  tenant: number,
  segment: string,
  endpoint: number | undefined,
  offset: bigint,
];

function decode(plan: AddressPlan, text: string, codes?: (tenant: number) => readonly SegmentCode[]) {
  const decoded = decodeAddress(plan, parseAddress(text), codes);
  if (decoded === undefined) return undefined;
  const { groups, host, tenant, code, endpoint, offset } = decoded;
  return [groups, host, tenant, formatSegmentCode(code), endpoint, offset];
}

describe("decodeAddress() of the seed's plan", () => {
  const cases: Row[] = [
    ["10.1.1.27", [], 1, 1, "1", 11, 0n],
    ["10.2.1.27", [], 2, 1, "1", 11, 0n],
    ["10.1.2.27", [], 1, 2, "1", 11, 0n],
    ["10.0.0.0", [], 0, 0, "0", 0, 0n],
    ["10.1.0.1", [], 1, 0, "0", 1, 0n],
    ["10.255.255.255", [], 255, 255, "15", 15, 0n],
  ];
  test.each(cases)("%s", (text, ...ids) => {
    expect(decode(SEED, text)).toEqual(ids);
  });

  test.each(["9.255.255.255", "11.0.0.0", "0.0.0.0", "255.255.255.255", "::", "::ffff:10.1.1.27"])(
    "%s is not in the network",
    (text) => {
      expect(decode(SEED, text)).toBeUndefined();
    },
  );
});

describe("decodeAddress() under v1 numbering", () => {
  const rows = (endpointBits: number, strideBits: number, table: Row[]): [string, AddressPlan, ...Row][] =>
    table.map((row) => [`stride ${strideBits}`, createPlan({ ...V1, endpointBits, strideBits }), ...row]);
  const cases = [
    ...rows(8, 0, [
      ["10.0.0.3", [], 1, 0, "0", 0, 0n],
      ["10.1.17.3", [], 2, 1, "1", 0, 0n],
      ["10.1.17.2", [], 2, 1, "1", undefined, 0n],
      ["10.1.17.0", [], 2, 1, "1", undefined, 0n],
      ["10.255.255.255", [], 256, 15, "15", 252, 0n],
    ]),
    ...rows(7, 1, [
      ["10.1.17.2", [], 2, 1, "1", undefined, 0n],
      ["10.1.17.3", [], 2, 1, "1", 0, 0n],
      ["10.1.17.4", [], 2, 1, "1", 1, -1n],
      ["10.1.17.5", [], 2, 1, "1", 1, 0n],
      ["10.1.17.255", [], 2, 1, "1", 126, 0n],
    ]),
    ...rows(6, 2, [
      ["10.1.17.3", [], 2, 1, "1", 0, 0n],
      ["10.1.17.4", [], 2, 1, "1", 1, -3n],
      ["10.1.17.7", [], 2, 1, "1", 1, 0n],
      ["10.1.17.11", [], 2, 1, "1", 2, 0n],
      ["10.1.17.255", [], 2, 1, "1", 63, 0n],
    ]),
    ...rows(4, 4, [
      ["10.1.17.3", [], 2, 1, "1", 0, 0n],
      ["10.1.17.4", [], 2, 1, "1", undefined, 0n],
      ["10.1.17.15", [], 2, 1, "1", undefined, 0n],
      ["10.1.17.16", [], 2, 1, "1", 1, -3n],
      ["10.1.17.31", [], 2, 1, "1", 1, 12n],
      ["10.1.17.243", [], 2, 1, "1", 15, 0n],
    ]),
  ];
  test.each(cases)("%s: $2", (_, plan, text, ...ids) => {
    expect(decode(plan, text)).toEqual(ids);
  });
});

describe("decodeAddress() of other plans", () => {
  const zoned = createPlan({
    ...SPEC,
    hostBits: 3,
    groupLevels: [
      { name: "zone", bits: 2 },
      { name: "rack", bits: 3 },
    ],
  });
  const ipv6: PlanSpec = {
    prefix: parsePrefix("fd00:1234:5678::/48"),
    hostBits: 16,
    tenantBits: 16,
    segmentBits: 16,
    endpointBits: 32,
  };
  const strided = { ...ipv6, hostBits: 4, tenantBits: 4, segmentBits: 4, endpointBits: 4, strideBits: 64 };
  const cases: [string, AddressPlan, ...Row][] = [
    ["groups", zoned, "10.85.1.27", [1, 2], 5, 1, "1", 11, 0n],
    [
      "a stride",
      createPlan({ ...SPEC, tenantBits: 4, strideBits: 4 }),
      "10.1.18.190",
      [],
      1,
      1,
      "2",
      11,
      14n,
    ],
    ["IPv6", createPlan(ipv6), "fd00:1234:5678:1:1:1:0:b", [], 1, 1, "1", 11, 0n],
    [
      "the last of IPv6",
      createPlan(ipv6),
      "fd00:1234:5678:ffff:ffff:ffff:ffff:ffff",
      [],
      65535,
      65535,
      "65535",
      4294967295,
      0n,
    ],
    ["a /64 each", createPlan(strided), "fd00:1234:5678:1234::1", [], 1, 2, "3", 4, 1n],
    [
      "the end of a /64",
      createPlan(strided),
      "fd00:1234:5678:1234:ffff:ffff:ffff:ffff",
      [],
      1,
      2,
      "3",
      4,
      2n ** 64n - 1n,
    ],
    [
      "a wide v1 stride",
      createPlan({ ...strided, numbering: "v1" }),
      "fd00:1234:5678:1234::3",
      [],
      2,
      2,
      "3",
      4,
      0n,
    ],
    ["below it", createPlan({ ...strided, numbering: "v1" }), "fd00:1234:5678:1234::", [], 2, 2, "3", 4, -3n],
    [
      "reserved there",
      createPlan({ ...strided, numbering: "v1" }),
      "fd00:1234:5678:1230::2",
      [],
      2,
      2,
      "3",
      undefined,
      0n,
    ],
  ];
  test.each(cases)("%s: $2", (_, plan, text, ...ids) => {
    expect(decode(plan, text)).toEqual(ids);
  });
});

describe("decodeAddress() with codes of other widths in use", () => {
  const codes = new Map([
    [1, ["5+2", "21+2", "3-1", "0"].map(parseSegmentCode)],
    [2, ["0-4"].map(parseSegmentCode)],
    [3, ["1-9", "1+9"].map(parseSegmentCode)],
  ]);
  const cases: Row[] = [
    ["10.1.1.23", [], 1, 1, "5+2", 3, 0n],
    ["10.1.1.24", [], 1, 1, "1", 8, 0n],
    ["10.1.1.87", [], 1, 1, "21+2", 3, 0n],
    ["10.1.1.80", [], 1, 1, "5", 0, 0n],
    ["10.1.1.127", [], 1, 1, "3-1", 31, 0n],
    ["10.1.1.1", [], 1, 1, "0", 1, 0n],
    ["10.1.2.200", [], 1, 2, "0-4", 200, 0n],
    ["10.1.3.200", [], 1, 3, "12", 8, 0n],
    ["10.1.4.23", [], 1, 4, "1", 7, 0n],
  ];
  test.each(cases)("%s", (text, ...ids) => {
    expect(decode(SEED, text, (tenant) => codes.get(tenant) ?? [])).toEqual(ids);
  });
});

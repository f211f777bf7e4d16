import { describe, expect, test } from "vitest";
import type { AddressPlan, Numbering, RomanaError } from "../model/index.ts";
import { formatAddress, formatPrefix, parsePrefix } from "../net/index.ts";
import { parseSegmentCode } from "./codes.ts";
import { encodeAddress, endpointPrefix } from "./encode.ts";
import type { Identity } from "./layout.ts";
import { createPlan } from "./plan.ts";

/** A plan from `prefix host/tenant/segment/endpoint/stride`, the notation of the original's tables. */
function plan(prefix: string, widths: string, numbering: Numbering = "literal"): AddressPlan {
  const [hostBits, tenantBits, segmentBits, endpointBits, strideBits] = widths.split("/").map(Number);
  return createPlan({
    prefix: parsePrefix(prefix),
    numbering,
    hostBits: hostBits as number,
    tenantBits: tenantBits as number,
    segmentBits: segmentBits as number,
    endpointBits: endpointBits as number,
    strideBits: strideBits ?? 0,
  });
}

function identity(host: number, tenant: number, segment: string | number, endpoint: number): Identity {
  return { groups: [], host, tenant, code: parseSegmentCode(String(segment)), endpoint };
}

function faultsOf(run: () => unknown): string[] {
  try {
    run();
  } catch (error) {
    const { failure } = error as RomanaError;
    if (failure.code !== "invalid-input") throw error;
    return failure.faults.map(({ path, reason }) => `${path}: ${reason}`);
  }
  return [];
}

const SEED = plan("10.0.0.0/8", "8/8/4/4");
const V1 = "8/4/4/8/0";
const IPV6 = plan("fd00:1234:5678::/48", "16/16/16/32");
const ZONED = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  groupLevels: [
    { name: "zone", bits: 2 },
    { name: "rack", bits: 3 },
  ],
  hostBits: 5,
  tenantBits: 6,
  segmentBits: 4,
  endpointBits: 4,
});

describe("encodeAddress() with the seed's plan", () => {
  const cases: [number, number, string, number, string][] = [
    [1, 1, "1", 11, "10.1.1.27"],
    [2, 1, "1", 11, "10.2.1.27"],
    [1, 2, "1", 11, "10.1.2.27"],
    [1, 1, "2", 11, "10.1.1.43"],
    [1, 1, "0", 1, "10.1.1.1"],
    [0, 0, "0", 0, "10.0.0.0"],
    [255, 255, "15", 15, "10.255.255.255"],
    [1, 1, "1+1", 7, "10.1.1.15"],
    [1, 1, "5+2", 3, "10.1.1.23"],
    [1, 1, "1-2", 11, "10.1.1.75"],
    [1, 1, "3-2", 63, "10.1.1.255"],
    [1, 1, "0-4", 200, "10.1.1.200"],
  ];
  test.each(cases)(
    "host %i tenant %i segment %s endpoint %i → %s",
    (host, tenant, segment, endpoint, text) => {
      expect(formatAddress(encodeAddress(SEED, identity(host, tenant, segment, endpoint)))).toBe(text);
    },
  );
});

describe("encodeAddress() under v1 numbering gives the original's worked values", () => {
  const cases: [string, number, number, number, number, string][] = [
    [V1, 1, 0, 0, 0, "10.0.0.3"],
    [V1, 1, 0, 0, 1, "10.0.0.4"],
    [V1, 1, 0, 0, 2, "10.0.0.5"],
    [V1, 2, 1, 1, 0, "10.1.17.3"],
    [V1, 1, 1, 0, 0, "10.0.16.3"],
    [V1, 1, 1, 1, 0, "10.0.17.3"],
    [V1, 1, 1, 2, 0, "10.0.18.3"],
    [V1, 1, 1, 3, 0, "10.0.19.3"],
    [V1, 2, 15, 15, 252, "10.1.255.255"],
    [V1, 256, 15, 15, 252, "10.255.255.255"],
    ["8/4/4/7/1", 2, 1, 1, 0, "10.1.17.3"],
    ["8/4/4/7/1", 2, 1, 1, 1, "10.1.17.5"],
    ["8/4/4/7/1", 2, 1, 1, 126, "10.1.17.255"],
    ["8/4/4/6/2", 2, 1, 1, 0, "10.1.17.3"],
    ["8/4/4/6/2", 2, 1, 1, 1, "10.1.17.7"],
    ["8/4/4/6/2", 2, 1, 1, 2, "10.1.17.11"],
    ["8/4/4/6/2", 2, 1, 1, 63, "10.1.17.255"],
    ["8/4/4/4/4", 2, 1, 1, 0, "10.1.17.3"],
    ["8/4/4/4/4", 2, 1, 1, 1, "10.1.17.19"],
    ["8/4/4/4/4", 2, 1, 1, 15, "10.1.17.243"],
  ];
  test.each(cases)(
    "%s host %i tenant %i segment %i endpoint %i → %s",
    (widths, host, tenant, segment, endpoint, text) => {
      const v1 = plan("10.0.0.0/8", widths, "v1");
      expect(formatAddress(encodeAddress(v1, identity(host, tenant, segment, endpoint)))).toBe(text);
    },
  );

  test("and the seed's endpoint by its first host, second tenant and segment and ninth endpoint", () => {
    const v1 = plan("10.1.0.0/16", "8/4/2/2", "v1");
    expect(faultsOf(() => encodeAddress(v1, identity(1, 1, 1, 8)))).toEqual([
      "endpoint: ID 8 is not in 0..0",
    ]);
    const wide = plan("10.0.0.0/8", "8/8/4/4", "v1");
    expect(formatAddress(encodeAddress(wide, identity(2, 1, 1, 8)))).toBe("10.1.1.27");
  });
});

describe("encodeAddress() in IPv6", () => {
  const wide = plan("fd00:1234:5678::/48", "24/20/16/20");
  const strided = plan("fd00:1234:5678::/48", "4/4/4/4/64");
  const cases: [AddressPlan, number, number, string, number, string][] = [
    [IPV6, 1, 1, "1", 11, "fd00:1234:5678:1:1:1:0:b"],
    [IPV6, 2, 1, "1", 11, "fd00:1234:5678:2:1:1:0:b"],
    [IPV6, 65535, 65535, "65535", 4294967295, "fd00:1234:5678:ffff:ffff:ffff:ffff:ffff"],
    [IPV6, 1, 1, "1+4", 11, "fd00:1234:5678:1:1:0:1000:b"],
    [wide, 1, 1, "1", 11, "fd00:1234:5678:0:100:10:10:b"],
    [wide, 0xabcdef, 0x12345, "26505", 0x54321, "fd00:1234:5678:abcd:ef12:3456:7895:4321"],
    [strided, 1, 2, "3", 4, "fd00:1234:5678:1234::"],
    [plan("fd00:1234:5678::/48", "16/16/16/32", "v1"), 2, 1, "1", 11, "fd00:1234:5678:1:1:1:0:e"],
  ];
  test.each(cases)(
    "%# host %i tenant %i segment %s endpoint %i → %s",
    (ipv6, host, tenant, segment, endpoint, text) => {
      expect(formatAddress(encodeAddress(ipv6, identity(host, tenant, segment, endpoint)))).toBe(text);
    },
  );
});

describe("encodeAddress() with group levels", () => {
  const cases: [number[], number, string][] = [
    [[0, 0], 1, "10.0.81.27"],
    [[1, 2], 1, "10.80.81.27"],
    [[3, 7], 31, "10.255.209.27"],
  ];
  test.each(cases)("groups %j host %i → %s", (groups, host, text) => {
    const spec = { ...identity(host, 17, "1", 11), groups };
    expect(formatAddress(encodeAddress(ZONED, spec))).toBe(text);
  });
});

describe("an ID that would spill into its neighbour is refused", () => {
  const v1 = plan("10.0.0.0/8", V1, "v1");
  const cases: [string, AddressPlan, Identity, string[]][] = [
    [
      "segment 16 of tenant 0 would be tenant 1 segment 0",
      v1,
      identity(1, 0, 16, 0),
      ["segment: code 16 is not in 0..15 (4 bits)"],
    ],
    [
      "tenant 16 of host 1 would be host 2 tenant 0",
      v1,
      identity(1, 16, 0, 0),
      ["tenant: ID 16 is not in 0..15"],
    ],
    ["host 257 would leave the network", v1, identity(257, 0, 0, 0), ["host: ID 257 is not in 1..256"]],
    ["host 0 would stand before the network", v1, identity(0, 0, 0, 0), ["host: ID 0 is not in 1..256"]],
    [
      "endpoint 253 would be the next segment's network address",
      v1,
      identity(1, 0, 0, 253),
      ["endpoint: ID 253 is not in 0..252"],
    ],
    [
      "endpoint -1 would be the DHCP address",
      v1,
      identity(1, 0, 0, -1),
      ["endpoint: ID -1 is not in 0..252"],
    ],
    [
      "endpoint with a stride",
      plan("10.0.0.0/8", "8/4/4/4/4", "v1"),
      identity(1, 0, 0, 16),
      ["endpoint: ID 16 is not in 0..15"],
    ],
    ["literal host", SEED, identity(256, 1, 1, 1), ["host: ID 256 is not in 0..255"]],
    ["literal tenant", SEED, identity(1, 256, 1, 1), ["tenant: ID 256 is not in 0..255"]],
    ["literal segment", SEED, identity(1, 1, 16, 1), ["segment: code 16 is not in 0..15 (4 bits)"]],
    ["literal endpoint", SEED, identity(1, 1, 1, 16), ["endpoint: ID 16 is not in 0..15"]],
    ["endpoint behind a longer code", SEED, identity(1, 1, "5+2", 4), ["endpoint: ID 4 is not in 0..3"]],
    ["a longer code", SEED, identity(1, 1, "64+2", 1), ["segment: code 64 is not in 0..63 (6 bits)"]],
    ["a shorter code", SEED, identity(1, 1, "4-2", 1), ["segment: code 4 is not in 0..3 (2 bits)"]],
    ["IPv6 host", IPV6, identity(65536, 1, 1, 1), ["host: ID 65536 is not in 0..65535"]],
    ["IPv6 tenant", IPV6, identity(1, 65536, 1, 1), ["tenant: ID 65536 is not in 0..65535"]],
    ["IPv6 segment", IPV6, identity(1, 1, 65536, 1), ["segment: code 65536 is not in 0..65535 (16 bits)"]],
    [
      "IPv6 endpoint",
      IPV6,
      identity(1, 1, 1, 4294967296),
      ["endpoint: ID 4294967296 is not in 0..4294967295"],
    ],
    ["a zone", ZONED, { ...identity(1, 1, 1, 1), groups: [4, 0] }, ["zone: ID 4 is not in 0..3"]],
    ["a rack", ZONED, { ...identity(1, 1, 1, 1), groups: [3, 8] }, ["rack: ID 8 is not in 0..7"]],
    ["half an ID", SEED, identity(1.5, 1, 1, 1), ["host: ID 1.5 is not in 0..255"]],
    ["no number", SEED, identity(1, Number.NaN, 1, 1), ["tenant: ID NaN is not in 0..255"]],
    [
      "everything at once",
      SEED,
      identity(256, -1, 16, 1),
      [
        "host: ID 256 is not in 0..255",
        "tenant: ID -1 is not in 0..255",
        "segment: code 16 is not in 0..15 (4 bits)",
      ],
    ],
    [
      "too few groups",
      ZONED,
      { ...identity(1, 1, 1, 1), groups: [1] },
      ["groups: 1 group IDs for the group levels zone/rack"],
    ],
    [
      "too many groups",
      ZONED,
      { ...identity(1, 1, 1, 1), groups: [1, 1, 1] },
      ["groups: 3 group IDs for the group levels zone/rack"],
    ],
    [
      "groups where there are none",
      SEED,
      { ...identity(1, 1, 1, 1), groups: [1] },
      ["groups: 1 group IDs for a plan without group levels"],
    ],
  ];
  test.each(cases)("%s", (_, on, ids, faults) => {
    expect(faultsOf(() => encodeAddress(on, ids))).toEqual(faults);
    expect(faultsOf(() => endpointPrefix(on, ids))).toEqual(faults);
  });

  test("in one sentence", () => {
    expect(() => encodeAddress(SEED, identity(1, 300, 16, 1))).toThrow(
      "Cannot encode address: tenant: ID 300 is not in 0..255; segment: code 16 is not in 0..15 (4 bits)",
    );
  });
});

describe("endpointPrefix()", () => {
  const cases: [string, Numbering, string, number, string][] = [
    ["10.0.0.0/8", "literal", "8/8/4/4/0", 11, "10.1.1.27/32"],
    ["10.0.0.0/8", "literal", "8/4/4/6/2", 2, "10.1.17.8/30"],
    ["10.0.0.0/8", "v1", "8/4/4/8/0", 0, "10.0.17.3/32"],
    ["10.0.0.0/8", "v1", "8/4/4/7/1", 0, "10.0.17.3/32"],
    ["10.0.0.0/8", "v1", "8/4/4/7/1", 1, "10.0.17.4/31"],
    ["10.0.0.0/8", "v1", "8/4/4/7/1", 126, "10.0.17.254/31"],
    ["10.0.0.0/8", "v1", "8/4/4/6/2", 0, "10.0.17.3/32"],
    ["10.0.0.0/8", "v1", "8/4/4/6/2", 1, "10.0.17.4/30"],
    ["10.0.0.0/8", "v1", "8/4/4/4/4", 15, "10.0.17.240/28"],
    ["fd00::/48", "literal", "16/16/16/32", 11, "fd00::1:1:1:0:b/128"],
    ["fd00::/48", "literal", "4/4/4/4/64", 11, "fd00:0:0:111b::/64"],
  ];
  test.each(cases)("%s %s %s endpoint %i of 1/1/1 → %s", (prefix, numbering, widths, endpoint, text) => {
    const on = plan(prefix, widths, numbering);
    expect(formatPrefix(endpointPrefix(on, identity(1, 1, 1, endpoint)))).toBe(text);
  });
});

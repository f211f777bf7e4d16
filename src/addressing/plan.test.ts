import { describe, expect, test } from "vitest";
import type { RomanaError } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { createPlan, type PlanSpec } from "./plan.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};

const V1: PlanSpec = { ...SEED, numbering: "v1", tenantBits: 4, endpointBits: 8 };

const IPV6: PlanSpec = {
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};

function faultsOf(spec: PlanSpec): [string, string][] {
  try {
    createPlan(spec);
  } catch (error) {
    const { failure } = error as RomanaError;
    if (failure.code !== "invalid-input") throw error;
    return failure.faults.map(({ path, reason }) => [path, reason]);
  }
  return [];
}

describe("createPlan() accepts", () => {
  const cases: [string, PlanSpec][] = [
    ["the seed's plan", SEED],
    ["v1 numbering", V1],
    ["IPv6 in a /48", IPV6],
    [
      "a stride of /64 per endpoint",
      { ...IPV6, hostBits: 4, tenantBits: 4, segmentBits: 4, endpointBits: 4, strideBits: 64 },
    ],
    ["no segment bits", { ...SEED, segmentBits: 0, endpointBits: 8 }],
    [
      "the widest levels",
      {
        ...IPV6,
        prefix: parsePrefix("4000::/2"),
        groupLevels: [{ name: "zone", bits: 32 }],
        hostBits: 30,
        tenantBits: 32,
        segmentBits: 0,
      },
    ],
    [
      "group levels of any names",
      {
        ...SEED,
        hostBits: 4,
        groupLevels: [
          { name: "constructor", bits: 2 },
          { name: "__proto__", bits: 2 },
        ],
      },
    ],
    ["no reserved endpoints", { ...SEED, reservedEndpoints: [] }],
    ["one endpoint per segment and host", { ...SEED, segmentBits: 7, endpointBits: 1 }],
    ["v1 with room for just endpoint 0", { ...V1, segmentBits: 10, endpointBits: 2 }],
  ];
  test.each(cases)("%s", (_, spec) => {
    expect(faultsOf(spec)).toEqual([]);
  });
});

describe("createPlan() refuses", () => {
  const sum = (parts: string, total: number, off: string, wanted = 32): [string, string] => [
    "",
    `bits must add up to exactly ${wanted}, but ${parts} = ${total} (${off})`,
  ];
  const cases: [string, PlanSpec, [string, string][]][] = [
    [
      "too many bits",
      { ...SEED, endpointBits: 5 },
      [sum("prefix 8 + groups 0 + host 8 + tenant 8 + segment 4 + endpoint 5 + stride 0", 33, "1 too many")],
    ],
    [
      "too few bits",
      { ...SEED, hostBits: 6 },
      [sum("prefix 8 + groups 0 + host 6 + tenant 8 + segment 4 + endpoint 4 + stride 0", 30, "2 too few")],
    ],
    [
      "group levels that are not made room for",
      {
        ...SEED,
        groupLevels: [
          { name: "zone", bits: 2 },
          { name: "rack", bits: 3 },
        ],
      },
      [sum("prefix 8 + groups 5 + host 8 + tenant 8 + segment 4 + endpoint 4 + stride 0", 37, "5 too many")],
    ],
    [
      "an IPv6 plan of 127 bits",
      { ...IPV6, endpointBits: 31 },
      [
        sum(
          "prefix 48 + groups 0 + host 16 + tenant 16 + segment 16 + endpoint 31 + stride 0",
          127,
          "1 too few",
          128,
        ),
      ],
    ],
    ["no host bits", { ...SEED, hostBits: 0, tenantBits: 16 }, [["hostBits", "0 bits is not in 1..32"]]],
    ["no tenant bits", { ...SEED, tenantBits: 0, hostBits: 16 }, [["tenantBits", "0 bits is not in 1..32"]]],
    [
      "no endpoint bits",
      { ...SEED, endpointBits: 0, segmentBits: 8 },
      [["endpointBits", "0 bits is not in 1..32"]],
    ],
    [
      "negative bits",
      { ...SEED, segmentBits: -4, endpointBits: 12 },
      [["segmentBits", "-4 bits is not in 0..32"]],
    ],
    ["half a bit", { ...SEED, hostBits: 8.5 }, [["hostBits", "8.5 bits is not in 1..32"]]],
    [
      "bits that are no number",
      { ...SEED, hostBits: Number.NaN },
      [["hostBits", "NaN bits is not in 1..32"]],
    ],
    [
      "a level wider than 32",
      { ...IPV6, endpointBits: 33, segmentBits: 15 },
      [["endpointBits", "33 bits is not in 1..32"]],
    ],
    [
      "a stride wider than /64",
      { ...IPV6, hostBits: 4, tenantBits: 4, segmentBits: 3, endpointBits: 4, strideBits: 65 },
      [["strideBits", "65 bits is not in 0..64"]],
    ],
    [
      "a group level of no bits",
      { ...SEED, groupLevels: [{ name: "zone", bits: 0 }] },
      [["groupLevels.0.bits", "0 bits is not in 1..32"]],
    ],
    [
      "two group levels of one name",
      {
        ...SEED,
        hostBits: 4,
        groupLevels: [
          { name: "rack", bits: 2 },
          { name: "rack", bits: 2 },
        ],
      },
      [["groupLevels.1.name", '"rack" is there twice']],
    ],
    [
      "a group level called host",
      { ...SEED, hostBits: 6, groupLevels: [{ name: "host", bits: 2 }] },
      [["groupLevels.0.name", '"host" is the name of a level already']],
    ],
    [
      "a reserved endpoint past the end",
      { ...SEED, reservedEndpoints: [16] },
      [["reservedEndpoints", "16 is not an ID of 4 endpoint bits"]],
    ],
    [
      "a negative reserved endpoint",
      { ...SEED, reservedEndpoints: [-1] },
      [["reservedEndpoints", "-1 is not an ID of 4 endpoint bits"]],
    ],
    [
      "reserved endpoints under v1 numbering",
      { ...V1, reservedEndpoints: [0] },
      [["reservedEndpoints", "v1 numbering reserves values 0, 1 and 2 and takes no others"]],
    ],
    [
      "v1 numbering with one endpoint bit: values 0 to 2 are reserved",
      { ...V1, segmentBits: 11, endpointBits: 1 },
      [["endpointBits", "no endpoint ID is left that is not reserved"]],
    ],
    [
      "every endpoint reserved",
      { ...SEED, segmentBits: 7, endpointBits: 1, reservedEndpoints: [0, 1] },
      [["endpointBits", "no endpoint ID is left that is not reserved"]],
    ],
    [
      "multicast",
      { ...SEED, prefix: parsePrefix("232.0.0.0/8") },
      [["prefix", "232.0.0.0/8 overlaps 224.0.0.0/4 (multicast), which is never routed"]],
    ],
    [
      "loopback",
      { ...SEED, prefix: parsePrefix("127.0.0.0/8") },
      [["prefix", "127.0.0.0/8 overlaps 127.0.0.0/8 (loopback), which is never routed"]],
    ],
    [
      "IPv6 link-local",
      { ...IPV6, prefix: parsePrefix("fe80::/48") },
      [["prefix", "fe80::/48 overlaps fe80::/10 (link-local), which is never routed"]],
    ],
    [
      "all at once",
      { ...SEED, prefix: parsePrefix("127.0.0.0/8"), hostBits: 0, tenantBits: 40, reservedEndpoints: [99] },
      [
        ["prefix", "127.0.0.0/8 overlaps 127.0.0.0/8 (loopback), which is never routed"],
        ["hostBits", "0 bits is not in 1..32"],
        ["tenantBits", "40 bits is not in 1..32"],
        sum(
          "prefix 8 + groups 0 + host 0 + tenant 40 + segment 4 + endpoint 4 + stride 0",
          56,
          "24 too many",
        ),
        ["reservedEndpoints", "99 is not an ID of 4 endpoint bits"],
      ],
    ],
  ];
  test.each(cases)("%s", (_, spec, faults) => {
    expect(faultsOf(spec)).toEqual(faults);
  });

  test("with one sentence that lists all faults", () => {
    expect(() =>
      createPlan({ ...SEED, hostBits: 0, tenantBits: 16, strideBits: 65, endpointBits: -61 }),
    ).toThrow(
      "Cannot use address plan: hostBits: 0 bits is not in 1..32; endpointBits: -61 bits is not in 1..32; " +
        "strideBits: 65 bits is not in 0..64",
    );
  });
});

describe("createPlan() completes", () => {
  test("what was left out", () => {
    expect(createPlan(SEED)).toEqual({
      family: 4,
      prefix: parsePrefix("10.0.0.0/8"),
      numbering: "literal",
      groupLevels: [],
      hostBits: 8,
      tenantBits: 8,
      segmentBits: 4,
      endpointBits: 4,
      strideBits: 0,
      reservedEndpoints: [0],
    });
  });

  test.each([
    [{ ...SEED, reservedEndpoints: [9, 0, 9, 15] }, [0, 9, 15]],
    [{ ...SEED, reservedEndpoints: [] }, []],
    [V1, []],
  ])("reserved endpoints in order, each once", (spec, reserved) => {
    expect(createPlan(spec).reservedEndpoints).toEqual(reserved);
  });
});

import { describe, expect, test } from "vitest";
import { type Fault, hasCode } from "../model/index.ts";
import { formatAddress, formatPrefix } from "../net/index.ts";
import { decodeNetwork, encodeNetwork } from "./network.ts";
import { readYaml } from "./yaml.ts";

const SEED_PLAN = { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 };

const RACKS = `
name: racks
plans:
  ipv4:
    prefix: 10.0.0.0/8
    groupLevels: [{name: zone, bits: 2}, {name: rack, bits: 3}]
    hostBits: 5
    tenantBits: 6
    segmentBits: 3
    endpointBits: 5
  ipv6:
    prefix: fd00:0:0::/48
    groupLevels: [{name: zone, bits: 2}, {name: rack, bits: 3}]
    hostBits: 19
    tenantBits: 20
    segmentBits: 16
    endpointBits: 20
    reservedEndpoints: [0, 1]
groups:
  - name: zone-a
    id: 1
    router: {ipv4: 192.0.2.1}
    groups: [{name: __proto__, id: 0}, {name: constructor, id: 1}]
`;

function faultsOf(document: unknown): readonly Fault[] {
  try {
    decodeNetwork(document);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.failure.faults;
    throw error;
  }
  return [];
}

describe("decodeNetwork()", () => {
  test("completes a plan with literal numbering, no groups, no stride and endpoint 0 reserved", () => {
    expect(decodeNetwork({ name: "seed", plans: { ipv4: SEED_PLAN } })).toEqual({
      name: "seed",
      groups: [],
      plans: {
        ipv4: {
          ...SEED_PLAN,
          family: 4,
          prefix: expect.objectContaining({ family: 4, length: 8 }),
          numbering: "literal",
          groupLevels: [],
          strideBits: 0,
          reservedEndpoints: [0],
        },
      },
    });
  });

  test("reads groups with any names as a tree out of YAML", () => {
    const network = decodeNetwork(readYaml(RACKS, "read network"));
    expect(formatPrefix(network.plans.ipv6?.prefix as never)).toBe("fd00::/48");
    expect(formatAddress(network.groups[0]?.router.ipv4 as never)).toBe("192.0.2.1");
    expect(network.groups[0]?.groups.map(({ name, id }) => [name, id])).toEqual([
      ["__proto__", 0],
      ["constructor", 1],
    ]);
  });

  test("numbering of the network is that of its plans", () => {
    const v1 = { ...SEED_PLAN, numbering: "v1" };
    expect(decodeNetwork({ name: "n", numbering: "v1", plans: { ipv4: SEED_PLAN } })).toEqual(
      decodeNetwork({ name: "n", plans: { ipv4: v1 } }),
    );
  });

  const bad: [string, unknown, Fault[]][] = [
    ["nothing", undefined, [{ path: "", reason: "is missing" }]],
    ["a list", [], [{ path: "", reason: "expected an object, got an array" }]],
    ["a text", "seed", [{ path: "", reason: 'expected an object, got "seed"' }]],
    [
      "no plan",
      { name: "n", plans: {} },
      [{ path: "plans", reason: "wants an ipv4 plan, an ipv6 plan or both" }],
    ],
    [
      "a plan of the other family",
      { name: "n", plans: { ipv6: SEED_PLAN } },
      [{ path: "plans.ipv6.prefix", reason: '"10.0.0.0/8" is IPv4, not IPv6' }],
    ],
    [
      "bits that do not add up",
      { name: "n", plans: { ipv4: { ...SEED_PLAN, endpointBits: 3 } } },
      [
        {
          path: "plans.ipv4",
          reason:
            "bits must add up to exactly 32, but prefix 8 + groups 0 + host 8 + tenant 8 + segment 4 + endpoint 3 + stride 0 = 31 (1 too few)",
        },
      ],
    ],
    [
      "widths out of bounds, in both plans at once",
      {
        name: "n",
        plans: {
          ipv4: { ...SEED_PLAN, hostBits: 0, tenantBits: 16 },
          ipv6: {
            prefix: "fd00::/48",
            groupLevels: [
              { name: "zone", bits: 33 },
              { name: "zone", bits: 1 },
            ],
            hostBits: 8,
            tenantBits: 8,
            segmentBits: 8,
            endpointBits: 22,
          },
        },
      },
      [
        { path: "plans.ipv4.hostBits", reason: "0 bits is not in 1..32" },
        { path: "plans.ipv6.groupLevels.0.bits", reason: "33 bits is not in 1..32" },
        { path: "plans.ipv6.groupLevels.1.name", reason: '"zone" is there twice' },
      ],
    ],
    [
      "wrong and unknown fields at every depth",
      {
        name: "a b",
        plans: {
          ipv4: { prefix: "10.0.0.1/8", hostBit: 8, tenantBits: "8", segmentBits: 4, endpointBits: 4.5 },
        },
        groups: [{ name: "z", id: -1, routers: {}, groups: [{ id: 1 }] }],
        revison: 3,
      },
      [
        {
          path: "name",
          reason:
            '"a b" is not a name: 1 to 63 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
        },
        {
          path: "plans.ipv4.prefix",
          reason: '"10.0.0.1/8" has bits set behind its length; did you mean 10.0.0.0/8?',
        },
        { path: "plans.ipv4.hostBits", reason: "is missing" },
        { path: "plans.ipv4.tenantBits", reason: 'expected a number, got "8"' },
        { path: "plans.ipv4.endpointBits", reason: "expected an integer, got 4.5" },
        { path: "plans.ipv4.hostBit", reason: 'unknown field, did you mean "hostBits"?' },
        { path: "groups.0.id", reason: "-1 is less than 0" },
        { path: "groups.0.groups.0.name", reason: "is missing" },
        { path: "groups.0.routers", reason: 'unknown field, did you mean "router"?' },
        { path: "revison", reason: "unknown field" },
      ],
    ],
    [
      "a word that is not a numbering",
      { name: "n", numbering: "litteral", plans: { ipv4: SEED_PLAN } },
      [{ path: "numbering", reason: '"litteral" is not one of literal, v1, did you mean "literal"?' }],
    ],
  ];
  test.each(bad)("refuses %s", (_, document, faults) => {
    expect(faultsOf(document)).toEqual(faults);
  });

  test("prototype keys are unknown fields like any other", () => {
    const document: unknown = JSON.parse('{"name":"n","plans":{"ipv4":null},"__proto__":{},"constructor":1}');
    expect(faultsOf(document)).toEqual([
      { path: "plans.ipv4", reason: "expected an object, got null" },
      { path: "__proto__", reason: "unknown field" },
      { path: "constructor", reason: "unknown field" },
    ]);
  });
});

describe("encodeNetwork()", () => {
  test("is read back as the same network", () => {
    const network = decodeNetwork(readYaml(RACKS, "read network"));
    expect(decodeNetwork(JSON.parse(JSON.stringify(encodeNetwork(network))))).toEqual(network);
  });
});

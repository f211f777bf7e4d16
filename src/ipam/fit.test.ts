import { describe, expect, test } from "vitest";
import { createPlan, type PlanSpec, parseSegmentCode } from "../addressing/index.ts";
import type { Fault, Group, Network } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { endpointIdFaults, hostFaults, segmentCodeFaults, tenantIdFaults } from "./fit.ts";
import { networkFaults, overlapFaults } from "./network-faults.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const WIDE: PlanSpec = {
  prefix: parsePrefix("fd00::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};
const ZONES: Partial<PlanSpec> = { groupLevels: [{ name: "zone", bits: 3 }], hostBits: 5 };

function group(name: string, id: number, ...groups: Group[]): Group {
  return { name, id, router: {}, groups };
}

function network(
  name: string,
  ipv4?: Partial<PlanSpec>,
  ipv6?: Partial<PlanSpec>,
  ...groups: Group[]
): Network {
  return {
    name,
    plans: {
      ...(ipv4 && { ipv4: createPlan({ ...SEED, ...ipv4 }) }),
      ...(ipv6 && { ipv6: createPlan({ ...WIDE, ...ipv6 }) }),
    },
    groups,
  };
}

const text = (faults: readonly Fault[]): string[] => faults.map(({ path, reason }) => `${path}: ${reason}`);
const NARROW = network("narrow", { prefix: parsePrefix("172.16.0.0/12"), hostBits: 4 });
const ZONED = network("zoned", ZONES, undefined, group("zone-a", 1), group("constructor", 7));

describe("hostFaults()", () => {
  test.each<[string, Network[], number, string[], string[]]>([
    ["fits", [network("main", {}, {})], 255, [], []],
    ["fits no network at all", [], 99999, [], []],
    [
      "ID too big for one of two",
      [network("main", {}), NARROW],
      16,
      [],
      ['id: ID 16 is not in 0..15 in network "narrow"'],
    ],
    [
      "ID too big for both plans of one",
      [network("main", {}, {})],
      99999,
      [],
      [
        'id: ID 99999 is not in 0..255 in network "main"',
        'id: ID 99999 is not in 0..65535 in network "main"',
      ],
    ],
    [
      "no group where there are zones",
      [ZONED],
      1,
      [],
      ['group: 0 group IDs for the group levels zone in network "zoned"'],
    ],
    ["a group", [ZONED], 1, ["constructor"], []],
    ["an unknown group", [ZONED], 1, ["toString"], ['group: network "zoned" has no group "toString"']],
    [
      "a group in a flat network",
      [network("main", {})],
      1,
      ["zone-a"],
      ['group: network "main" has no group "zone-a"'],
    ],
  ])("%s", (_, networks, id, path, expected) => {
    expect(text(hostFaults(networks, { name: "h", id, group: path, underlay: {} }))).toEqual(expected);
  });
});

test.each([
  ["outside", "192.0.2.1", "2001:db8::1", []],
  [
    "inside both",
    "172.20.9.9",
    "fd10::9",
    [
      'underlay.ipv4: 172.20.9.9 is inside the service prefix 172.20.0.0/16 of network "main"',
      'underlay.ipv6: fd10::9 is inside the service prefix fd10::/112 of network "main"',
    ],
  ],
])("a host whose underlay is %s of the service prefixes", (_, ipv4, ipv6, expected) => {
  const services = { ipv4: parsePrefix("172.20.0.0/16"), ipv6: parsePrefix("fd10::/112") };
  const underlay = { ipv4: parseAddress(ipv4), ipv6: parseAddress(ipv6) };
  const networks = [{ ...network("main", {}, {}), services }];
  expect(text(hostFaults(networks, { name: "h", id: 1, group: [], underlay }))).toEqual(expected);
});

describe("IDs of tenants, segments and endpoints", () => {
  test.each<[string, readonly Fault[], string[]]>([
    ["tenant 1", tenantIdFaults([network("main", {})], 1), []],
    [
      "tenant 0",
      tenantIdFaults([network("main", {})], 0),
      ['id: tenant ID 0 is not in 1..255 in network "main"'],
    ],
    ["tenant 0 of v1", tenantIdFaults([network("main", { numbering: "v1" })], 0), []],
    [
      "tenant 256",
      tenantIdFaults([network("main", {})], 256),
      ['id: tenant ID 256 is not in 1..255 in network "main"'],
    ],
    [
      "tenant 1.5",
      tenantIdFaults([network("main", {})], 1.5),
      ['id: tenant ID 1.5 is not in 1..255 in network "main"'],
    ],
    ["code 15", segmentCodeFaults([network("main", {})], parseSegmentCode("15")), []],
    [
      "code 16",
      segmentCodeFaults([network("main", {})], parseSegmentCode("16")),
      ['codes: 16: code 16 is not in 0..15 (4 bits) in network "main"'],
    ],
    [
      "code 1+9",
      segmentCodeFaults([network("main", {})], parseSegmentCode("1+9")),
      ['codes: 1+9: 1+9 takes 9 bits, but the plan has 4 endpoint bits in network "main"'],
    ],
    ["endpoint 15", endpointIdFaults(network("main", {}), parseSegmentCode("1"), 15), []],
    [
      "endpoint 0",
      endpointIdFaults(network("main", {}), parseSegmentCode("1"), 0),
      ['endpointId: endpoint ID 0 is reserved in network "main"'],
    ],
    [
      "endpoint 16",
      endpointIdFaults(network("main", {}, {}), parseSegmentCode("1"), 16),
      ['endpointId: endpoint ID 16 is not in 0..15 of code 1 in network "main"'],
    ],
  ])("%s", (_, faults, expected) => {
    expect(text(faults)).toEqual(expected);
  });
});

describe("networkFaults()", () => {
  test.each<[string, Network, string[]]>([
    ["dual stack", network("main", {}, {}), []],
    ["no plan", network("main"), ["plans: wants an IPv4 plan, an IPv6 plan or both"]],
    [
      "an IPv6 prefix under ipv4",
      { name: "main", plans: { ipv4: createPlan(WIDE) }, groups: [] },
      ["plans.ipv4.prefix: fd00::/48 is not a prefix of IPv4"],
    ],
    [
      "two numberings",
      network("main", {}, { numbering: "v1" }),
      ["plans.ipv6.numbering: v1 numbering, but the IPv4 plan has literal numbering"],
    ],
    [
      "levels of one plan only",
      network("main", ZONES, {}),
      ["plans.ipv6.groupLevels: group levels none, but the IPv4 plan has zone"],
    ],
    ["groups", network("main", ZONES, undefined, group("a", 0), group("b", 7)), []],
    [
      "a group ID too big",
      network("main", ZONES, undefined, group("a", 8)),
      ["groups.0.id: ID 8 is not in 0..7"],
    ],
    [
      "names and IDs twice",
      network("main", ZONES, undefined, group("a", 1), group("a", 1)),
      ['groups.1.name: "a" is there twice', "groups.1.id: ID 1 is there twice"],
    ],
    [
      "groups without levels",
      network("main", {}, undefined, group("a", 1)),
      ["groups: groups at level 1, but the plans have 0 group levels"],
    ],
    [
      "groups too deep",
      network("main", ZONES, undefined, group("a", 1, group("b", 1))),
      ["groups.0.groups: groups at level 2, but the plans have 1 group levels"],
    ],
    [
      "routers of the other family",
      network("main", ZONES, undefined, {
        ...group("a", 1),
        router: { ipv4: parseAddress("::1"), ipv6: parseAddress("10.0.0.1") },
      }),
      ["groups.0.router.ipv4: is not IPv4", "groups.0.router.ipv6: is not IPv6"],
    ],
  ])("%s", (_, candidate, expected) => {
    expect(text(networkFaults(candidate))).toEqual(expected);
  });
});

describe("overlapFaults()", () => {
  test.each<[string, Network, string[]]>([
    ["elsewhere", network("new", { prefix: parsePrefix("11.0.0.0/8") }), []],
    [
      "the same prefix",
      network("new", {}),
      ['plans.ipv4.prefix: 10.0.0.0/8 overlaps 10.0.0.0/8 of network "main"'],
    ],
    [
      "inside",
      network("new", { prefix: parsePrefix("10.128.0.0/12"), hostBits: 4 }),
      ['plans.ipv4.prefix: 10.128.0.0/12 overlaps 10.0.0.0/8 of network "main"'],
    ],
    [
      "around",
      network("new", { prefix: parsePrefix("8.0.0.0/5"), hostBits: 11 }),
      ['plans.ipv4.prefix: 8.0.0.0/5 overlaps 10.0.0.0/8 of network "main"'],
    ],
    [
      "only IPv6",
      network("new", undefined, {}),
      ['plans.ipv6.prefix: fd00::/48 overlaps fd00::/48 of network "main"'],
    ],
  ])("%s", (_, candidate, expected) => {
    expect(text(overlapFaults(candidate, [network("main", {}, {})]))).toEqual(expected);
  });
});

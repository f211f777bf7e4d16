import { describe, expect, test } from "vitest";
import { formatAddress, formatPrefix, parsePrefix } from "../net/index.ts";
import { parseSegmentCode } from "./codes.ts";
import type { HostPosition } from "./layout.ts";
import { createPlan } from "./plan.ts";
import { gatewayAddress, groupPrefix, hostPrefix, segmentPrefix, tenantPrefix } from "./prefixes.ts";

const SEED = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});
const V1 = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  numbering: "v1",
  hostBits: 8,
  tenantBits: 4,
  segmentBits: 4,
  endpointBits: 8,
});
const IPV6 = createPlan({
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
});
const RACKS = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  groupLevels: [
    { name: "zone", bits: 2 },
    { name: "rack", bits: 3 },
  ],
  hostBits: 3,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});

const host = (id: number, ...groups: number[]): HostPosition => ({ groups, host: id });

describe("the seed's CIDRs", () => {
  test.each([
    [1, "10.1.0.0/16"],
    [2, "10.2.0.0/16"],
    [0, "10.0.0.0/16"],
    [255, "10.255.0.0/16"],
  ])("host %i → %s", (id, text) => {
    expect(formatPrefix(hostPrefix(SEED, host(id)))).toBe(text);
  });

  test.each([
    [1, 1, "10.1.1.0/24"],
    [1, 2, "10.1.2.0/24"],
    [2, 1, "10.2.1.0/24"],
    [2, 2, "10.2.2.0/24"],
  ])("tenant on host %i: %i → %s", (id, tenant, text) => {
    expect(formatPrefix(tenantPrefix(SEED, host(id), tenant))).toBe(text);
  });

  test.each([
    [1, 1, "1", "10.1.1.16/28"],
    [2, 1, "1", "10.2.1.16/28"],
    [1, 2, "1", "10.1.2.16/28"],
    [1, 1, "15", "10.1.1.240/28"],
    [1, 1, "3+1", "10.1.1.24/29"],
    [1, 1, "1-2", "10.1.1.64/26"],
    [1, 1, "0-4", "10.1.1.0/24"],
  ])("segment on host %i tenant %i: %s → %s", (id, tenant, code, text) => {
    expect(formatPrefix(segmentPrefix(SEED, host(id), tenant, parseSegmentCode(code)))).toBe(text);
  });

  test("gateway of host 1 is 10.1.0.1", () => {
    expect(formatAddress(gatewayAddress(SEED, host(1)))).toBe("10.1.0.1");
  });
});

describe("the original's host CIDRs (host bits hold id − 1)", () => {
  test.each([
    [1, "10.0.0.0/16", "10.0.0.1"],
    [2, "10.1.0.0/16", "10.1.0.1"],
    [11, "10.10.0.0/16", "10.10.0.1"],
    [256, "10.255.0.0/16", "10.255.0.1"],
  ])("host %i → %s, gateway %s", (id, prefix, gateway) => {
    expect(formatPrefix(hostPrefix(V1, host(id)))).toBe(prefix);
    expect(formatAddress(gatewayAddress(V1, host(id)))).toBe(gateway);
  });
});

describe("IPv6 prefixes", () => {
  test("of every level", () => {
    expect(formatPrefix(hostPrefix(IPV6, host(1)))).toBe("fd00:1234:5678:1::/64");
    expect(formatPrefix(tenantPrefix(IPV6, host(1), 1))).toBe("fd00:1234:5678:1:1::/80");
    expect(formatPrefix(segmentPrefix(IPV6, host(1), 1, { code: 1, extraBits: 0 }))).toBe(
      "fd00:1234:5678:1:1:1::/96",
    );
    expect(formatAddress(gatewayAddress(IPV6, host(1)))).toBe("fd00:1234:5678:1::1");
  });
});

describe("group prefixes", () => {
  test.each([
    [[], "10.0.0.0/8"],
    [[0], "10.0.0.0/10"],
    [[1], "10.64.0.0/10"],
    [[3], "10.192.0.0/10"],
    [[1, 2], "10.80.0.0/13"],
    [[3, 7], "10.248.0.0/13"],
  ])("%j → %s", (ids, text) => {
    expect(formatPrefix(groupPrefix(RACKS, ids))).toBe(text);
  });

  test("a host lies in its rack, the rack in its zone", () => {
    expect(formatPrefix(hostPrefix(RACKS, host(5, 1, 2)))).toBe("10.85.0.0/16");
  });
});

describe("what does not fit is refused", () => {
  test.each([
    ["host", () => hostPrefix(SEED, host(256)), "Cannot encode host: host: ID 256 is not in 0..255"],
    ["gateway", () => gatewayAddress(V1, host(0)), "Cannot encode host: host: ID 0 is not in 1..256"],
    [
      "tenant",
      () => tenantPrefix(SEED, host(1), 256),
      "Cannot encode tenant: tenant: ID 256 is not in 0..255",
    ],
    [
      "segment",
      () => segmentPrefix(SEED, host(1), 1, parseSegmentCode("16")),
      "Cannot encode segment: segment: code 16 is not in 0..15 (4 bits)",
    ],
    ["group", () => groupPrefix(RACKS, [4]), "Cannot encode group: zone: ID 4 is not in 0..3"],
    ["rack", () => groupPrefix(RACKS, [3, 8]), "Cannot encode group: rack: ID 8 is not in 0..7"],
    [
      "a third group level",
      () => groupPrefix(RACKS, [1, 1, 1]),
      "Cannot encode group: groups: 3 group IDs for the group levels zone/rack",
    ],
    [
      "a host without its groups",
      () => hostPrefix(RACKS, host(1)),
      "Cannot encode host: groups: 0 group IDs for the group levels zone/rack",
    ],
  ])("%s", (_, run, message) => {
    expect(run).toThrow(message);
  });
});

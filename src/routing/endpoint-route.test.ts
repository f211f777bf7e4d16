import { describe, expect, test } from "vitest";
import { createPlan, type Identity, type PlanSpec } from "../addressing/index.ts";
import { formatAddress, formatPrefix, parsePrefix } from "../net/index.ts";
import { endpointRoute } from "./endpoint-route.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const IPV6: PlanSpec = {
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};
const identity: Identity = { groups: [], host: 1, tenant: 1, code: { code: 1, extraBits: 0 }, endpoint: 11 };

describe("endpointRoute()", () => {
  const cases: [string, PlanSpec, string, string][] = [
    ["the seed's", SEED, "10.1.1.27/32", "10.1.0.1"],
    ["IPv6", IPV6, "fd00:1234:5678:1:1:1:0:b/128", "fd00:1234:5678:1::1"],
    ["a stride", { ...SEED, tenantBits: 6, strideBits: 2 }, "10.1.4.108/30", "10.1.0.1"],
  ];
  test.each(cases)("%s", (_, spec, destination, source) => {
    const route = endpointRoute(createPlan(spec), identity);
    expect(formatPrefix(route.destination)).toBe(destination);
    expect(formatAddress(route.source)).toBe(source);
  });

  test("refuses what does not fit", () => {
    expect(() => endpointRoute(createPlan(SEED), { ...identity, endpoint: 16 })).toThrow(
      "Cannot encode address: endpoint: ID 16 is not in 0..15",
    );
  });
});

import { describe, expect, test } from "vitest";
import { createPlan, type PlanSpec } from "../addressing/index.ts";
import type { Network } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { codeCapacity, codesFilled, endpointCapacityOf, hostCapacity, tenantCapacity } from "./capacity.ts";
import { IdPool } from "./id-pool.ts";
import { codeRange, endpointRange, hostRange, tenantRange } from "./ranges.ts";

const SEED: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};

function network(ipv4?: Partial<PlanSpec>, ipv6?: PlanSpec): Network {
  return {
    name: "main",
    plans: {
      ...(ipv4 && { ipv4: createPlan({ ...SEED, ...ipv4 }) }),
      ...(ipv6 && { ipv6: createPlan(ipv6) }),
    },
    groups: [],
  };
}

const WIDE: PlanSpec = {
  prefix: parsePrefix("fd00::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
};
const V1: Partial<PlanSpec> = { numbering: "v1", tenantBits: 4, endpointBits: 8 };

describe("IDs that are assigned fit every network", () => {
  const none: Network[] = [];
  test.each<[string, Network[], [number, number], [number, number], [number, number]]>([
    ["no network", none, [1, 2 ** 32 - 1], [1, 2 ** 32 - 1], [1, 2 ** 32 - 1]],
    ["the seed's", [network({})], [1, 255], [1, 255], [1, 15]],
    ["IPv6", [network(undefined, WIDE)], [1, 65535], [1, 65535], [1, 65535]],
    ["dual stack", [network({}, WIDE)], [1, 255], [1, 255], [1, 15]],
    ["v1", [network(V1)], [1, 256], [0, 15], [0, 15]],
    ["v1 beside the seed's", [network(V1), network({})], [1, 255], [1, 15], [1, 15]],
    ["no segment bits", [network({ segmentBits: 0, endpointBits: 8 })], [1, 255], [1, 255], [0, 0]],
  ])("%s", (_, networks, hosts, tenants, codes) => {
    const pair = ({ first, last }: { first: number; last: number }): [number, number] => [first, last];
    expect(pair(hostRange(networks))).toEqual(hosts);
    expect(pair(tenantRange(networks))).toEqual(tenants);
    expect(pair(codeRange(networks, 0))).toEqual(codes);
  });

  test("codes of other widths have their own range", () => {
    const networks = [network({})];
    expect(codeRange(networks, 2)).toEqual({ first: 1, last: 63 });
    expect(codeRange(networks, -2)).toEqual({ first: 1, last: 3 });
    expect(codeRange(networks, -4)).toEqual({ first: 0, last: 0 });
  });
});

describe("endpointRange()", () => {
  test.each<[string, Network, number, object]>([
    ["the seed's", network({}), 0, { first: 0, last: 15, reserved: [0], capacity: 15 }],
    ["a longer code", network({}), 2, { first: 0, last: 3, reserved: [0], capacity: 3 }],
    ["a shorter code", network({}), -2, { first: 0, last: 63, reserved: [0], capacity: 63 }],
    [
      "IPv6",
      network(undefined, WIDE),
      0,
      { first: 0, last: 2 ** 32 - 1, reserved: [0], capacity: 2 ** 32 - 1 },
    ],
    ["dual stack", network({}, WIDE), 0, { first: 0, last: 15, reserved: [0], capacity: 15 }],
    [
      "more reserved",
      network({ reservedEndpoints: [0, 1, 15] }),
      0,
      { first: 0, last: 15, reserved: [0, 1, 15], capacity: 13 },
    ],
    [
      "reserved ones of both plans",
      network({ reservedEndpoints: [0, 2] }, { ...WIDE, reservedEndpoints: [1, 99] }),
      0,
      { first: 0, last: 15, reserved: [0, 1, 2], capacity: 13 },
    ],
  ])("%s", (_, where, extraBits, expected) => {
    expect(endpointRange(where, extraBits)).toEqual(expected);
  });
});

describe("the original's capacities: fill, free the first, get exactly that one back", () => {
  test.each([
    [0, 253],
    [1, 127],
    [2, 64],
    [4, 16],
  ])("endpoint space bits %d: %d endpoints", (strideBits, capacity) => {
    const range = endpointRange(network({ ...V1, endpointBits: 8 - strideBits, strideBits }), 0);
    const pool = new IdPool(range.reserved);
    const fill = (): number => {
      let count = 0;
      for (let id = pool.lowestFree(range, 0); id !== undefined; id = pool.lowestFree(range, 0)) {
        pool.take(id);
        count++;
      }
      return count;
    };
    expect(range.capacity).toBe(capacity);
    expect(fill()).toBe(capacity);
    pool.drop(0);
    expect(pool.lowestFree(range, 0)).toBe(0);
    expect(fill()).toBe(1);
    expect(pool.lowestFree(range, 0)).toBeUndefined();
  });
});

describe("capacity of the levels", () => {
  const zones = network({ groupLevels: [{ name: "zone", bits: 3 }], hostBits: 5 });
  test.each<[string, number, number]>([
    ["hosts of the seed's plan", hostCapacity(network({})), 256],
    ["hosts of v1", hostCapacity(network(V1)), 256],
    ["hosts over all zones", hostCapacity(zones), 256],
    ["tenants of the seed's plan, without tenant 0", tenantCapacity(network({})), 255],
    ["tenants of v1", tenantCapacity(network(V1)), 16],
    ["tenants of dual stack", tenantCapacity(network({}, WIDE)), 255],
    ["codes of the narrowest network", codeCapacity([network(undefined, WIDE), network({})]), 16],
    [
      "codes filled by 1, 2+1 and 0-2",
      codesFilled([0, 1, -2].map((extraBits) => ({ code: 0, extraBits }))),
      5.5,
    ],
    [
      "endpoints behind two codes on one host",
      endpointCapacityOf(network({}), [
        { code: 1, extraBits: 0 },
        { code: 8, extraBits: 2 },
      ]),
      18,
    ],
  ])("%s", (_, count, expected) => {
    expect(count).toBe(expected);
  });
});

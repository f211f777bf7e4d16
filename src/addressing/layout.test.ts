import { describe, expect, test } from "vitest";
import type { AddressPlan } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import {
  assignedHostIds,
  assignedSegmentCodes,
  endpointCapacity,
  endpointIds,
  groupBits,
  groupIds,
  hostIds,
  hostPrefixLength,
  isAllocatable,
  segmentCodes,
  segmentPrefixLength,
  tenantIds,
  tenantPrefixLength,
} from "./layout.ts";
import { createPlan, type PlanSpec } from "./plan.ts";

const SPEC: PlanSpec = {
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};
const SEED = createPlan(SPEC);

/** The original's plan with these endpoint and stride bits behind one host, tenant and segment. */
function v1(endpointBits: number, strideBits: number): AddressPlan {
  const segmentBits = 16 - 4 - endpointBits - strideBits;
  return createPlan({ ...SPEC, numbering: "v1", tenantBits: 4, segmentBits, endpointBits, strideBits });
}

describe("IDs of the levels", () => {
  test("literal numbering", () => {
    expect(hostIds(SEED)).toEqual({ first: 0, last: 255 });
    expect(assignedHostIds(SEED)).toEqual({ first: 1, last: 255 });
    expect(tenantIds(SEED)).toEqual({ first: 1, last: 255 });
    expect(segmentCodes(SEED, 0)).toEqual({ first: 0, last: 15 });
    expect(assignedSegmentCodes(SEED, 0)).toEqual({ first: 1, last: 15 });
    expect(segmentCodes(SEED, 2)).toEqual({ first: 0, last: 63 });
    expect(assignedSegmentCodes(SEED, -2)).toEqual({ first: 1, last: 3 });
    expect(endpointIds(SEED, 0)).toEqual({ first: 0, last: 15 });
    expect(endpointIds(SEED, 2)).toEqual({ first: 0, last: 3 });
    expect(endpointIds(SEED, -2)).toEqual({ first: 0, last: 63 });
  });

  test("v1 numbering", () => {
    const plan = v1(8, 0);
    expect(hostIds(plan)).toEqual({ first: 1, last: 256 });
    expect(assignedHostIds(plan)).toEqual({ first: 1, last: 256 });
    expect(tenantIds(plan)).toEqual({ first: 0, last: 15 });
    expect(segmentCodes(plan, 0)).toEqual({ first: 0, last: 15 });
    expect(assignedSegmentCodes(plan, 0)).toEqual({ first: 0, last: 15 });
    expect(endpointIds(plan, 0)).toEqual({ first: 0, last: 252 });
    expect(endpointIds(plan, 4)).toEqual({ first: 0, last: 12 });
  });

  test("groups", () => {
    const plan = createPlan({
      ...SPEC,
      hostBits: 3,
      groupLevels: [
        { name: "zone", bits: 2 },
        { name: "rack", bits: 3 },
      ],
    });
    expect(groupBits(plan)).toBe(5);
    expect([groupIds(plan, 0), groupIds(plan, 1)]).toEqual([
      { first: 0, last: 3 },
      { first: 0, last: 7 },
    ]);
  });
});

describe("prefix lengths", () => {
  test("of the seed's plan", () => {
    expect([hostPrefixLength(SEED), tenantPrefixLength(SEED)]).toEqual([16, 24]);
    expect([0, 2, -4].map((extraBits) => segmentPrefixLength(SEED, extraBits))).toEqual([28, 30, 24]);
  });
});

describe("endpointCapacity()", () => {
  test.each([
    [8, 0, 253],
    [7, 1, 127],
    [6, 2, 64],
    [4, 4, 16],
    [2, 0, 1],
    [1, 1, 1],
    [1, 2, 2],
    [2, 1, 3],
  ])("v1 numbering, %i endpoint bits, stride %i: %i", (endpointBits, strideBits, capacity) => {
    expect(endpointCapacity(v1(endpointBits, strideBits), 0)).toBe(capacity);
  });

  test.each([
    [[0], 0, 15],
    [[], 0, 16],
    [[0, 1, 15], 0, 13],
    [[0, 15], 2, 3],
    [[0, 15], -2, 62],
    [[0], 4, 0],
    [[], 4, 1],
  ])(
    "literal numbering, reserved %j, code of %i extra bits: %i",
    (reservedEndpoints, extraBits, capacity) => {
      expect(endpointCapacity(createPlan({ ...SPEC, reservedEndpoints }), extraBits)).toBe(capacity);
    },
  );

  test("is never negative where v1 numbering has nothing left", () => {
    expect(endpointCapacity(v1(8, 0), 8)).toBe(0);
    expect(endpointCapacity(v1(8, 0), 7)).toBe(0);
    expect(endpointCapacity(v1(8, 0), 6)).toBe(1);
  });
});

describe("isAllocatable()", () => {
  test.each([
    [0, false],
    [1, true],
    [11, true],
    [15, true],
    [16, false],
    [-1, false],
    [1.5, false],
    [Number.NaN, false],
  ])("endpoint %f of the seed's plan: %s", (endpoint, outcome) => {
    expect(isAllocatable(SEED, 0, endpoint)).toBe(outcome);
  });

  test("counts up to the capacity", () => {
    const plan = createPlan({ ...SPEC, reservedEndpoints: [0, 7] });
    for (const extraBits of [-4, -1, 0, 1, 3]) {
      const { first, last } = endpointIds(plan, extraBits);
      const ids = Array.from({ length: last - first + 1 }, (_, index) => first + index);
      const free = ids.filter((id) => isAllocatable(plan, extraBits, id));
      expect(free).toHaveLength(endpointCapacity(plan, extraBits));
    }
  });
});

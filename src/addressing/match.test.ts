import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAddress, formatAddress, parsePrefix } from "../net/index.ts";
import { parseSegmentCode } from "./codes.ts";
import { encodeAddress } from "./encode.ts";
import { segmentKey, segmentMask, tenantKey, tenantMask } from "./match.ts";
import { createPlan } from "./plan.ts";

const SEED = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
});
const IPV6 = createPlan({
  prefix: parsePrefix("fd00:1234:5678::/48"),
  hostBits: 16,
  tenantBits: 16,
  segmentBits: 16,
  endpointBits: 32,
});

const text = (family: 4 | 6, value: bigint): string => formatAddress(createAddress(family, value));

describe("masks and keys", () => {
  test("of the seed's plan", () => {
    expect(text(4, tenantMask(SEED))).toBe("255.0.255.0");
    expect(text(4, segmentMask(SEED, 0))).toBe("255.0.255.240");
    expect(text(4, segmentMask(SEED, 2))).toBe("255.0.255.252");
    expect(text(4, segmentMask(SEED, -4))).toBe("255.0.255.0");
    expect(text(4, tenantKey(SEED, 1))).toBe("10.0.1.0");
    expect(text(4, segmentKey(SEED, 1, parseSegmentCode("1")))).toBe("10.0.1.16");
    expect(text(4, segmentKey(SEED, 1, parseSegmentCode("5+2")))).toBe("10.0.1.20");
  });

  test("of an IPv6 plan", () => {
    expect(text(6, tenantMask(IPV6))).toBe("ffff:ffff:ffff:0:ffff::");
    expect(text(6, segmentMask(IPV6, 0))).toBe("ffff:ffff:ffff:0:ffff:ffff::");
    expect(text(6, tenantKey(IPV6, 1))).toBe("fd00:1234:5678:0:1::");
    expect(text(6, segmentKey(IPV6, 1, parseSegmentCode("1")))).toBe("fd00:1234:5678:0:1:1::");
  });

  test("as the original's u32 rules had them: 8/8/4/4/8, tenant 2 is 0xa002000 under 0xff00f000", () => {
    const original = createPlan({
      prefix: parsePrefix("10.0.0.0/8"),
      numbering: "v1",
      hostBits: 8,
      tenantBits: 4,
      segmentBits: 4,
      endpointBits: 8,
    });
    expect(tenantMask(original)).toBe(0xff00f000n);
    expect(tenantKey(original, 2)).toBe(0x0a002000n);
    expect(segmentMask(original, 0)).toBe(0xff00ff00n);
    expect(segmentKey(original, 0, { code: 1, extraBits: 0 })).toBe(0x0a000100n);
  });

  test("no host can make a key fit another tenant or segment", () => {
    const id = fc.nat({ max: 15 });
    fc.assert(
      fc.property(
        id,
        id,
        id,
        id,
        id,
        fc.constantFrom(SEED, IPV6),
        (host, tenant, code, endpoint, other, plan) => {
          const segment = { code, extraBits: 0 };
          const { value } = encodeAddress(plan, { groups: [], host, tenant, code: segment, endpoint });
          expect((value & tenantMask(plan)) === tenantKey(plan, other)).toBe(tenant === other);
          const key = segmentKey(plan, tenant, { code: other, extraBits: 0 });
          expect((value & segmentMask(plan, 0)) === key).toBe(code === other);
        },
      ),
    );
  });

  test("refuse what does not fit", () => {
    expect(() => tenantKey(SEED, 256)).toThrow("Cannot encode tenant: tenant: ID 256 is not in 0..255");
    expect(() => segmentKey(SEED, 1, parseSegmentCode("16"))).toThrow(
      "Cannot encode segment: segment: code 16 is not in 0..15 (4 bits)",
    );
  });
});

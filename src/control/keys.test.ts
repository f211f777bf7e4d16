import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseSegmentCode } from "../addressing/index.ts";
import { parseAddress } from "../net/index.ts";
import {
  hostAddressKey,
  hostIdKey,
  placeText,
  readCode,
  readId,
  readSpot,
  segmentCodeKey,
  segmentKey,
  splitSpot,
  spotText,
  tenantIdKey,
} from "./keys.ts";

describe("keys", () => {
  test.each([
    [hostIdKey([], 1), "host-id/0000000001"],
    [hostIdKey(["zone-a", "rack-3"], 4294967295), "host-id/zone-a/rack-3/4294967295"],
    [hostAddressKey(parseAddress("2001:DB8::1")), "host-address/2001:db8::1"],
    [tenantIdKey(0), "tenant-id/0000000000"],
    [segmentKey("shop", "web"), "segment/shop/web"],
    [segmentKey("shop"), "segment/shop/"],
    [segmentCodeKey("shop", parseSegmentCode("5")), "segment-code/shop/0000000005"],
    [segmentCodeKey("shop", parseSegmentCode("5+2")), "segment-code/shop/0000000005+2"],
    [segmentCodeKey("shop", parseSegmentCode("5-12")), "segment-code/shop/0000000005-12"],
    [
      spotText(placeText({ host: "h", network: "n", tenant: "t", code: parseSegmentCode("1") }), 11),
      "h/n/t/0000000001/0000000011",
    ],
  ])("%s", (key, expected) => {
    expect(key).toBe(expected);
  });
});

describe("what is not as control writes it is not read", () => {
  test.each([
    "",
    "h",
    "h/n/t/0000000001",
    "h/n/t/0000000001/11",
    "h/n/t/0000000001/00000000011",
    "h/n/t/0000000001/4294967296",
    "h/n/t/0000000001/-000000001",
    "h/n/t/0000000001/000000001a",
    "h/n/t/1/0000000011",
    "h/n/t/0000000001+/0000000011",
    "h/n/t/0000000001+0/0000000011",
    "h/n/t/x/0000000001/0000000011",
    "/n/t/0000000001/0000000011",
    "h//t/0000000001/0000000011",
  ])("%j", (text) => {
    expect(readSpot(text)).toBeUndefined();
  });

  test.each<[string, number | undefined]>([
    ["0000000000", 0],
    ["4294967295", 4294967295],
    ["9999999999", undefined],
    ["000000000", undefined],
    ["00000000 1", undefined],
  ])("readId(%j) is %j", (text, id) => {
    expect(readId(text, 0)).toBe(id);
  });

  test.each(["0000000001+", "0000000001+1x", "0000000001 2", "1+2", "0000000001++2"])(
    "readCode(%j)",
    (text) => {
      expect(readCode(text)).toBeUndefined();
    },
  );
});

test("spots are read back as they were written, and sort by ID", () => {
  const name = fc.constantFrom("a", "a-b", "a.b", "__proto__", "Z9");
  const id = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const spot = fc.record({
    host: name,
    network: name,
    tenant: name,
    code: fc.record({ code: id, extraBits: fc.integer({ min: -32, max: 32 }) }),
    endpointId: id,
  });
  fc.assert(
    fc.property(spot, id, (value, other) => {
      const place = placeText(value);
      const text = spotText(place, value.endpointId);
      expect(readSpot(text)).toEqual(value);
      expect(splitSpot(text)).toEqual({ place, endpointId: value.endpointId });
      expect(text < spotText(place, other)).toBe(value.endpointId < other);
    }),
  );
});

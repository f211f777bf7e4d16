import { describe, expect, test } from "vitest";
import { addressPairOf, groupPath, nameOrId, patchOf, planBits, segmentName } from "./words.ts";

test("addressPairOf() takes one address per family", () => {
  expect(addressPairOf("--underlay", ["2001:db8::1", "192.0.2.1"])).toEqual({
    ipv4: "192.0.2.1",
    ipv6: "2001:db8::1",
  });
  expect(() => addressPairOf("--underlay", ["192.0.2.1", "192.0.2.2"])).toThrow(
    '--underlay: two addresses of IPv4, "192.0.2.2" is the second',
  );
  expect(() => addressPairOf("--underlay", ["192.0.2"])).toThrow(
    '--underlay: "192.0.2" is not an IP address',
  );
});

test.each<[string, string | number]>([
  ["7", 7],
  ["007", "007"],
  ["web-7", "web-7"],
  ["-7", "-7"],
])("nameOrId(%s)", (text, value) => {
  expect(nameOrId(text)).toBe(value);
});

describe("segmentName()", () => {
  test("splits at the slash", () => {
    expect(segmentName("shop/web")).toEqual({ tenant: "shop", segment: "web" });
  });
  test.each(["shop", "shop/", "/web", "a/b/c", ""])("refuses %j", (text) => {
    expect(() => segmentName(text)).toThrow("is not TENANT/SEGMENT");
  });
});

test.each<[string | undefined, string[]]>([
  [undefined, []],
  ["", []],
  ["zone-a/rack-1", ["zone-a", "rack-1"]],
])("groupPath(%j)", (text, path) => {
  expect(groupPath(text)).toEqual(path);
});

test("patchOf() keeps null and leaves undefined out", () => {
  expect(patchOf({ quota: null, isolation: undefined, id: 0 })).toEqual({ quota: null, id: 0 });
});

describe("planBits()", () => {
  test("reads groups before the levels that every plan has", () => {
    expect(planBits("--bits", "zone=2,rack=4,host=8,tenant=8,segment=4,endpoint=4,stride=1")).toEqual({
      groupLevels: [
        { name: "zone", bits: 2 },
        { name: "rack", bits: 4 },
      ],
      hostBits: 8,
      tenantBits: 8,
      segmentBits: 4,
      endpointBits: 4,
      strideBits: 1,
    });
  });
  test.each<[string, string]>([
    ["host=8,tenant=8", "must end with host, tenant, segment, endpoint"],
    ["tenant=8,host=8,segment=4,endpoint=4", "must end with host, tenant, segment, endpoint"],
    ["host=8,zone=2,tenant=8,segment=4,endpoint=4", "must end with host, tenant, segment, endpoint"],
    ["host=08,tenant=8,segment=4,endpoint=4", '"host=08" is not LEVEL=BITS'],
    ["", '"" is not LEVEL=BITS'],
  ])("refuses %j", (text, reason) => {
    expect(() => planBits("--bits", text)).toThrow(reason);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import type { Network } from "../model/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../net/index.ts";
import { networkFaults, overlapFaults } from "./network-faults.ts";
import { lowestFreeServiceAddress, serviceAddressFault } from "./service-addresses.ts";

function network(name: string, prefix: string, services: { ipv4?: string; ipv6?: string } = {}): Network {
  const plan = { hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 };
  const { ipv4, ipv6 } = services;
  return {
    name,
    plans: { ipv4: createPlan({ ...plan, prefix: parsePrefix(prefix) }) },
    groups: [],
    services: { ...(ipv4 && { ipv4: parsePrefix(ipv4) }), ...(ipv6 && { ipv6: parsePrefix(ipv6) }) },
  };
}

describe("lowestFreeServiceAddress()", () => {
  test.each([
    ["172.20.0.0/30", [], "172.20.0.1"],
    ["172.20.0.0/30", ["172.20.0.1"], "172.20.0.2"],
    ["172.20.0.0/30", ["172.20.0.1", "172.20.0.2"], undefined],
    ["172.20.0.0/29", ["172.20.0.1", "172.20.0.3"], "172.20.0.2"],
    ["fd10::/127", [], "fd10::1"],
    ["fd10::/127", ["fd10::1"], undefined],
    ["fd10::/64", ["fd10::1"], "fd10::2"],
  ])("of %s without %j is %s", (prefix, taken, expected) => {
    const values = new Set(taken.map((text) => parseAddress(text).value));
    const address = lowestFreeServiceAddress(parsePrefix(prefix), values);
    expect(address && formatAddress(address)).toBe(expected);
  });

  test("is never one that a service cannot have, and none is left out", () => {
    const space = network("main", "10.0.0.0/8", { ipv4: "172.20.0.0/28" });
    const prefix = parsePrefix("172.20.0.0/28");
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 15 })), (offsets) => {
        const taken = new Set(offsets.map((offset) => prefix.value + BigInt(offset)));
        const free = Array.from({ length: 16 }, (_, offset) => prefix.value + BigInt(offset)).filter(
          (value) => !taken.has(value) && serviceAddressFault(space, { family: 4, value }) === undefined,
        );
        expect(lowestFreeServiceAddress(prefix, taken)?.value).toBe(free[0]);
      }),
    );
  });
});

describe("service prefixes of a network", () => {
  test.each([
    ["beside the plan", { ipv4: "172.20.0.0/16", ipv6: "fd10::/64" }, []],
    ["the smallest ones", { ipv4: "172.20.0.0/30", ipv6: "fd10::/127" }, []],
    [
      "all wrong",
      { ipv4: "10.255.0.0/16", ipv6: "fe80::/64" },
      [
        "services.ipv4 10.255.0.0/16 overlaps the plan of 10.0.0.0/8",
        "services.ipv6 fe80::/64 overlaps fe80::/10, whose addresses services cannot have",
      ],
    ],
    ["too small", { ipv6: "fd10::/128" }, ["services.ipv6 fd10::/128 is longer than /127"]],
  ])("%s", (_, services, faults) => {
    expect(
      networkFaults(network("main", "10.0.0.0/8", services)).map(({ path, reason }) => `${path} ${reason}`),
    ).toEqual(faults);
  });

  test("keep away from plans and service prefixes of other networks, both ways", () => {
    const one = network("one", "10.0.0.0/8", { ipv4: "172.20.0.0/16" });
    const other = network("other", "172.0.0.0/8", { ipv4: "10.5.0.0/16" });
    const third = network("third", "11.0.0.0/8", { ipv4: "172.20.5.0/24" });
    const texts = (faults: readonly { path: string; reason: string }[]): string[] =>
      faults.map(({ path, reason }) => `${path} ${reason}`);
    expect(texts(overlapFaults(one, [other]))).toEqual([
      'plans.ipv4.prefix 10.0.0.0/8 overlaps the service prefix 10.5.0.0/16 of network "other"',
      'services.ipv4 172.20.0.0/16 overlaps 172.0.0.0/8 of network "other"',
    ]);
    expect(texts(overlapFaults(third, [one]))).toEqual([
      'services.ipv4 172.20.5.0/24 overlaps the service prefix 172.20.0.0/16 of network "one"',
    ]);
  });
});

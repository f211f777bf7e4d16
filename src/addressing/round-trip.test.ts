import { describe, expect, test } from "vitest";
import type { AddressPlan } from "../model/index.ts";
import { parsePrefix, prefixContains } from "../net/index.ts";
import { decodeAddress } from "./decode.ts";
import { decodeReference, encodeReference } from "./encode.reference.ts";
import { encodeAddress, endpointPrefix } from "./encode.ts";
import {
  endpointIds,
  groupIds,
  hostIds,
  type Identity,
  type IdRange,
  segmentCodes,
  tenantIds,
} from "./layout.ts";
import { createPlan, type PlanSpec } from "./plan.ts";
import { groupPrefix, hostPrefix, segmentPrefix, tenantPrefix } from "./prefixes.ts";

const TUPLES = 1_000_000;
/** Of these, so many are also compared with the slow twin. */
const COMPARED = 50_000;

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
const ZONES = {
  groupLevels: [
    { name: "zone", bits: 2 },
    { name: "rack", bits: 2 },
  ],
};

/** Each with the widths of codes that are tried. */
const PLANS: [string, PlanSpec, number[]][] = [
  ["the seed's", SEED, [0, 2, -3]],
  ["the original's", { ...SEED, numbering: "v1", tenantBits: 4, endpointBits: 8 }, [0, 4, -4]],
  ["v1 with a stride", { ...SEED, numbering: "v1", tenantBits: 4, endpointBits: 5, strideBits: 3 }, [0, 1]],
  ["zones and racks", { ...SEED, ...ZONES, hostBits: 4, segmentBits: 3, strideBits: 1 }, [0, -3]],
  ["IPv6", IPV6, [0, 16]],
  ["wide IPv6", { ...IPV6, hostBits: 24, tenantBits: 20, endpointBits: 20 }, [0, -8, 16]],
  [
    "a /64 each",
    { ...IPV6, ...ZONES, hostBits: 4, tenantBits: 3, segmentBits: 2, endpointBits: 3, strideBits: 64 },
    [0, 1],
  ],
  ["v1 in IPv6", { ...IPV6, numbering: "v1", endpointBits: 16, strideBits: 16 }, [0, 5]],
];

/** Numbers in 0..1 from a seed (mulberry32), so that a failure can be repeated. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Mostly anywhere in the range, often at its ends. */
function pick(random: () => number, { first, last }: IdRange): number {
  const place = random();
  if (place < 0.05) return first;
  if (place > 0.95) return last;
  return first + Math.floor(random() * (last - first + 1));
}

function createIdentities(plan: AddressPlan, widths: readonly number[], seed: number): () => Identity {
  const random = createRandom(seed);
  const groups = plan.groupLevels.map((_, level) => groupIds(plan, level));
  const ranges = widths.map((extraBits) => ({
    extraBits,
    codes: segmentCodes(plan, extraBits),
    endpoints: endpointIds(plan, extraBits),
  }));
  const [hosts, tenants] = [hostIds(plan), tenantIds(plan)];
  return () => {
    const { extraBits, codes, endpoints } = ranges[
      Math.floor(random() * ranges.length)
    ] as (typeof ranges)[0];
    return {
      groups: groups.map((range) => pick(random, range)),
      host: pick(random, hosts),
      tenant: pick(random, tenants),
      code: { code: pick(random, codes), extraBits },
      endpoint: pick(random, endpoints),
    };
  };
}

function isSame(a: Identity, b: Identity): boolean {
  return (
    a.host === b.host &&
    a.tenant === b.tenant &&
    a.code.code === b.code.code &&
    a.code.extraBits === b.code.extraBits &&
    a.endpoint === b.endpoint &&
    a.groups.length === b.groups.length &&
    a.groups.every((id, index) => id === b.groups[index])
  );
}

describe.each(PLANS)("%s plan", (_, spec, widths) => {
  const plan = createPlan(spec);

  test(`decode is the inverse of encode for ${TUPLES / PLANS.length} random identities`, () => {
    const next = createIdentities(plan, widths, 1);
    for (let count = 0; count < TUPLES / PLANS.length; count++) {
      const identity = next();
      const decoded = decodeAddress(plan, encodeAddress(plan, identity), () => [identity.code]);
      if (
        decoded?.endpoint === undefined ||
        decoded.offset !== 0n ||
        !isSame(identity, decoded as Identity)
      ) {
        expect(decoded).toEqual({ ...identity, offset: 0n });
      }
    }
  });

  test("encode and decode agree with their slow twins", () => {
    const next = createIdentities(plan, widths, 2);
    for (let count = 0; count < COMPARED / PLANS.length; count++) {
      const identity = next();
      const address = encodeAddress(plan, identity);
      if (address.value !== encodeReference(plan, identity).value) {
        expect(address).toEqual(encodeReference(plan, identity));
      }
      const decoded = decodeReference(plan, address, identity.code.extraBits);
      if (!isSame(identity, decoded)) expect(decoded).toEqual(identity);
    }
  });

  test("each level's prefix holds the next, and the endpoint's block its address", () => {
    const next = createIdentities(plan, widths, 3);
    for (let count = 0; count < 2000; count++) {
      const identity = next();
      const { groups, tenant, code } = identity;
      const address = encodeAddress(plan, identity);
      const holders = [
        groupPrefix(plan, groups.slice(0, 1)),
        groupPrefix(plan, groups),
        hostPrefix(plan, identity),
        tenantPrefix(plan, identity, tenant),
        segmentPrefix(plan, identity, tenant, code),
        endpointPrefix(plan, identity),
      ];
      const lengths = holders.map((prefix) => prefix.length);
      expect(lengths).toEqual(lengths.toSorted((a, b) => a - b));
      expect(holders.filter((prefix) => !prefixContains(prefix, address))).toEqual([]);
    }
  });
});

test("no two identities have one address, no two endpoints share a block", () => {
  const small = { ...SEED, prefix: parsePrefix("10.0.0.0/20"), hostBits: 2, tenantBits: 2, segmentBits: 2 };
  for (const numbering of ["literal", "v1"] as const) {
    const plan = createPlan({ ...small, numbering, endpointBits: 4, strideBits: 2 });
    const owners = new Map<bigint, string>();
    const ids = ({ first, last }: IdRange): number[] =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index);
    for (const host of ids(hostIds(plan))) {
      for (const tenant of ids(tenantIds(plan))) {
        for (const code of ids(segmentCodes(plan, 0))) {
          for (const endpoint of ids(endpointIds(plan, 0))) {
            const identity = { groups: [], host, tenant, code: { code, extraBits: 0 }, endpoint };
            const block = endpointPrefix(plan, identity);
            for (let value = block.value; value < block.value + 2n ** BigInt(32 - block.length); value++) {
              expect(owners.get(value)).toBeUndefined();
              owners.set(value, JSON.stringify(identity));
              const decoded = decodeAddress(plan, { family: 4, value });
              expect(decoded).toMatchObject(identity);
            }
          }
        }
      }
    }
  }
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPlan, encodeAddress, isAllocatable, type PlanSpec } from "../addressing/index.ts";
import { type Network, plansOf } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { addressesOf } from "./directory.ts";
import { EndpointRows, type Fault } from "./endpoint-rows.ts";
import { PREFIX, placeText, spotText } from "./keys.ts";
import {
  decodeEndpointRecord,
  encodeEndpointRecord,
  encodeHostRecord,
  encodeNetworkRecord,
  encodeSegmentRecord,
  encodeTenantRecord,
} from "./records.ts";
import { codes, SEED_PLAN, WIDE_PLAN } from "./seed.case.ts";
import { World } from "./world.ts";

const CODES = codes("1", "8+2", "1-2");
/** Leaves the wide code, too, at most 32 endpoint bits. */
const SIX = { ...WIDE_PLAN, tenantBits: 20, segmentBits: 20, endpointBits: 24 };
const PLANS: [string, PlanSpec | undefined, PlanSpec | undefined][] = [
  ["IPv4", SEED_PLAN, undefined],
  ["IPv6", undefined, SIX],
  ["dual stack", SEED_PLAN, SIX],
  ["v1", { ...SEED_PLAN, numbering: "v1" }, { ...SIX, numbering: "v1" }],
  [
    "strides",
    { ...SEED_PLAN, tenantBits: 6, strideBits: 2 },
    { ...SIX, tenantBits: 8, segmentBits: 8, strideBits: 24 },
  ],
  ["v1 with strides", { ...SEED_PLAN, numbering: "v1", tenantBits: 6, strideBits: 2 }, undefined],
  [
    "IPv6 with codes in the last group",
    undefined,
    { ...SIX, tenantBits: 32, segmentBits: 24, endpointBits: 8 },
  ],
];

function networkOf(ipv4: PlanSpec | undefined, ipv6: PlanSpec | undefined): Network {
  return {
    name: "n",
    plans: { ...(ipv4 && { ipv4: createPlan(ipv4) }), ...(ipv6 && { ipv6: createPlan(ipv6) }) },
    groups: [],
  };
}

function worldOf(network: Network): World {
  const stored = (value: string): { value: string; revision: number } => ({ value, revision: 1 });
  return new World(
    new Map([
      [`${PREFIX.network}n`, stored(encodeNetworkRecord({ network }))],
      [`${PREFIX.host}h`, stored(encodeHostRecord({ host: { name: "h", id: 1, group: [], underlay: {} } }))],
      [`${PREFIX.tenant}t`, stored(encodeTenantRecord({ tenant: { name: "t", id: 1, isolation: "none" } }))],
      [
        `${PREFIX.segment}t/s`,
        stored(encodeSegmentRecord({ segment: { tenant: "t", name: "s", codes: CODES } })),
      ],
    ]),
  );
}

/** The obvious judgement: decode, compute, compare. */
function judge(
  network: Network,
  code: (typeof CODES)[number],
  id: number,
  value: string,
): Fault["kind"] | undefined {
  let record: ReturnType<typeof decodeEndpointRecord>;
  try {
    record = decodeEndpointRecord(value);
  } catch {
    return "unparsable-value";
  }
  for (const plan of plansOf(network)) {
    if (isAllocatable(plan, code.extraBits, id)) continue;
    return plan.reservedEndpoints.includes(id) ? "reserved-id" : "id-out-of-bounds";
  }
  if (record.segment !== "s") return "wrong-segment";
  const { ipv4, ipv6 } = network.plans;
  const identity = { groups: [], host: 1, tenant: 1, code, endpoint: id };
  for (const [plan, address] of [
    [ipv4, record.addresses.ipv4],
    [ipv6, record.addresses.ipv6],
  ] as const) {
    const wanted = plan && formatAddress(encodeAddress(plan, identity));
    if (wanted !== (address && formatAddress(address))) return "wrong-address";
  }
  return undefined;
}

describe.each(PLANS)("%s: the fast reading agrees with the plain one", (_, ipv4, ipv6) => {
  const network = networkOf(ipv4, ipv6);
  const rows = new EndpointRows(worldOf(network));

  test("of any row, right or damaged", () => {
    const text = fc.oneof(
      fc.string({ minLength: 1, maxLength: 8 }),
      fc.constantFrom("web-1", 'a"b', "a\\", "é"),
    );
    const optional = fc.option(text, { nil: undefined });
    const row = fc.record({
      code: fc.constantFrom(...CODES),
      id: fc.oneof({ weight: 5, arbitrary: fc.nat(17) }, fc.nat(70000), fc.nat(2 ** 32 - 1)),
      otherId: fc.nat(20),
      name: optional,
      requestToken: optional,
      externalId: optional,
      createdAt: fc.oneof(fc.constant(0), fc.constant(1763878000000)),
      damage: fc.constantFrom(
        "none",
        "none",
        "address",
        "segment",
        "cut",
        "space",
        "family",
        "zero",
        "swap",
        "character",
      ),
      at: fc.nat(120),
    });
    fc.assert(
      fc.property(row, ({ code, id, otherId, name, requestToken, externalId, createdAt, damage, at }) => {
        const key = PREFIX.endpoint + spotText(placeText({ host: "h", network: "n", tenant: "t", code }), id);
        const written = damage === "address" ? otherId : id;
        const fits = (each: number): boolean =>
          plansOf(network).every((plan) => isAllocatable(plan, code.extraBits, each));
        const shown = fits(written) ? written : fits(0) ? 0 : 1;
        let addresses = addressesOf(network, { groups: [], host: 1 }, 1, code, shown);
        if (damage === "family") addresses = {};
        let value = encodeEndpointRecord({
          segment: damage === "segment" ? "other" : "s",
          addresses,
          ...(name !== undefined && { name }),
          ...(requestToken !== undefined && { requestToken }),
          ...(externalId !== undefined && { externalId }),
          createdAt,
        });
        if (damage === "cut") value = value.slice(0, at);
        if (damage === "space") value = value.replace(",", ", ");
        if (damage === "zero") value = value.replace('"10.', '"010.').replace('"fd00:', '"fd00:0:');
        if (damage === "swap") value = value.replace('"createdAt":', '"x":1,"createdAt":');
        if (damage === "character") value = `${value.slice(0, at)}7${value.slice(at + 1)}`;
        const expected = judge(network, code, id, value);
        expect(rows.check(key, value)?.kind).toBe(expected);
        if (expected === "unparsable-value") return;
        const record = decodeEndpointRecord(value);
        const slice = ({ text: all, start, end }: { text: string; start: number; end: number }): string =>
          all.slice(start, end);
        expect([slice(rows.name), slice(rows.token)]).toEqual([record.name ?? "", record.requestToken ?? ""]);
        expect(rows.tenant).toBe("t");
      }),
      { numRuns: 400 },
    );
  });
});

describe("places that are wrong", () => {
  const rows = new EndpointRows(worldOf(networkOf(SEED_PLAN, undefined)));
  const value = '{"segment":"s","ipv4":"10.1.1.17","createdAt":0}';
  test.each([
    ["x/n/t/0000000001/0000000001", "dangling-reference", 'The endpoint belongs to host "x", not there'],
    ["x/y/z/0000000001/0000000001", "dangling-reference", 'host "x" and network "y" and tenant "z"'],
    ["h/n/t/0000000002/0000000001", "unowned-code", 'Code 0000000002 of tenant "t" belongs to no segment'],
    ["h/n/t/1/0000000001", "unknown-key", "The key names no host"],
    ["h/n/t/0000000001/1", "unknown-key", "The key names no host"],
  ])("%s: %s", (spot, kind, message) => {
    const fault = rows.check(PREFIX.endpoint + spot, value);
    expect(fault?.kind).toBe(kind);
    expect(fault?.message).toContain(message);
  });
});

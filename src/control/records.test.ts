import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import { parseAddress } from "../net/index.ts";
import {
  decodeEndpointRecord,
  decodeHostRecord,
  decodeNetworkRecord,
  decodeRest,
  decodeSegmentRecord,
  decodeTenantRecord,
  decodeWorkloadRecord,
  encodeEndpointRecord,
  encodeHostRecord,
  encodeNetworkRecord,
  encodeRest,
  encodeSegmentRecord,
  encodeTenantRecord,
  encodeWorkloadRecord,
  type NetworkRecord,
} from "./records.ts";
import { codes, SEED_PLAN, WIDE_PLAN, ZONED_PLAN } from "./seed.case.ts";

const DELETING = { cascade: true, used: false };
const GROUP = { name: "zone-a", id: 1, router: { ipv4: parseAddress("192.0.2.1") }, groups: [] };

describe("records are read back as they were written", () => {
  test.each<[string, NetworkRecord]>([
    ["IPv4", { network: { name: "n", plans: { ipv4: createPlan(SEED_PLAN) }, groups: [] } }],
    [
      "dual stack, v1",
      {
        network: {
          name: "n",
          plans: {
            ipv4: createPlan({ ...SEED_PLAN, numbering: "v1" }),
            ipv6: createPlan({ ...WIDE_PLAN, numbering: "v1" }),
          },
          groups: [],
        },
        adding: true,
      },
    ],
    [
      "groups",
      {
        network: { name: "n", plans: { ipv4: createPlan(ZONED_PLAN) }, groups: [GROUP] },
        nextGroups: [GROUP, { ...GROUP, name: "zone-b", id: 2, router: {} }],
        deleting: DELETING,
      },
    ],
  ])("network: %s", (_, record) => {
    expect(decodeNetworkRecord(encodeNetworkRecord(record))).toEqual(record);
  });

  test("host, tenant, segment, endpoint, rest", () => {
    const host = {
      name: "h",
      id: 1,
      group: ["a"],
      underlay: { ipv6: parseAddress("2001:db8::1") },
      externalId: 'a "b" \\',
    };
    const tenant = { name: "__proto__", id: 0, isolation: "none" as const, quota: 0, externalId: 'a "b" \\' };
    const segment = { tenant: "t", name: "s", codes: codes("1", "5+2", "3-1"), externalId: "x" };
    const endpoint = {
      segment: "s",
      addresses: { ipv4: parseAddress("10.1.1.27"), ipv6: parseAddress("fd00::1b") },
      name: "n",
      requestToken: 't"\\',
      externalId: "ü\n",
      createdAt: 5,
    };
    expect(decodeHostRecord(encodeHostRecord({ host, deleting: DELETING }))).toEqual({
      host,
      deleting: DELETING,
    });
    expect(decodeTenantRecord(encodeTenantRecord({ tenant, counting: true }))).toEqual({
      tenant,
      counting: true,
    });
    expect(decodeSegmentRecord(encodeSegmentRecord({ segment, removing: codes("1") }))).toEqual({
      segment,
      removing: codes("1"),
    });
    expect(decodeEndpointRecord(encodeEndpointRecord(endpoint))).toEqual(endpoint);
    const { externalId: _, ...born } = { ...endpoint, actsAs: "db", workload: "6f1c-2a:x" };
    expect(decodeEndpointRecord(encodeEndpointRecord(born))).toEqual(born);
    const workload = { id: "6f1c-2a:x", tenant: "t", segment: "s", actsAs: "db", name: "n" };
    expect(decodeWorkloadRecord(encodeWorkloadRecord(workload))).toEqual(workload);
    expect(decodeRest(encodeRest(77))).toBe(77);
    expect(decodeRest("tenant-1")).toBeUndefined();
  });
});

describe("damaged records are refused", () => {
  test.each<[string, (text: string) => unknown, string]>([
    ["no JSON", decodeTenantRecord, "{"],
    ["no tenant name", decodeTenantRecord, '{"id":1,"isolation":"none"}'],
    ["an ID as text", decodeTenantRecord, '{"name":"t","id":"1","isolation":"none"}'],
    ["an unknown isolation", decodeTenantRecord, '{"name":"t","id":1,"isolation":"some"}'],
    ["a host without a group", decodeHostRecord, '{"name":"h","id":1,"underlay":{}}'],
    [
      "an address that is none",
      decodeHostRecord,
      '{"name":"h","id":1,"group":[],"underlay":{"ipv4":"1.2.3"}}',
    ],
    ["a code that is none", decodeSegmentRecord, '{"tenant":"t","name":"s","codes":["x"]}'],
    [
      "a plan that does not add up",
      decodeNetworkRecord,
      '{"name":"n","plans":{"ipv4":{"prefix":"10.0.0.0/8"}},"groups":[]}',
    ],
    ["an endpoint without a segment", decodeEndpointRecord, '{"ipv4":"10.1.1.1","createdAt":1}'],
    ["an endpoint without a time", decodeEndpointRecord, '{"segment":"s","ipv4":"10.1.1.1"}'],
    ["a number for an endpoint", decodeEndpointRecord, "5"],
    ["null for an endpoint", decodeEndpointRecord, "null"],
    ["a rest without a time", decodeRest, "{}"],
  ])("%s", (_, decode, text) => {
    expect(() => decode(text)).toThrow();
  });
});

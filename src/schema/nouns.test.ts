import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Fault, hasCode } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { attachmentRequestSchema } from "./attachment.ts";
import { decodeLenient, decodeWith } from "./decode.ts";
import {
  allocationSchema,
  decodeEndpoint,
  encodeEndpoint,
  endpointPatchSchema,
  endpointResourceSchema,
} from "./endpoint.ts";
import { decodeHost, encodeHost, encodeHostResource, hostResourceSchema, hostSpecSchema } from "./host.ts";
import { policyResourceSchema } from "./policy.ts";
import { decodeSegment, encodeSegment, segmentSpecSchema } from "./segment.ts";
import { decodeTenant, encodeTenant, tenantPatchSchema, tenantSpecSchema } from "./tenant.ts";
import { workloadSpecSchema } from "./workload.ts";

function faultsOf(schema: z.ZodType, document: unknown): readonly Fault[] {
  try {
    decodeWith(schema, "read", document);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.failure.faults;
    throw error;
  }
  return [];
}

const NAME_RULE = 'is not a name: 1 to 63 letters, digits, "_", "." or "-", the first a letter, digit or "_"';

const WORKLOAD_RULE =
  'is not a workload ID: 1 to 253 letters, digits, "_", ".", ":" or "-", the first a letter, digit or "_"';

const ENDPOINT = {
  network: "net",
  host: "h1",
  tenant: "constructor",
  segment: "__proto__",
  code: { code: 5, extraBits: -2 },
  endpointId: 11,
  addresses: { ipv4: parseAddress("10.1.1.27"), ipv6: parseAddress("fd00::b") },
  name: "web:1",
  requestToken: "6f1c/eth0",
  externalId: "ns/web ü",
  createdAt: 1_700_000_000_000,
};

const LABELS = new Map([
  ["app.kubernetes.io/name", "web ü"],
  ["__proto__", ""],
]);
const PORTS = [
  { name: "http", protocol: 6, port: 80 },
  { name: "http", protocol: 17, port: 80 },
];

describe("labels and ports that are refused", () => {
  const spec = { name: "s" };
  test.each<[string, object, string, string]>([
    ["a key", { labels: { "a b": "x" } }, "labels.a b", '"a b" is not a label key'],
    ["a value", { labels: { a: "x\u0000" } }, "labels.a", "is not a label value"],
    ["a value that is no text", { labels: { a: 1 } }, "labels.a", "expected text, got 1"],
    ["a list", { labels: ["a"] }, "labels", "expected an object with label keys as keys"],
    [
      "a port without a number",
      { ports: [{ name: "a", protocol: "tcp", port: 0 }] },
      "ports.0.port",
      "0 is less than 1",
    ],
    ["a port of ICMP", { ports: [{ name: "a", protocol: 1, port: 1 }] }, "ports.0.protocol", "has no ports"],
    [
      "a port twice",
      {
        ports: [
          { name: "a", protocol: 6, port: 1 },
          { name: "a", protocol: "tcp", port: 2 },
        ],
      },
      "ports",
      "two ports",
    ],
  ])("%s", (_, change, path, reason) => {
    expect(faultsOf(segmentSpecSchema, { ...spec, ...change })).toEqual([
      { path, reason: expect.stringContaining(reason) as string },
    ]);
  });
});

describe("what is encoded is decoded to the same", () => {
  const host = {
    name: "toString",
    id: 7,
    group: ["zone-a", "__proto__"],
    underlay: { ipv4: parseAddress("192.0.2.7"), ipv6: parseAddress("2001:db8::7") },
  };
  const tenant = { name: "__proto__", id: 1, isolation: "none", quota: 0, externalId: "x" } as const;
  const segment = {
    tenant: "__proto__",
    name: "constructor",
    codes: [
      { code: 1, extraBits: 0 },
      { code: 5, extraBits: 2 },
    ],
  };
  const cases: [string, (value: never) => unknown, (json: unknown) => unknown, unknown][] = [
    ["host", encodeHost, decodeHost, host],
    ["host without underlay", encodeHost, decodeHost, { name: "h", id: 0, group: [], underlay: {} }],
    ["tenant", encodeTenant, decodeTenant, tenant],
    ["tenant with what it must have", encodeTenant, decodeTenant, { name: "t", id: 1, isolation: "segment" }],
    ["segment", encodeSegment, decodeSegment, segment],
    ["endpoint", encodeEndpoint, decodeEndpoint, ENDPOINT],
    ["endpoint that acts", encodeEndpoint, decodeEndpoint, { ...ENDPOINT, actsAs: "db" }],
    [
      "endpoint with a tap",
      encodeEndpoint,
      decodeEndpoint,
      { ...ENDPOINT, instance: "i ü", tap: { device: "tap7", mac: "fa:16:3e:00:00:07" } },
    ],
    ["segment without codes", encodeSegment, decodeSegment, { ...segment, codes: [] }],
    ["host with an external ID", encodeHost, decodeHost, { ...host, externalId: "4f1c-node" }],
    ["host with labels", encodeHost, decodeHost, { ...host, labels: LABELS }],
    ["tenant with labels", encodeTenant, decodeTenant, { ...tenant, labels: LABELS }],
    ["segment with ports", encodeSegment, decodeSegment, { ...segment, labels: LABELS, ports: PORTS }],
  ];
  test.each(cases)("%s", (_, encode, decode, value) => {
    expect(decode(JSON.parse(JSON.stringify(encode(value as never))))).toEqual(value);
  });

  test("a network may be called __proto__ in the prefixes of a host", () => {
    const prefixes = new Map([["__proto__", { ipv4: parsePrefix("10.7.0.0/16") }]]);
    const text = JSON.stringify(encodeHostResource({ ...host, prefixes }, 3));
    expect(text).toContain('"prefixes":{"__proto__":{"ipv4":"10.7.0.0/16"}}');
    expect(decodeWith(hostResourceSchema, "read", JSON.parse(text))).toEqual({
      ...host,
      prefixes,
      revision: 3,
    });
  });
});

describe("what may be left out of a specification", () => {
  const cases: [string, z.ZodType, unknown, unknown][] = [
    ["host", hostSpecSchema, { name: "h" }, { name: "h", group: [], underlay: {} }],
    ["tenant", tenantSpecSchema, { name: "t" }, { name: "t", isolation: "segment" }],
    ["segment", segmentSpecSchema, { name: "s" }, { name: "s" }],
    ["segment without codes", segmentSpecSchema, { name: "s", codes: [] }, { name: "s", codes: [] }],
    ["workload", workloadSpecSchema, { tenant: "t", segment: "s" }, { tenant: "t", segment: "s" }],
    [
      "allocation for a workload",
      allocationSchema,
      { host: "h", workload: "6f1c-2a" },
      { host: "h", workload: "6f1c-2a" },
    ],
    [
      "allocation",
      allocationSchema,
      { host: "1", tenant: 1, segment: 0 },
      { host: "1", tenant: 1, segment: 0 },
    ],
  ];
  test.each(cases)("%s", (_, schema, document, value) => {
    expect(decodeWith(schema, "read", document)).toEqual(value);
  });
});

describe("faults", () => {
  const cases: [string, z.ZodType, unknown, Fault[]][] = [
    [
      "host with bad fields",
      hostSpecSchema,
      { name: "-h", id: 1.5, group: "zone-a", underlay: { ipv4: "2001:db8::1", ipv5: "x" } },
      [
        { path: "name", reason: `"-h" ${NAME_RULE}` },
        { path: "id", reason: "expected an integer, got 1.5" },
        { path: "group", reason: 'expected an array, got "zone-a"' },
        { path: "underlay.ipv4", reason: '"2001:db8::1" is IPv6, not IPv4' },
        { path: "underlay.ipv5", reason: 'unknown field, did you mean "ipv4"?' },
      ],
    ],
    [
      "tenant with bad fields",
      tenantSpecSchema,
      { name: "x".repeat(64), isolation: "segmnt", quota: -1, externalId: "", tenantId: 3 },
      [
        { path: "name", reason: `"${"x".repeat(64)}" ${NAME_RULE}` },
        {
          path: "isolation",
          reason: '"segmnt" is not one of segment, tenant, none, did you mean "segment"?',
        },
        { path: "quota", reason: "-1 is less than 0" },
        {
          path: "externalId",
          reason: '"" is not an external ID: 1 to 255 characters without control characters',
        },
        { path: "tenantId", reason: "unknown field" },
      ],
    ],
    [
      "segment with bad codes",
      segmentSpecSchema,
      { name: "s", codes: ["5+", "05", -1, 1.5, true, "5+2"] },
      [
        { path: "codes.0", reason: '"5+" is not a segment code such as 5, "5+2" or "5-2"' },
        { path: "codes.1", reason: '"05" is not a segment code such as 5, "5+2" or "5-2"' },
        { path: "codes.2", reason: '-1 is not a segment code such as 5, "5+2" or "5-2"' },
        { path: "codes.3", reason: '1.5 is not a segment code such as 5, "5+2" or "5-2"' },
        { path: "codes.4", reason: 'true is not a segment code such as 5, "5+2" or "5-2"' },
      ],
    ],
    [
      "allocation of nothing",
      allocationSchema,
      {},
      [
        { path: "host", reason: "is missing" },
        { path: "tenant", reason: "is missing" },
        { path: "segment", reason: "is missing" },
      ],
    ],
    [
      "allocation with bad fields",
      allocationSchema,
      {
        host: true,
        tenant: null,
        segment: "a/b",
        endpointId: 2 ** 53,
        address: "010.0.0.1",
        name: "10.0.0.1",
        requestToken: "a b",
        port: 80,
      },
      [
        { path: "host", reason: "true is neither a name (text) nor an ID (number)" },
        { path: "tenant", reason: "null is neither a name (text) nor an ID (number)" },
        { path: "segment", reason: `"a/b" ${NAME_RULE}` },
        { path: "endpointId", reason: "9007199254740992 is more than 9007199254740991" },
        { path: "address", reason: expect.stringContaining('"010.0.0.1"') as string },
        { path: "name", reason: '"10.0.0.1" reads as an address and cannot be a name' },
        {
          path: "requestToken",
          reason: '"a b" is not a request token: 1 to 255 printable ASCII characters without spaces',
        },
        { path: "port", reason: "unknown field" },
      ],
    ],
    [
      "allocation that says what its workload says",
      allocationSchema,
      { host: 1, workload: "a/b", tenant: 1, segment: 1, externalId: "x" },
      [
        { path: "workload", reason: `"a/b" ${WORKLOAD_RULE}` },
        { path: "tenant", reason: "is what the workload says: leave it out" },
        { path: "segment", reason: "is what the workload says: leave it out" },
        { path: "externalId", reason: "is what the workload says: leave it out" },
      ],
    ],
    [
      "allocation with a segment only",
      allocationSchema,
      { host: 1, segment: 1 },
      [{ path: "tenant", reason: "is missing" }],
    ],
    [
      "attachment of nobody",
      attachmentRequestSchema,
      { attach: { kind: "tap", device: "tap0" } },
      [
        { path: "tenant", reason: "is missing" },
        { path: "segment", reason: "is missing" },
      ],
    ],
    [
      "workload with bad fields",
      workloadSpecSchema,
      { tenant: "-t", actsAs: 5, name: "10.0.0.1", id: "x" },
      [
        { path: "tenant", reason: `"-t" ${NAME_RULE}` },
        { path: "segment", reason: "is missing" },
        { path: "actsAs", reason: "expected a string, got 5" },
        { path: "name", reason: '"10.0.0.1" reads as an address and cannot be a name' },
        { path: "id", reason: "unknown field" },
      ],
    ],
    [
      "an IPv6 address as a name",
      allocationSchema,
      { host: 1, tenant: 1, segment: 1, name: "fd00::1" },
      [{ path: "name", reason: '"fd00::1" reads as an address and cannot be a name' }],
    ],
    [
      "a patch of what cannot change",
      endpointPatchSchema,
      { name: "b" },
      [{ path: "name", reason: "unknown field" }],
    ],
    [
      "a patch with null where something must be",
      tenantPatchSchema,
      { isolation: null, quota: null, externalId: null },
      [{ path: "isolation", reason: "expected one of segment, tenant, none, got null" }],
    ],
  ];
  test.each(cases)("of %s", (_, schema, document, faults) => {
    expect(faultsOf(schema, document)).toEqual(faults);
  });

  test("a long value is cut where it is quoted", () => {
    const [fault] = faultsOf(hostSpecSchema, { name: "x".repeat(100_000) });
    expect(fault?.reason.length).toBeLessThan(300);
  });
});

const RULE = {
  direction: "ingress",
  verdict: "accept",
  peers: [{ kind: "any" }],
  traffic: [{}],
  stateful: true,
};
const POLICY = {
  id: "p",
  tier: "standard",
  order: 1,
  appliedTo: [{ kind: "host" }],
  isolates: [],
  rules: [RULE],
  established: "cut",
  revision: 3,
};

describe("decodeLenient()", () => {
  const json = { ...encodeEndpoint(ENDPOINT), revision: 9 };

  test("leaves out what a newer program added, at every depth", () => {
    const newer = { ...json, colour: "red", addresses: { ...json.addresses, ipv9: "x" } };
    expect(decodeLenient(endpointResourceSchema, "read", newer)).toEqual({ ...ENDPOINT, revision: 9 });
  });

  test.each<[string, object]>([
    ["a policy", { colour: "red" }],
    ["a rule of a policy", { rules: [{ ...RULE, onlyOnMondays: true }] }],
    ["a peer of a rule", { rules: [{ ...RULE, peers: [{ kind: "any", unless: "x" }] }] }],
  ])("leaves out nothing of %s: more would pass", (_, change) => {
    const view = z.strictObject({ policies: z.array(policyResourceSchema) });
    const policy = { ...POLICY, ...change };
    expect(() => decodeLenient(view, "read", { policies: [POLICY] })).not.toThrow();
    expect(() => decodeLenient(view, "read", { policies: [policy] })).toThrow(
      /Cannot read: policies\.0.*unknown field/,
    );
  });

  test("is internal when a known field is wrong", () => {
    expect(() =>
      decodeLenient(endpointResourceSchema, "read endpoint", { ...json, endpointId: "x" }),
    ).toThrow(
      expect.objectContaining({
        code: "internal",
        message: 'Cannot read endpoint: endpointId: expected a number, got "x"',
      }),
    );
  });
});

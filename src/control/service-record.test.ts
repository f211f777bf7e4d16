import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Service } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import { decodeBackendsRecord, encodeBackendsRecord } from "./backends-record.ts";
import { decodeServiceRecord, encodeServiceRecord } from "./service-record.ts";

const word = fc.constantFrom("a", "__proto__", "web.1");
const pairs = fc.constantFrom(
  { ipv4: parseAddress("172.20.0.1") },
  { ipv6: parseAddress("fd10::1") },
  { ipv4: parseAddress("172.20.0.1"), ipv6: parseAddress("fd10::1") },
);
const portNumber = fc.integer({ min: 1, max: 65_535 });
const port = fc.record(
  {
    name: word,
    protocol: fc.constantFrom("tcp" as const, "udp" as const, "sctp" as const),
    port: portNumber,
    targetPort: fc.oneof(portNumber, word),
  },
  { requiredKeys: ["protocol", "port"], noNullPrototype: true },
);
const health = fc.record(
  {
    protocol: fc.constantFrom("tcp" as const, "http" as const, "icmp" as const),
    port: fc.oneof(portNumber, word),
    path: fc.constantFrom("/", '/a"b'),
    interval: portNumber,
    timeout: portNumber,
    failures: portNumber,
    successes: portNumber,
  },
  { requiredKeys: ["protocol", "interval", "timeout", "failures", "successes"], noNullPrototype: true },
);
const service: fc.Arbitrary<Service> = fc.record(
  {
    name: word,
    network: word,
    tenant: word,
    segment: word,
    addresses: pairs,
    ports: fc.array(port, { minLength: 1, maxLength: 3 }),
    affinity: fc.constant("client" as const),
    prefer: fc.constant("local" as const),
    health,
    dnsName: word,
    externalId: fc.string({ minLength: 1 }),
  },
  {
    requiredKeys: ["name", "network", "tenant", "segment", "addresses", "ports"],
    noNullPrototype: true,
  },
);

test("services are read back as they were written, and written as they were read", () => {
  fc.assert(
    fc.property(service, (one) => {
      const text = encodeServiceRecord(one);
      expect(decodeServiceRecord(text)).toEqual(one);
      expect(encodeServiceRecord(decodeServiceRecord(text))).toBe(text);
    }),
  );
});

test("backends are read back as they were written", () => {
  const backend = fc.record({ host: word, addresses: pairs }, { noNullPrototype: true });
  const record = fc.record(
    { network: word, tenant: word, segment: word, backends: fc.array(backend, { maxLength: 3 }) },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(record, (one) => {
      expect(decodeBackendsRecord(encodeBackendsRecord(one))).toEqual(one);
    }),
  );
});

describe("damaged records are refused", () => {
  const right = { name: "a", network: "n", tenant: "t", segment: "s", addresses: {}, ports: [] };
  test.each([
    ["no JSON", decodeServiceRecord, "{"],
    ["no segment", decodeServiceRecord, JSON.stringify({ ...right, segment: undefined })],
    ["a port without a number", decodeServiceRecord, JSON.stringify({ ...right, ports: [{}] })],
    ["an address that is none", decodeServiceRecord, JSON.stringify({ ...right, addresses: { ipv4: "x" } })],
    ["no tenant", decodeBackendsRecord, '{"network":"n","segment":"s","backends":[]}'],
    ["no list", decodeBackendsRecord, '{"network":"n","tenant":"t","segment":"s"}'],
    ["no address", decodeBackendsRecord, '{"network":"n","tenant":"t","segment":"s","backends":[["h"]]}'],
    [
      "no host",
      decodeBackendsRecord,
      '{"network":"n","tenant":"t","segment":"s","backends":[[1,"10.0.0.1"]]}',
    ],
  ])("%s", (_, decode: (text: string) => unknown, text) => {
    expect(() => decode(text)).toThrow();
  });
});

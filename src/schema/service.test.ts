import { describe, expect, test } from "vitest";
import { hasCode, type Service } from "../model/index.ts";
import { parseAddress } from "../net/index.ts";
import { backendsResourceSchema, encodeBackendsResource } from "./backends.ts";
import { decodeWith } from "./decode.ts";
import {
  encodeServiceDetails,
  encodeServiceResource,
  serviceDetailsSchema,
  servicePatchSchema,
  serviceResourceSchema,
  serviceSpecSchema,
} from "./service.ts";
import { heartbeatSchema } from "./virtual-ip.ts";

const PORTS = [{ protocol: "tcp", port: 80 }];
const SPEC = { name: "web", tenant: "shop", segment: "web", ports: PORTS };
const FULL: Service = {
  name: "shop.web",
  network: "main",
  tenant: "shop",
  segment: "web",
  addresses: { ipv4: parseAddress("172.20.0.1"), ipv6: parseAddress("fd10::1") },
  ports: [
    { name: "http", protocol: "tcp", port: 80, targetPort: "http" },
    { name: "dns", protocol: "udp", port: 53, targetPort: 5353 },
  ],
  affinity: "client",
  prefer: "local",
  health: { protocol: "icmp", interval: 1000, timeout: 900, failures: 1, successes: 3 },
  dnsName: "web.shop.example",
  externalId: "uid",
};

function faultsOf(value: object): readonly string[] {
  try {
    decodeWith(serviceSpecSchema, "read", value);
    return [];
  } catch (error) {
    if (!hasCode(error, "invalid-input")) throw error;
    return error.failure.faults.map(({ path, reason }) => `${path}: ${reason}`);
  }
}

describe("a service", () => {
  test("wants a name, a segment and a port; everything else has a meaning when it is left out", () => {
    expect(decodeWith(serviceSpecSchema, "read", SPEC)).toEqual(SPEC);
    expect(faultsOf({})).toEqual([
      "name: is missing",
      "tenant: is missing",
      "segment: is missing",
      "ports: is missing",
    ]);
  });

  test("is read back as it was written", () => {
    const wire: unknown = JSON.parse(JSON.stringify(encodeServiceResource(FULL, 7)));
    expect(decodeWith(serviceResourceSchema, "read", wire)).toEqual({ ...FULL, revision: 7 });
    const details = { ...FULL, members: 3, healthy: 2 };
    const told: unknown = JSON.parse(JSON.stringify(encodeServiceDetails(details, 7)));
    expect(decodeWith(serviceDetailsSchema, "read", told)).toEqual({ ...details, revision: 7 });
  });

  test("a check has times and counts of its own, or the usual ones", () => {
    const health = { protocol: "http", port: "http" };
    expect(decodeWith(serviceSpecSchema, "read", { ...SPEC, health }).health).toEqual({
      ...health,
      interval: 500,
      timeout: 500,
      failures: 2,
      successes: 2,
    });
  });

  test.each<[string, object, string]>([
    ["a name with a slash", { name: "a/b" }, "name: "],
    ["no ports", { ports: [] }, "ports: has fewer than 1 items"],
    ["port 0", { ports: [{ protocol: "tcp", port: 0 }] }, "ports.0.port: 0 is less than 1"],
    [
      "icmp",
      { ports: [{ protocol: "icmp", port: 1 }] },
      'ports.0.protocol: "icmp" is not one of tcp, udp, sctp',
    ],
    ["a target port 0", { ports: [{ ...PORTS[0], targetPort: 0 }] }, "ports.0.targetPort: 0 is less than 1"],
    [
      "the same port twice",
      { ports: ["a", "b"].map((name) => ({ ...PORTS[0], name })) },
      "ports: has the same port and protocol twice",
    ],
    [
      "several ports without names",
      { ports: [...PORTS, { protocol: "udp", port: 80 }] },
      "ports: wants a name for each of several ports",
    ],
    [
      "the same name twice",
      {
        ports: [
          { ...PORTS[0], name: "a" },
          { protocol: "udp", port: 80, name: "a" },
        ],
      },
      "ports: has the same name twice",
    ],
    ["no address", { addresses: {} }, "addresses: one of ipv4 and ipv6 is wanted"],
    ["another affinity", { affinity: "cookie" }, 'affinity: "cookie" is not one of client'],
    ["a check without a port", { health: { protocol: "tcp" } }, "health.port: is missing: tcp wants one"],
    ["an echo with a port", { health: { protocol: "icmp", port: 1 } }, "health.port: icmp has no ports"],
    [
      "a path of tcp",
      { health: { protocol: "tcp", port: 1, path: "/" } },
      "health.path: only http has a path",
    ],
    ["a path that is none", { health: { protocol: "http", port: 1, path: "ready\r\n" } }, "health.path: "],
    [
      "probes all the time",
      { health: { protocol: "tcp", port: 1, interval: 99 } },
      "health.interval: 99 is less",
    ],
    ["a DNS name in capitals", { dnsName: "Web.shop" }, "dnsName: "],
    ["an unknown field", { affinty: "client" }, 'affinty: unknown field, did you mean "affinity"?'],
  ])("refuses %s", (_, change, fault) => {
    const faults = faultsOf({ ...SPEC, ...change });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(fault);
  });

  test("a patch takes fields away with null", () => {
    const patch = { affinity: null, prefer: null, health: null, dnsName: null, externalId: null };
    expect(decodeWith(servicePatchSchema, "read", patch)).toEqual(patch);
    expect(() => decodeWith(servicePatchSchema, "read", { addresses: {} })).toThrow("unknown field");
  });
});

test("backends are read back as they were written", () => {
  const backends = {
    network: "main",
    tenant: "shop",
    segment: "web",
    backends: [
      { host: "h", addresses: FULL.addresses },
      { host: "i", addresses: { ipv6: parseAddress("fd00::1") } },
    ],
  };
  const wire: unknown = JSON.parse(JSON.stringify(encodeBackendsResource(backends, 3)));
  expect(decodeWith(backendsResourceSchema, "read", wire)).toEqual({ ...backends, revision: 3 });
});

test("a heartbeat that says nothing of health says that nothing is healthy", () => {
  const heartbeat = { life: "a", number: 0, subnets: [], held: [], refused: [] };
  expect(decodeWith(heartbeatSchema, "read", heartbeat).healthy).toEqual([]);
  const told = { ...heartbeat, healthy: ["10.1.1.17", "fd00::1"] };
  expect(decodeWith(heartbeatSchema, "read", told).healthy).toEqual(told.healthy.map(parseAddress));
});

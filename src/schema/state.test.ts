import { describe, expect, test } from "vitest";
import { createPlan } from "../addressing/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import { type ClusterState, decodeState, encodeState } from "./state.ts";

const STATE: ClusterState = {
  networks: [
    {
      name: "main",
      plans: {
        ipv4: createPlan({
          prefix: parsePrefix("10.0.0.0/8"),
          hostBits: 8,
          tenantBits: 8,
          segmentBits: 4,
          endpointBits: 4,
        }),
      },
      groups: [],
      services: { ipv4: parsePrefix("172.20.0.0/16"), ipv6: parsePrefix("fd10::/112") },
    },
  ],
  hosts: [
    {
      name: "host-1",
      id: 1,
      group: [],
      underlay: { ipv4: parseAddress("192.0.2.1") },
      labels: new Map([["rack", "a"]]),
    },
  ],
  tenants: [{ name: "shop", id: 1, isolation: "segment", labels: new Map([["env", "prod"]]) }],
  segments: [
    {
      tenant: "shop",
      name: "web",
      codes: [{ code: 1, extraBits: 0 }],
      ports: [{ name: "http", protocol: 6, port: 80 }],
    },
  ],
  endpoints: [
    {
      network: "main",
      host: "host-1",
      tenant: "shop",
      segment: "web",
      code: { code: 1, extraBits: 0 },
      endpointId: 1,
      addresses: { ipv4: parseAddress("10.1.1.17") },
      name: "web-1",
      actsAs: "db",
      createdAt: 1,
    },
  ],
  policies: [
    {
      id: "a",
      tier: "standard",
      order: 1000,
      appliedTo: [{ kind: "host" }],
      isolates: ["ingress"],
      rules: [],
      established: "keep",
    },
  ],
  exceptions: [{ blocks: [parsePrefix("10.1.1.17/32")], tenant: "shop", segment: "db" }],
  services: [
    {
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
      health: {
        protocol: "http",
        port: "http",
        path: "/ready",
        interval: 1000,
        timeout: 200,
        failures: 3,
        successes: 1,
      },
      dnsName: "web.shop",
      externalId: "uid-1",
    },
  ],
  chains: [
    {
      name: "shop.inspected",
      network: "main",
      from: { kind: "any" },
      to: { kind: "service", service: "shop.web" },
      through: [{ tenant: "shop", segment: "db", fail: "open" }],
      direction: "both",
      places: { forward: [1, 2], reverse: [3, 4] },
    },
  ],
  fabrics: [
    {
      name: "leaf-spine",
      hostAsn: 65010,
      spines: [],
      racks: [
        { group: ["rack-1"], leaves: [{ name: "leaf-1", asn: 65011, routerId: parseAddress("192.0.2.1") }] },
      ],
      links: [],
      gracefulRestart: false,
      communities: { host: [], rack: [] },
    },
  ],
};

describe("decodeState()", () => {
  test("reads what encodeState() writes", () => {
    expect(decodeState(JSON.parse(JSON.stringify(encodeState(STATE))))).toEqual(STATE);
  });
  test.each([
    [{ hosts: undefined }, "hosts: is missing"],
    [{ polices: [] }, 'polices: unknown field, did you mean "policies"?'],
    [
      { exceptions: [{ blocks: [], tenant: "shop", segment: "db" }] },
      "exceptions.0.blocks: has fewer than 1 items",
    ],
    [
      { exceptions: [{ blocks: ["10.1.1.17/24"], tenant: "shop", segment: "db" }] },
      "has bits set behind its length",
    ],
    [{ policies: [{ id: "a" }] }, "policies.0.tier: is missing"],
  ])("refuses %j", (change, message) => {
    expect(() => decodeState({ ...encodeState(STATE), ...change })).toThrow(message);
  });
});

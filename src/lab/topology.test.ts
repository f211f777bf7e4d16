import { describe, expect, test } from "vitest";
import { formatAddress, formatPrefix } from "../net/index.ts";
import { decodeLab } from "../schema/lab.ts";
import { planTopology } from "./topology.ts";

const DIRECTORY = "/run/romana/lab/demo";

function document(change: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    name: "demo",
    network: {
      name: "main",
      plans: {
        ipv4: {
          prefix: "10.0.0.0/8",
          groupLevels: [{ name: "rack", bits: 4 }],
          hostBits: 8,
          tenantBits: 4,
          segmentBits: 4,
          endpointBits: 4,
        },
      },
      groups: [
        { name: "a", id: 1 },
        { name: "b", id: 2, router: { ipv4: "172.20.1.99" } },
        { name: "c", id: 3 },
      ],
    },
    hosts: [
      { name: "h1", group: "a" },
      { name: "h2", group: "b" },
      { name: "h3", group: "a" },
    ],
    tenants: [{ name: "t", segments: [{ name: "s" }] }],
    endpoints: [{ name: "e:1", host: "h1", tenant: "t", segment: "s" }],
    ...change,
  };
}

describe("planTopology()", () => {
  const lab = planTopology(decodeLab(document()), DIRECTORY);

  test("names every namespace after the lab and its role", () => {
    expect([lab.underlay, ...[...lab.hosts, ...lab.endpoints].map(({ namespace }) => namespace)]).toEqual([
      "romana-demo.underlay",
      "romana-demo.host.h1",
      "romana-demo.host.h2",
      "romana-demo.host.h3",
      "romana-demo.endpoint.e:1",
    ]);
  });
  test("gives each leaf group a bridge and each host an address on it", () => {
    expect(
      lab.bridges.map(({ name, group, prefixes }) => [
        name,
        group,
        formatPrefix(prefixes.ipv4),
        formatPrefix(prefixes.ipv6),
      ]),
    ).toEqual([
      ["br0", ["a"], "172.20.0.0/24", "fd72:6f6d:616e::/64"],
      ["br1", ["b"], "172.20.1.0/24", "fd72:6f6d:616e:1::/64"],
    ]);
    expect(
      lab.hosts.map(({ port, bridge, underlay }) => [
        port,
        bridge.name,
        formatAddress(underlay.ipv4),
        formatAddress(underlay.ipv6),
      ]),
    ).toEqual([
      ["port1", "br0", "172.20.0.1", "fd72:6f6d:616e::1"],
      ["port2", "br1", "172.20.1.1", "fd72:6f6d:616e:1::1"],
      ["port3", "br0", "172.20.0.2", "fd72:6f6d:616e::2"],
    ]);
  });
  test("makes the bridge the router of its group, unless the group names one or has no host", () => {
    const routers = lab.networks[0]?.groups.map(({ router }) => router.ipv4 && formatAddress(router.ipv4));
    expect(routers).toEqual(["172.20.0.254", "172.20.1.99", undefined]);
  });
  test("takes another underlay", () => {
    const other = planTopology(decodeLab(document({ underlay: { ipv4: "198.18.0.0/16" } })), DIRECTORY);
    expect(other.hosts.map(({ underlay }) => formatAddress(underlay.ipv4))).toEqual([
      "198.18.0.1",
      "198.18.1.1",
      "198.18.0.2",
    ]);
  });
  test("refuses an underlay inside a network", () => {
    const overlapping = document({ underlay: { ipv4: "10.5.0.0/16" } });
    expect(() => planTopology(decodeLab(overlapping), DIRECTORY)).toThrow(
      'Cannot plan lab: underlay.ipv4: 10.5.0.0/16 overlaps 10.0.0.0/8 of network "main"',
    );
  });
  test("refuses more hosts in a group than its /24 has room for", () => {
    const hosts = Array.from({ length: 254 }, (_, index) => ({ name: `h${index}`, group: "a" }));
    const crowded = decodeLab(document({ hosts, endpoints: [] }));
    expect(() => planTopology(crowded, DIRECTORY)).toThrow("hosts.253: more than 253 hosts in one group");
  });
});

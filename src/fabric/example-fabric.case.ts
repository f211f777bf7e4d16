import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Fabric, Host, Network } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";

/** Which device is cabled with which. */
const CABLES: readonly (readonly [string, string, string, string])[] = [
  ["spine-1", "172.31.0.0", "leaf-1a", "172.31.0.1"],
  ["spine-1", "172.31.0.2", "leaf-2a", "172.31.0.3"],
  ["spine-1", "172.31.0.4", "leaf-2b", "172.31.0.5"],
  ["spine-2", "172.31.1.0", "leaf-1a", "172.31.1.1"],
  ["spine-2", "172.31.1.2", "leaf-2a", "172.31.1.3"],
  ["spine-2", "172.31.1.4", "leaf-2b", "172.31.1.5"],
  ["leaf-2a", "172.31.2.0", "leaf-2b", "172.31.2.1"],
  ["leaf-2a", "172.17.0.0", "host-3", "172.17.0.1"],
  ["leaf-2b", "172.17.0.2", "host-3", "172.17.0.3"],
  ["leaf-2a", "172.17.0.4", "host-4", "172.17.0.5"],
];

/** Two spines; rack-1 has one leaf and a segment, rack-2 two leaves and cables. */
export const FABRIC: Fabric = {
  name: "small",
  hostAsn: 4200000000,
  spines: [
    { name: "spine-1", asn: 65000, routerId: parseAddress("192.0.2.1") },
    { name: "spine-2", asn: 65000, routerId: parseAddress("192.0.2.2") },
  ],
  racks: [
    {
      group: ["rack-1"],
      leaves: [
        {
          name: "leaf-1a",
          asn: 65101,
          routerId: parseAddress("192.0.2.11"),
          segment: { ipv4: parseAddress("172.16.1.1") },
        },
      ],
    },
    {
      group: ["rack-2"],
      leaves: [
        { name: "leaf-2a", asn: 65102, routerId: parseAddress("192.0.2.21") },
        { name: "leaf-2b", asn: 65102, routerId: parseAddress("192.0.2.22") },
      ],
    },
  ],
  links: CABLES.map(([a, left, b, right]) => ({
    ends: [
      { device: a, ipv4: parseAddress(left) },
      { device: b, ipv4: parseAddress(right) },
    ],
  })),
  bfd: { intervalMs: 100, multiplier: 3 },
  gracefulRestart: false,
  communities: { host: ["65000:100"], rack: ["65000:200", "65000:1:200"] },
};

/** IPv4; racks have /12, hosts /16. */
export const NETWORK: Network = {
  name: "default",
  plans: {
    ipv4: {
      family: 4,
      prefix: parsePrefix("10.0.0.0/8"),
      numbering: "literal",
      groupLevels: [{ name: "rack", bits: 4 }],
      hostBits: 4,
      tenantBits: 8,
      segmentBits: 4,
      endpointBits: 4,
      strideBits: 0,
      reservedEndpoints: [0],
    },
  },
  groups: [
    { name: "rack-1", id: 1, router: {}, groups: [] },
    { name: "rack-2", id: 2, router: {}, groups: [] },
  ],
};

/** A host of a rack. */
export function hostOf(name: string, id: number, rack: string, underlay: string): Host {
  return { name, id, group: [rack], underlay: { ipv4: parseAddress(underlay) } };
}

/** Two hosts in each rack. */
export const HOSTS: readonly Host[] = [
  hostOf("host-1", 1, "rack-1", "172.16.1.11"),
  hostOf("host-2", 2, "rack-1", "172.16.1.12"),
  hostOf("host-3", 1, "rack-2", "172.17.0.1"),
  hostOf("host-4", 2, "rack-2", "172.17.0.5"),
];

/** The text of a golden file. */
export function golden(name: string): string {
  return readFileSync(join(import.meta.dirname, "testdata", name), "utf8");
}

import type { Host, Network, Segment, SegmentBackends, Service } from "../model/index.ts";
import { parseAddress, parsePrefix } from "../net/index.ts";
import type { KnownServices } from "./service-rules.ts";

/** A host of {@link SHOP_NETWORK}: 10.N.0.0/16 and fd00:0:0:N::/64. */
export function shopHost(id: number): Host {
  return { name: `host-${id}`, id, group: [], underlay: {} };
}

/** A network of 255 hosts with services. */
export const SHOP_NETWORK: Network = {
  name: "main",
  plans: {
    ipv4: {
      family: 4,
      prefix: parsePrefix("10.0.0.0/8"),
      numbering: "literal",
      groupLevels: [],
      hostBits: 8,
      tenantBits: 4,
      segmentBits: 4,
      endpointBits: 8,
      strideBits: 0,
      reservedEndpoints: [0],
    },
    ipv6: {
      family: 6,
      prefix: parsePrefix("fd00::/48"),
      numbering: "literal",
      groupLevels: [],
      hostBits: 16,
      tenantBits: 16,
      segmentBits: 16,
      endpointBits: 32,
      strideBits: 0,
      reservedEndpoints: [0],
    },
  },
  groups: [],
  services: { ipv4: parsePrefix("172.30.0.0/24"), ipv6: parsePrefix("fd30::/112") },
};

/** The segment with its named port. */
export const WEB: Segment = {
  tenant: "shop",
  name: "web",
  codes: [{ code: 1, extraBits: 0 }],
  ports: [{ name: "http", protocol: 6, port: 8080 }],
};

/** A service in front of it. */
export function shopService(change: Partial<Service> = {}): Service {
  return {
    name: "www",
    network: "main",
    tenant: "shop",
    segment: "web",
    addresses: { ipv4: parseAddress("172.30.0.1"), ipv6: parseAddress("fd30::1") },
    ports: [{ protocol: "tcp", port: 80, targetPort: "http" }],
    ...change,
  };
}

/** Members of the segment, as `HOST.NUMBER`. */
export function shopBackends(members: readonly string[]): SegmentBackends {
  return {
    network: "main",
    tenant: "shop",
    segment: "web",
    backends: members.map((member) => {
      const [host, number] = member.split(".").map(Number) as [number, number];
      return {
        host: `host-${host}`,
        addresses: {
          ipv4: parseAddress(`10.${host}.17.${number}`),
          ipv6: parseAddress(`fd00:0:0:${host.toString(16)}:1:1:0:${number.toString(16)}`),
        },
      };
    }),
  };
}

/** What is known with one service, or others. */
export function shopKnown(
  members: readonly string[],
  services: readonly Service[] = [shopService()],
): KnownServices {
  return { networks: [SHOP_NETWORK], segments: [WEB], services, backends: [shopBackends(members)] };
}

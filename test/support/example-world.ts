import { createPlan, type PlanSpec } from "../../src/addressing/index.ts";
import type { Host, Network, SegmentCode, Tenant } from "../../src/model/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import type { World } from "../../src/policy/index.ts";

/** Widths of a plan; the prefix as text. */
export type PlanWidths = Omit<PlanSpec, "prefix"> & { readonly prefix: string };

/** The seed's IPv4 layout. */
export const SEED_IPV4: PlanWidths = {
  prefix: "10.0.0.0/8",
  hostBits: 8,
  tenantBits: 8,
  segmentBits: 4,
  endpointBits: 4,
};

/** An IPv6 layout with the same IDs and room. */
export const SEED_IPV6: PlanWidths = {
  prefix: "fd00:10::/32",
  hostBits: 24,
  tenantBits: 24,
  segmentBits: 16,
  endpointBits: 32,
};

/** A network without groups from the widths of its plans. */
export function network(name: string, ipv4?: PlanWidths, ipv6?: PlanWidths): Network {
  const plan = (widths: PlanWidths) => createPlan({ ...widths, prefix: parsePrefix(widths.prefix) });
  return {
    name,
    plans: { ...(ipv4 && { ipv4: plan(ipv4) }), ...(ipv6 && { ipv6: plan(ipv6) }) },
    groups: [],
  };
}

/** A host without groups. */
export function host(id: number): Host {
  return { name: `host-${id}`, id, group: [], underlay: {} };
}

/** Segment codes from their text: `5`, `5+2`, `5-2`. */
export function codes(...texts: string[]): SegmentCode[] {
  return texts.map((text) => {
    const [, code, extraBits] = /^([0-9]+)([+-][0-9]+)?$/.exec(text) as unknown as [string, string, string?];
    return { code: Number(code), extraBits: Number(extraBits ?? 0) };
  });
}

/** The seed's example, dual stack: two hosts, tenants with each kind of isolation, segments of one and more codes. */
export function exampleWorld(): World {
  const tenant = (id: number, name: string, isolation: Tenant["isolation"]): Tenant => ({
    id,
    name,
    isolation,
  });
  return {
    networks: [network("default", SEED_IPV4, SEED_IPV6)],
    hosts: [host(1), host(2)],
    tenants: [tenant(1, "acme", "segment"), tenant(2, "beta", "tenant"), tenant(3, "open", "none")],
    segments: [
      { tenant: "acme", name: "web", codes: codes("1") },
      { tenant: "acme", name: "db", codes: codes("2", "3", "17+1") },
      { tenant: "beta", name: "web", codes: codes("1") },
      { tenant: "beta", name: "db", codes: codes("2") },
      { tenant: "open", name: "web", codes: codes("1") },
    ],
  };
}

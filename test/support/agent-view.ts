import { encodeAddress } from "../../src/addressing/index.ts";
import type { Endpoint, Host } from "../../src/model/index.ts";
import { parseAddress } from "../../src/net/index.ts";
import type { HostSnapshot, WatchChange, WatchEvent } from "../../src/schema/index.ts";
import { exampleWorld, host, network, SEED_IPV4, SEED_IPV6 } from "./example-world.ts";

/** Host `id` of the example with its place in the underlay. */
export function underlayHost(id: number): Host {
  return {
    ...host(id),
    underlay: { ipv4: parseAddress(`192.168.0.${id}`), ipv6: parseAddress(`fd99::${id.toString(16)}`) },
  };
}

/** Endpoint `endpointId` of tenant acme, segment web, on host 1: 11 is 10.1.1.27. */
export function endpoint(
  endpointId: number,
  revision = 1,
  host = 1,
): Endpoint & { readonly revision: number } {
  const identity = { groups: [], host, tenant: 1, code: { code: 1, extraBits: 0 }, endpoint: endpointId };
  const { plans } = network("default", SEED_IPV4, SEED_IPV6);
  return {
    network: "default",
    host: `host-${host}`,
    tenant: "acme",
    segment: "web",
    code: identity.code,
    endpointId,
    addresses: {
      ...(plans.ipv4 && { ipv4: encodeAddress(plans.ipv4, identity) }),
      ...(plans.ipv6 && { ipv6: encodeAddress(plans.ipv6, identity) }),
    },
    name: `web-${endpointId}`,
    createdAt: 1_000_000 + endpointId,
    revision,
  };
}

/** The example as host 1 sees it, at revision 40. */
export function hostView(change: Partial<HostSnapshot> = {}): HostSnapshot {
  const world = exampleWorld();
  const at = <T>(object: T, index: number): T & { revision: number } => ({ ...object, revision: index + 1 });
  return {
    revision: 40,
    host: "host-1",
    networks: world.networks.map(at),
    hosts: [1, 2].map((id) => ({ ...underlayHost(id), revision: 10 + id })),
    tenants: world.tenants.map(at),
    segments: world.segments.map(at),
    policies: [],
    exceptions: [],
    relocations: [],
    virtualIps: [],
    services: [],
    chains: [],
    fabrics: [],
    backends: [],
    endpoints: [],
    ...change,
  };
}

/** An event of a watch. */
export function event(revision: number, ...changes: WatchChange[]): WatchEvent {
  return { revision, changes };
}

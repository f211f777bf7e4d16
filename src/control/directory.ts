import {
  decodeAddress,
  encodeAddress,
  type HostPosition,
  hostPosition,
  hostPrefix,
} from "../addressing/index.ts";
import {
  type AddressPair,
  type Endpoint,
  type Group,
  type Host,
  type HostDetails,
  type HostPrefixes,
  hasCode,
  type Network,
  plansOf,
  type SegmentCode,
} from "../model/index.ts";
import type { Address } from "../net/index.ts";
import type { Catalog } from "./catalog.ts";
import { hostIdKey, readSpot, type Spot, tenantIdKey } from "./keys.ts";
import { plugOf } from "./plug.ts";
import { decodeEndpointRecord, type EndpointRecord } from "./records.ts";

/** What the bits of an address say, in names. */
export interface Located extends Spot {
  /** Distance from the endpoint's own address inside its block; 0 without a stride. */
  readonly offset: bigint;
}

/** The addresses of an endpoint ID: one per plan of the network. They follow from the IDs and are stored nowhere. */
export function addressesOf(
  { plans: { ipv4, ipv6 } }: Network,
  position: HostPosition,
  tenant: number,
  code: SegmentCode,
  endpoint: number,
): AddressPair {
  const identity = { groups: position.groups, host: position.host, tenant, code, endpoint };
  return {
    ...(ipv4 && { ipv4: encodeAddress(ipv4, identity) }),
    ...(ipv6 && { ipv6: encodeAddress(ipv6, identity) }),
  };
}

/** The endpoint of a key and its value; undefined when either is damaged: the check tells more. */
export function endpointOf(spotText: string, value: string): Endpoint | undefined {
  const spot = readSpot(spotText);
  if (spot === undefined) return undefined;
  try {
    return joinEndpoint(spot, decodeEndpointRecord(value));
  } catch {
    return undefined;
  }
}

/** The endpoint at a spot. */
export function joinEndpoint(
  { network, host, tenant, code, endpointId }: Spot,
  record: EndpointRecord,
): Endpoint {
  const { segment, addresses, name, requestToken, actsAs, locatedOn, workload, createdAt } = record;
  const externalId = record.externalId ?? workload;
  return {
    network,
    host,
    tenant,
    segment,
    code,
    endpointId,
    addresses,
    ...(name !== undefined && { name }),
    ...(requestToken !== undefined && { requestToken }),
    ...(externalId !== undefined && { externalId }),
    ...(actsAs !== undefined && { actsAs }),
    ...(locatedOn !== undefined && { locatedOn }),
    ...plugOf(record),
    createdAt,
  };
}

/** Whose address it is by its bits; undefined when they name a host or tenant that is not there. */
export function locate(catalog: Catalog, address: Address): Located | undefined {
  for (const network of catalog.visibleNetworks()) {
    for (const plan of plansOf(network)) {
      const codesOfTenant = (id: number): SegmentCode[] => {
        const name = catalog.ownerOf(tenantIdKey(id));
        return name === undefined ? [] : catalog.codesOf(name);
      };
      const decoded = decodeAddress(plan, address, codesOfTenant);
      if (decoded === undefined) continue;
      const tenant = catalog.ownerOf(tenantIdKey(decoded.tenant));
      const group = groupPath(network.groups, decoded.groups);
      const host = group && catalog.ownerOf(hostIdKey(group, decoded.host));
      const { code, endpoint, offset } = decoded;
      if (tenant === undefined || host === undefined || endpoint === undefined) return undefined;
      return { network: network.name, host, tenant, code, endpointId: endpoint, offset };
    }
  }
  return undefined;
}

/** Worked out before, by the networks and then by the host: every agent that starts asks for all hosts. */
const KNOWN = new WeakMap<readonly Network[], WeakMap<Host, HostDetails>>();

/** The host with its prefix in each network where it has a place. */
export function hostDetails(networks: readonly Network[], host: Host): HostDetails {
  let known = KNOWN.get(networks);
  if (known === undefined) {
    known = new WeakMap();
    KNOWN.set(networks, known);
  }
  let details = known.get(host);
  if (details === undefined) {
    details = { ...host, prefixes: prefixesOf(networks, host) };
    known.set(host, details);
  }
  return details;
}

function prefixesOf(networks: readonly Network[], host: Host): HostPrefixes {
  const prefixes = new Map<string, HostPrefixes extends ReadonlyMap<string, infer P> ? P : never>();
  for (const network of networks) {
    try {
      const position = hostPosition(network, host);
      const { ipv4, ipv6 } = network.plans;
      prefixes.set(network.name, {
        ...(ipv4 && { ipv4: hostPrefix(ipv4, position) }),
        ...(ipv6 && { ipv6: hostPrefix(ipv6, position) }),
      });
    } catch (error) {
      if (!hasCode(error, "not-found") && !hasCode(error, "invalid-input")) throw error;
    }
  }
  return prefixes;
}

/** Names of groups by their IDs from the first level down; undefined when one is not there. */
function groupPath(groups: readonly Group[], ids: readonly number[]): string[] | undefined {
  const path: string[] = [];
  let level = groups;
  for (const id of ids) {
    const group = level.find((candidate) => candidate.id === id);
    if (group === undefined) return undefined;
    path.push(group.name);
    level = group.groups;
  }
  return path;
}

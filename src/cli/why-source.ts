import { encodeAddress, endpointIds, hostPosition, isAllocatable } from "../addressing/index.ts";
import type { Client } from "../client/index.ts";
import {
  type AddressPair,
  type Backend,
  type Chain,
  type Endpoint,
  hasCode,
  notFound,
  type Segment,
  type SegmentPlace,
  type Service,
  segmentPlaceText,
} from "../model/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import { type PolicyWorld, relocationsOf } from "../policy/index.ts";
import type { ClusterState } from "../schema/index.ts";
import { listAll } from "./resource.ts";
import { readWorld } from "./state-source.ts";

/** Everything that decides about traffic, and where it goes. */
export interface WhyWorld extends PolicyWorld {
  readonly services: readonly Service[];
  readonly chains: readonly Chain[];
}

/** Where `romana why` looks things up. */
export interface WhySource {
  readonly world: WhyWorld;
  /** By name or address. */
  findEndpoint(ref: string): Promise<Endpoint | undefined>;
  /** Some endpoint that policies take for one of this segment. */
  findMember(segment: Segment): Promise<Endpoint | undefined>;
  /** Endpoints that flows to a service or through a function go to: the healthy ones, where somebody knows. */
  findBackends(place: SegmentPlace): Promise<readonly Backend[]>;
}

/** Who one side of the question is. */
export interface WhyParty {
  /** As it was asked for, with what it stands for. */
  readonly text: string;
  readonly addresses: AddressPair;
}

/** Endpoints of a segment among which one is looked for. */
const MEMBERS = 100;

/** Looks things up in a state. */
export function sourceOfState(state: ClusterState): WhySource {
  const { endpoints, ...world } = state;
  return {
    world: { ...world, relocations: relocationsOf(world.networks, endpoints) },
    findEndpoint: async (ref) =>
      endpoints.find(({ name, addresses }) => name === ref || textsOf(addresses).includes(ref)),
    findMember: async (segment) => endpoints.find((endpoint) => isMember(endpoint, segment)),
    findBackends: async (place) => membersOf(endpoints, place),
  };
}

/** Looks things up in romanad. */
export async function sourceOfRomanad(client: Client): Promise<WhySource> {
  let backends: Promise<ReadonlyMap<string, readonly Backend[]>> | undefined;
  const world = await readWorld(client);
  const relocated = await listAll((query) =>
    client.call("listEndpoints", { query: { ...query, relocated: true } }),
  );
  return {
    world: { ...world, relocations: relocationsOf(world.networks, relocated) },
    findEndpoint: async (ref) => {
      try {
        return await client.call("getEndpoint", { params: { ref } });
      } catch (error) {
        if (hasCode(error, "not-found")) return undefined;
        throw error;
      }
    },
    findMember: async (segment) => {
      const query = { tenant: segment.tenant, segment: segment.name, limit: MEMBERS };
      const { items } = await client.call("listEndpoints", { query });
      return items.find((endpoint) => isMember(endpoint, segment));
    },
    findBackends: async (place) => {
      backends ??= readBackends(client);
      return (await backends).get(segmentPlaceText(place)) ?? [];
    },
  };
}

async function readBackends(client: Client): Promise<ReadonlyMap<string, readonly Backend[]>> {
  const all = await listAll((query) => client.call("listBackends", { query }));
  return new Map(all.map((one) => [segmentPlaceText(one), one.backends]));
}

/**
 * The addresses of an endpoint (by name or address), a segment (`TENANT/SEGMENT`: one of its endpoints, or the address
 * that one would have), a service, a host (its underlay), or any address.
 * @throws RomanaError `not-found`.
 */
export async function findParty(source: WhySource, text: string): Promise<WhyParty> {
  if (isAddress(text)) return { text, addresses: pairOf(text) };
  const slash = text.indexOf("/");
  if (slash >= 0) return await findSegment(source, text, text.slice(0, slash), text.slice(slash + 1));
  const endpoint = await source.findEndpoint(text);
  if (endpoint !== undefined) return { text, addresses: endpoint.addresses };
  const service = source.world.services.find(({ name }) => name === text);
  if (service !== undefined) return { text: `service ${text}`, addresses: service.addresses };
  const host = source.world.hosts.find(({ name }) => name === text);
  if (host === undefined) throw notFound("endpoint", text);
  return { text: `host ${text}`, addresses: host.underlay };
}

async function findSegment(source: WhySource, text: string, tenant: string, name: string): Promise<WhyParty> {
  const segment = source.world.segments.find((own) => own.tenant === tenant && own.name === name);
  if (segment === undefined) throw notFound("segment", text);
  const member = await source.findMember(segment);
  const addresses = member?.addresses ?? actingMember(source.world, segment);
  if (addresses !== undefined) return { text, addresses };
  return { text: `${text} (of which there is none yet)`, addresses: imagineMember(source.world, segment) };
}

/** The addresses of one of the endpoints that act as a segment; undefined when there is none. */
export function actingMember(
  { exceptions }: PolicyWorld,
  { tenant, name }: Segment,
): AddressPair | undefined {
  const exception = exceptions.find((one) => one.tenant === tenant && one.segment === name);
  if (exception === undefined) return undefined;
  const [ipv4, ipv6] = ([4, 6] as const).map((family) =>
    exception.blocks.find((block) => block.family === family),
  );
  return {
    ...(ipv4 && { ipv4: { family: 4, value: ipv4.value } }),
    ...(ipv6 && { ipv6: { family: 6, value: ipv6.value } }),
  };
}

/**
 * The addresses that the first endpoint of the segment would have on the first host.
 * @throws RomanaError `not-found` without a network or a host, or when the segment has no codes.
 */
export function imagineMember({ networks, hosts, tenants }: PolicyWorld, segment: Segment): AddressPair {
  const [network] = networks;
  const [host] = hosts;
  const [code] = segment.codes;
  const tenant = tenants.find(({ name }) => name === segment.tenant);
  if (network === undefined || host === undefined || code === undefined || tenant === undefined) {
    throw notFound("endpoint of segment", `${segment.tenant}/${segment.name}`);
  }
  const addressIn = (family: 4 | 6) => {
    const plan = network.plans[`ipv${family}`];
    if (plan === undefined) return undefined;
    let { first: endpoint } = endpointIds(plan, code.extraBits);
    while (!isAllocatable(plan, code.extraBits, endpoint)) endpoint++;
    return encodeAddress(plan, { ...hostPosition(network, host), tenant: tenant.id, code, endpoint });
  };
  const [ipv4, ipv6] = [addressIn(4), addressIn(6)];
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

function isMember({ tenant, segment, actsAs }: Endpoint, { tenant: owner, name }: Segment): boolean {
  return tenant === owner && (actsAs ?? segment) === name;
}

function pairOf(text: string): AddressPair {
  const address = parseAddress(text);
  return address.family === 4 ? { ipv4: address } : { ipv6: address };
}

function textsOf({ ipv4, ipv6 }: AddressPair): readonly string[] {
  return [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [formatAddress(address)]));
}

/** The endpoints of a segment in a network, as backends, when nobody says which are healthy. */
function membersOf(
  endpoints: readonly (Backend & {
    readonly network: string;
    readonly tenant: string;
    readonly segment: string;
    readonly actsAs?: string;
  })[],
  place: SegmentPlace,
): readonly Backend[] {
  return endpoints.filter(
    ({ network, tenant, segment, actsAs }) =>
      segmentPlaceText({ network, tenant, segment: actsAs ?? segment }) === segmentPlaceText(place),
  );
}

import { segmentKey, segmentMask, tenantKey, tenantMask } from "../addressing/index.ts";
import type { Chain, ChainEnd, Network, Service } from "../model/index.ts";
import { type Prefix, prefixesOverlap, prefixMask } from "../net/index.ts";
import type { World } from "./world.ts";

/** What the ends of chains are made of. */
export type ChainWorld = World & { readonly services: readonly Service[] };

/** A segment of a tenant. */
export type SegmentEnd = Extract<ChainEnd, { kind: "segment" }>;

/** The bits of addresses that an end fixes, and what they are. */
interface Bits {
  readonly mask: bigint;
  readonly value: bigint;
}

/** The segment that a chain leads to; undefined when its service is not known. */
export function chainTarget(services: readonly Service[], { to }: Pick<Chain, "to">): SegmentEnd | undefined {
  if (to.kind === "segment") return to;
  const service = services.find(({ name }) => name === to.service);
  return service && { kind: "segment", tenant: service.tenant, segment: service.segment };
}

/** True when some flow would belong to both chains: somebody is in both their `from`, and they lead to one segment. */
export function chainsOverlap(
  world: ChainWorld,
  a: Pick<Chain, "network" | "from" | "to">,
  b: Pick<Chain, "network" | "from" | "to">,
): boolean {
  if (a.network !== b.network) return false;
  const [own, other] = [chainTarget(world.services, a), chainTarget(world.services, b)];
  if (own === undefined || other === undefined) return false;
  if (own.tenant !== other.tenant || own.segment !== other.segment) return false;
  const network = world.networks.find(({ name }) => name === a.network);
  return network !== undefined && endsOverlap(world, network, a.from, b.from);
}

/** True when some address belongs to both ends. Tenants and segments are those of the network. */
function endsOverlap(world: World, network: Network, a: ChainEnd, b: ChainEnd): boolean {
  if (a.kind === "any" || b.kind === "any") return true;
  if (a.kind === "cidr") return holdsSomeOf(world, network, a.prefix, b);
  if (b.kind === "cidr") return holdsSomeOf(world, network, b.prefix, a);
  if (a.tenant !== b.tenant) return false;
  return a.kind === "tenant" || b.kind === "tenant" || a.segment === b.segment;
}

function holdsSomeOf(
  world: World,
  network: Network,
  prefix: Prefix,
  end: Exclude<ChainEnd, { kind: "any" }>,
): boolean {
  if (end.kind === "cidr") return prefixesOverlap(prefix, end.prefix);
  const mask = prefixMask(prefix.family, prefix.length);
  return bitsOf(world, network, prefix.family, end).some(
    (bits) => ((bits.value ^ prefix.value) & bits.mask & mask) === 0n,
  );
}

/** The bits of a tenant, or of each code of a segment; none where the network has no such family. */
function bitsOf(
  { tenants, segments }: World,
  network: Network,
  family: Prefix["family"],
  end: Exclude<ChainEnd, { kind: "any" | "cidr" }>,
): readonly Bits[] {
  const plan = network.plans[`ipv${family}`];
  const tenant = tenants.find(({ name }) => name === end.tenant);
  if (plan === undefined || tenant === undefined) return [];
  if (end.kind === "tenant") return [{ mask: tenantMask(plan), value: tenantKey(plan, tenant.id) }];
  const segment = segments.find((own) => own.tenant === end.tenant && own.name === end.segment);
  return (segment?.codes ?? []).map((code) => ({
    mask: segmentMask(plan, code.extraBits),
    value: segmentKey(plan, tenant.id, code),
  }));
}

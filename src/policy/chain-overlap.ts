import { segmentKey, segmentMask, tenantKey, tenantMask } from "../addressing/index.ts";
import type { Chain, ChainEnd, Service } from "../model/index.ts";
import { type Prefix, prefixesOverlap, prefixMask } from "../net/index.ts";
import type { World } from "./world.ts";

/** What the ends of chains are made of. */
export type ChainWorld = World & { readonly services: readonly Service[] };

/** A segment of a tenant. */
export type SegmentEnd = Extract<ChainEnd, { kind: "segment" }>;

/** What matters of a chain for whose traffic it takes. */
export type ChainEnds = Pick<Chain, "network" | "from" | "to" | "direction">;

/** An end with the network whose tenants and segments it names. */
interface Side {
  readonly network: string;
  readonly end: ChainEnd;
}

/** The segment that a chain leads to; undefined when its service is not known. */
export function chainTarget(services: readonly Service[], { to }: Pick<Chain, "to">): SegmentEnd | undefined {
  if (to.kind === "segment") return to;
  const service = services.find(({ name }) => name === to.service);
  return service && { kind: "segment", tenant: service.tenant, segment: service.segment };
}

/**
 * True when some packet would belong to both chains: they lead to one segment from senders that they share; or what goes
 * back in one of them is what the other one leads to its segment.
 */
export function chainsOverlap(world: ChainWorld, a: ChainEnds, b: ChainEnds): boolean {
  const [own, other] = [chainTarget(world.services, a), chainTarget(world.services, b)];
  if (own === undefined || other === undefined) return false;
  const from = { a: { network: a.network, end: a.from }, b: { network: b.network, end: b.from } };
  const to = { a: { network: a.network, end: own }, b: { network: b.network, end: other } };
  // What stays within one segment is in no chain that leads there, so it cannot be in two.
  if (sidesOverlap(world, to.a, to.b)) return sidesOverlap(world, from.a, from.b);
  if (a.direction === "forward" && b.direction === "forward") return false;
  return sidesOverlap(world, from.a, to.b) && sidesOverlap(world, to.a, from.b);
}

/** True when some address belongs to both. */
function sidesOverlap(world: World, a: Side, b: Side): boolean {
  const [one, other] = [a.end, b.end];
  if (one.kind === "any" || other.kind === "any") return true;
  if (one.kind === "cidr") return holdsSomeOf(world, one.prefix, b);
  if (other.kind === "cidr") return holdsSomeOf(world, other.prefix, a);
  if (a.network !== b.network || one.tenant !== other.tenant) return false;
  return one.kind === "tenant" || other.kind === "tenant" || one.segment === other.segment;
}

function holdsSomeOf(world: World, prefix: Prefix, side: Side): boolean {
  const { end } = side;
  if (end.kind === "any") return true;
  if (end.kind === "cidr") return prefixesOverlap(prefix, end.prefix);
  const mask = prefixMask(prefix.family, prefix.length);
  return bitsOf(world, side.network, prefix.family, end).some(
    (bits) => ((bits.value ^ prefix.value) & bits.mask & mask) === 0n,
  );
}

/** The bits that addresses of a tenant, or of each code of a segment, have in common. */
function bitsOf(
  { networks, tenants, segments }: World,
  networkName: string,
  family: Prefix["family"],
  end: Exclude<ChainEnd, { kind: "any" | "cidr" }>,
): readonly { readonly mask: bigint; readonly value: bigint }[] {
  const plan = networks.find(({ name }) => name === networkName)?.plans[`ipv${family}`];
  const tenant = tenants.find(({ name }) => name === end.tenant);
  if (plan === undefined || tenant === undefined) return [];
  if (end.kind === "tenant") return [{ mask: tenantMask(plan), value: tenantKey(plan, tenant.id) }];
  const segment = segments.find((own) => own.tenant === end.tenant && own.name === end.segment);
  return (segment?.codes ?? []).map((code) => ({
    mask: segmentMask(plan, code.extraBits),
    value: segmentKey(plan, tenant.id, code),
  }));
}

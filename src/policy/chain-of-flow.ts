import type { Chain, ChainEnd } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { type ChainWorld, chainTarget } from "./chain-overlap.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { placeOf } from "./place.ts";
import { identify, type PolicyWorld } from "./world.ts";

/**
 * The chain that a flow takes when its first packet goes from one address to another, by the name of the chain when
 * there are several; undefined: it goes straight. What machines send, and what a function of the chain begins itself,
 * goes straight.
 */
export function chainOfFlow(
  world: PolicyWorld & ChainWorld,
  chains: readonly Chain[],
  source: Address,
  destination: Address,
): Chain | undefined {
  if (placeOf(world, source).kind === "machine") return undefined;
  const receiver = ownerOf(world, destination);
  const to = identify(world, destination)?.network.name;
  if (receiver === undefined || to === undefined) return undefined;
  const sender = ownerOf(world, source);
  const from = identify(world, source)?.network.name;
  return chains
    .filter((chain) => {
      const target = chainTarget(world.services, chain);
      if (target === undefined || chain.network !== to || !isIn(receiver, target)) return false;
      const isLocal = sender !== undefined && from === chain.network;
      if (isLocal && chain.through.some((step) => isIn(sender, { kind: "segment", ...step }))) return false;
      return isFrom(chain.from, source, isLocal ? sender : undefined);
    })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))[0];
}

function isFrom(end: ChainEnd, source: Address, sender: Owner | undefined): boolean {
  if (end.kind === "any") return true;
  if (end.kind === "cidr") return prefixContains(end.prefix, source);
  return sender !== undefined && isIn(sender, end);
}

/** True when the owner is of the tenant and, if one is named, of the segment. */
function isIn(
  { tenant, segment }: Owner,
  end: { readonly tenant: string } & (
    | { readonly kind: "tenant" }
    | { readonly kind: "segment"; readonly segment: string }
  ),
): boolean {
  return tenant?.name === end.tenant && (end.kind === "tenant" || segment?.name === end.segment);
}

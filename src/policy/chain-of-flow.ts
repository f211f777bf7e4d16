import type { Chain, ChainEnd } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { type ChainWorld, chainTarget, type SegmentEnd } from "./chain-overlap.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { type Place, placeOf } from "./place.ts";
import { identify, type PolicyWorld } from "./world.ts";

/** A chain that packets pass, and whether in the order of its functions or the other way round. */
export interface Passage {
  readonly chain: Chain;
  readonly way: "forward" | "reverse";
}

/** One side of a packet. */
interface Party {
  readonly address: Address;
  readonly place: Place;
  /** Undefined when the address lies in none. */
  readonly network: string | undefined;
  readonly owner: Owner | undefined;
}

/**
 * The chain that packets from one address to another pass; the first one by name when there are several. Undefined: they go
 * straight, as do those of hosts themselves and of a chain's own functions.
 */
export function passageOf(
  world: PolicyWorld & ChainWorld,
  chains: readonly Chain[],
  source: Address,
  destination: Address,
): Passage | undefined {
  const [from, to] = [partyAt(world, source), partyAt(world, destination)];
  if (isOfHost(from, to) || isOfHost(to, from)) return undefined;
  for (const chain of chains.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const target = chainTarget(world.services, chain);
    if (target === undefined) continue;
    if (chain.through.some((step) => isMember(chain, step, from) || isMember(chain, step, to))) continue;
    if (leads(chain, target, from, to)) return { chain, way: "forward" };
    if (chain.direction === "both" && leads(chain, target, to, from)) return { chain, way: "reverse" };
  }
  return undefined;
}

function partyAt(world: PolicyWorld, address: Address): Party {
  return {
    address,
    place: placeOf(world, address),
    network: identify(world, address)?.network.name,
    owner: ownerOf(world, address),
  };
}

/** True for a host's own address in a network, and for the underlay's address of the host that the other side is on. */
function isOfHost({ place }: Party, other: Party): boolean {
  return place.kind === "machine" && (place.isGateway || place.host === other.place.host);
}

function leads(chain: Chain, target: SegmentEnd, sender: Party, receiver: Party): boolean {
  if (!isMember(chain, target, receiver) || isMember(chain, target, sender)) return false;
  return isFrom(chain, chain.from, sender);
}

function isFrom(chain: Chain, end: ChainEnd, party: Party): boolean {
  switch (end.kind) {
    case "any":
      return true;
    case "cidr":
      return prefixContains(end.prefix, party.address);
    case "tenant":
      return party.network === chain.network && party.owner?.tenant?.name === end.tenant;
    case "segment":
      return isMember(chain, end, party);
  }
}

function isMember(
  { network }: Chain,
  { tenant, segment }: { readonly tenant: string; readonly segment: string },
  party: Party,
): boolean {
  const { owner } = party;
  return party.network === network && owner?.tenant?.name === tenant && owner.segment?.name === segment;
}

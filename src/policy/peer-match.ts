import { type PolicyPeer, plansOf } from "../model/index.ts";
import { type Address, isSameAddress, prefixContains } from "../net/index.ts";
import { ownerOf } from "./owner.ts";
import { matchesLabels, selectsOwner } from "./selector.ts";
import type { PolicyWorld } from "./world.ts";

/**
 * True when the peer is whoever has this address. `host` is about where a packet comes from and not about its
 * address, so it never holds here.
 */
export function matchesPeer(world: PolicyWorld, peer: PolicyPeer, address: Address): boolean {
  switch (peer.kind) {
    case "any":
      return true;
    case "local":
      return isLocal(world, address);
    case "host":
      return false;
    case "hosts":
      return world.hosts.some(
        ({ underlay, labels }) =>
          [underlay.ipv4, underlay.ipv6].some((own) => own !== undefined && isSameAddress(own, address)) &&
          matchesLabels(peer.requirements, labels),
      );
    case "prefix":
      return (
        prefixContains(peer.prefix, address) && !peer.except.some((inner) => prefixContains(inner, address))
      );
    case "endpoints":
      return selectsOwner(peer, ownerOf(world, address));
    default:
      return peer satisfies never;
  }
}

function isLocal({ networks, exceptions }: PolicyWorld, address: Address): boolean {
  return (
    networks.some((network) => plansOf(network).some(({ prefix }) => prefixContains(prefix, address))) ||
    exceptions.some(({ blocks }) => blocks.some((block) => prefixContains(block, address)))
  );
}

import type { PolicyPeer } from "../model/index.ts";
import { prefixContains } from "../net/index.ts";
import type { Participant } from "./participant.ts";
import { matchesLabels, selectsOwner } from "./selector.ts";

/**
 * True when the peer is this participant. `host` is about where a packet comes from and not about its address, so it
 * never holds here.
 */
export function matchesPeer(peer: PolicyPeer, { address, owner, isLocal, hosts }: Participant): boolean {
  switch (peer.kind) {
    case "any":
      return true;
    case "local":
      return isLocal;
    case "host":
      return false;
    case "hosts":
      return hosts.some(({ labels }) => matchesLabels(peer.requirements, labels));
    case "prefix":
      return (
        prefixContains(peer.prefix, address) && !peer.except.some((inner) => prefixContains(inner, address))
      );
    case "endpoints":
      return selectsOwner(peer, owner);
    default:
      return peer satisfies never;
  }
}

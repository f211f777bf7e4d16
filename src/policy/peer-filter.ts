import type { Policy, PolicyPeer, Tier } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import type { Ask, DirectionAsks } from "./ask-order.ts";
import type { Participant } from "./participant.ts";
import { matchesPeer } from "./peer-match.ts";
import { PrefixSet } from "./prefix-set.ts";

/** Most kinds of participants that are remembered for rules of one kind of subject; then it starts anew. */
const MOST_KINDS = 10_000;

/** Of all that is asked, what may be about flows with this participant on the other side. */
export type PeerFilter = (asks: DirectionAsks, other: Participant) => DirectionAsks;

/** Leaves out rules that no peer lets match; they are looked through once for all participants that no peer tells apart. */
export function createPeerFilter(policies: readonly Policy[]): PeerFilter {
  const prefixes = new PrefixSet(peerPrefixes(policies).map((prefix, number) => [prefix, number] as const));
  const kinds = new WeakMap<Participant, string>();
  const filtered = new WeakMap<DirectionAsks, Map<string, DirectionAsks>>();
  const kindOf = (participant: Participant): string => {
    let kind = kinds.get(participant);
    if (kind === undefined) {
      const { owner, isLocal, hosts, address } = participant;
      kind = JSON.stringify([
        owner !== undefined,
        owner?.tenant?.name ?? null,
        owner?.segment?.name ?? null,
        isLocal,
        hosts.map(({ name }) => name),
        prefixes.holding(address),
      ]);
      kinds.set(participant, kind);
    }
    return kind;
  };
  return (asks, other) => {
    const byKind = filtered.get(asks) ?? new Map<string, DirectionAsks>();
    filtered.set(asks, byKind);
    const kind = kindOf(other);
    let found = byKind.get(kind);
    if (found === undefined) {
      found = withPeer(asks, other);
      if (byKind.size >= MOST_KINDS) byKind.clear();
      byKind.set(kind, found);
    }
    return found;
  };
}

function withPeer({ tiers, isolating }: DirectionAsks, other: Participant): DirectionAsks {
  // Whether it is the endpoint's own host depends on both sides.
  const mayBe = (peer: PolicyPeer): boolean => peer.kind === "host" || matchesPeer(peer, other);
  const pick = (tier: Tier): readonly Ask[] => tiers[tier].filter(({ rule }) => rule.peers.some(mayBe));
  return {
    tiers: { admin: pick("admin"), standard: pick("standard"), baseline: pick("baseline") },
    isolating,
  };
}

function peerPrefixes(policies: readonly Policy[]): readonly Prefix[] {
  return policies.flatMap(({ rules }) =>
    rules.flatMap(({ peers }) =>
      peers.flatMap((peer) => (peer.kind === "prefix" ? [peer.prefix, ...peer.except] : [])),
    ),
  );
}

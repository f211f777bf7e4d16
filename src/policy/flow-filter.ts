import type { Policy, PolicyPeer, Tier, TrafficMatch } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import type { Ask, DirectionAsks } from "./ask-order.ts";
import type { Flow } from "./flow.ts";
import type { Participant } from "./participant.ts";
import { matchesPeer } from "./peer-match.ts";
import { PrefixSet } from "./prefix-set.ts";
import { matchesTraffic } from "./traffic-match.ts";

/** Most answers that are remembered about one list of rules; then it starts anew. */
const MOST_ANSWERS = 10_000;

/** Of all that is asked, what may be about such flows with this participant on the other side. */
export type FlowFilter = (asks: DirectionAsks, other: Participant, flow: Flow) => DirectionAsks;

/**
 * Leaves out rules that no peer, or no traffic, lets match. They are looked through once for all participants that no
 * peer tells apart, and then once for each port.
 */
export function createFlowFilter(policies: readonly Policy[]): FlowFilter {
  const prefixes = new PrefixSet(peerPrefixes(policies).map((prefix, number) => [prefix, number] as const));
  const kinds = new WeakMap<Participant, string>();
  const byPeer = createMemory();
  const byTraffic = createMemory();
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
  return (asks, other, flow) => {
    const withPeer = byPeer(asks, kindOf(other), ({ rule }) => rule.peers.some((peer) => mayBe(peer, other)));
    const { protocol, port, icmp, destination } = flow;
    const traffic = `${destination.family} ${protocol} ${port} ${icmp?.type} ${icmp?.code}`;
    return byTraffic(withPeer, traffic, ({ rule }) => rule.traffic.some((match) => mayMatch(match, flow)));
  };
}

/** Whether it is the endpoint's own host depends on both sides. */
function mayBe(peer: PolicyPeer, other: Participant): boolean {
  return peer.kind === "host" || matchesPeer(peer, other);
}

/** What a port is called depends on whose it is. */
function mayMatch(match: TrafficMatch, flow: Flow): boolean {
  return match.portName !== undefined || matchesTraffic(match, flow, undefined);
}

/** Picks rules out of lists of them, and remembers what was picked under a key. */
function createMemory(): (asks: DirectionAsks, key: string, pick: (ask: Ask) => boolean) => DirectionAsks {
  const known = new WeakMap<DirectionAsks, Map<string, DirectionAsks>>();
  return (asks, key, pick) => {
    const answers = known.get(asks) ?? new Map<string, DirectionAsks>();
    known.set(asks, answers);
    let found = answers.get(key);
    if (found === undefined) {
      const { tiers, isolating } = asks;
      const of = (tier: Tier): readonly Ask[] => tiers[tier].filter(pick);
      found = {
        tiers: { admin: of("admin"), standard: of("standard"), baseline: of("baseline") },
        isolating,
      };
      if (answers.size >= MOST_ANSWERS) answers.clear();
      answers.set(key, found);
    }
    return found;
  };
}

function peerPrefixes(policies: readonly Policy[]): readonly Prefix[] {
  return policies.flatMap(({ rules }) =>
    rules.flatMap(({ peers }) =>
      peers.flatMap((peer) => (peer.kind === "prefix" ? [peer.prefix, ...peer.except] : [])),
    ),
  );
}

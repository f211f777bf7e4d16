import { type Direction, type PolicyPeer, type PolicyTarget, TIERS } from "../model/index.ts";
import { type Ask, type DirectionAsks, directionAsks } from "./ask-order.ts";
import type { Considered, DecidedBy, MatchedRule, PolicyDecision } from "./decision.ts";
import type { Flow } from "./flow.ts";
import { type Participant, type Participants, participantOf } from "./participant.ts";
import { matchesPeer } from "./peer-match.ts";
import { isEndpointTarget, isMachineTarget, type MachineTraffic } from "./target.ts";
import { matchesTraffic } from "./traffic-match.ts";
import type { PolicyWorld } from "./world.ts";

/** The flow as one of its sides sees it. */
interface Question {
  readonly asks: DirectionAsks;
  readonly flow: Flow;
  readonly destination: Participant;
  isTarget(target: PolicyTarget): boolean;
  isPeer(peer: PolicyPeer): boolean;
  /** What is settled behind the standard tier, where no rule settled anything. */
  behindStandard(): DecidedBy | undefined;
  /** What it is when nothing settles anything. */
  readonly otherwise: DecidedBy;
  readonly isBrief: boolean;
}

/** What a decision about an endpoint depends on besides the flow. */
export interface EndpointOptions {
  /** The other side is a process (ingress) or an address (egress) of the machine that the endpoint runs on. */
  readonly ownHost?: boolean;
  /** Leaves `considered` empty, which takes longer to write down than to find out. */
  readonly isBrief?: boolean;
}

/**
 * What policies and the isolation of tenants say of a flow of an endpoint: its source in egress, its destination in
 * ingress. This is the slow, obviously right evaluator (ADR 0014): it reads policies one by one and knows nothing of
 * the rule model, so it can be the oracle of what is compiled.
 */
export function evaluateEndpoint(
  world: PolicyWorld,
  direction: Direction,
  flow: Flow,
  options: EndpointOptions = {},
): PolicyDecision {
  const asks = directionAsks(world.policies, direction);
  return decideEndpoint(asks, direction, flow, participantsOf(world, flow), options);
}

/**
 * What policies with the targets `host` and `machine` say of a flow of a machine itself: its source in egress, its
 * destination in ingress. The safety net and what is established come before it, gateway services behind it.
 */
export function evaluateMachine(
  world: PolicyWorld,
  direction: Direction,
  traffic: MachineTraffic,
): PolicyDecision {
  const asks = directionAsks(world.policies, direction);
  return decideMachine(asks, direction, traffic, participantsOf(world, traffic.flow));
}

function participantsOf(world: PolicyWorld, { source, destination }: Flow): Participants {
  return { source: participantOf(world, source), destination: participantOf(world, destination) };
}

/** {@link evaluateEndpoint} with what was found before. The asks may leave out policies that are not about the subject. */
export function decideEndpoint(
  asks: DirectionAsks,
  direction: Direction,
  flow: Flow,
  participants: Participants,
  { ownHost = false, isBrief = false }: EndpointOptions,
): PolicyDecision {
  const { source, destination } = participants;
  const isIngress = direction === "ingress";
  const [subject, other] = isIngress ? [destination, source] : [source, destination];
  const isFromOwnHost = ownHost && isIngress;
  const isTarget = (target: PolicyTarget): boolean => isEndpointTarget(target, subject);
  return decide({
    asks,
    flow,
    destination,
    isTarget,
    isPeer: (peer) => {
      if (peer.kind === "host") return ownHost;
      return !isFromOwnHost && matchesPeer(peer, other);
    },
    behindStandard: () => {
      if (isFromOwnHost) return undefined;
      const shared = isIngress ? sharedIdentity(participants) : undefined;
      if (shared !== undefined) return shared;
      return isolationByPolicies(asks, isTarget) ?? (isIngress ? isolationByTenant(subject) : undefined);
    },
    otherwise: { kind: isFromOwnHost ? "own-host" : "open" },
    isBrief,
  });
}

/** {@link evaluateMachine} with what was found before. The asks may leave out policies that are not about machines. */
export function decideMachine(
  asks: DirectionAsks,
  direction: Direction,
  traffic: MachineTraffic,
  { source, destination }: Participants,
  { isBrief = false }: Pick<EndpointOptions, "isBrief"> = {},
): PolicyDecision {
  const [own, other] = direction === "ingress" ? [destination, source] : [source, destination];
  const isTarget = (target: PolicyTarget): boolean => isMachineTarget(target, traffic, own.address);
  return decide({
    asks,
    flow: traffic.flow,
    // The ports of a machine have no names, whoever's address it uses.
    destination: direction === "ingress" ? { ...destination, owner: undefined } : destination,
    isTarget,
    isPeer: (peer) => matchesPeer(peer, other),
    behindStandard: () => isolationByPolicies(asks, isTarget),
    otherwise: { kind: "open" },
    isBrief,
  });
}

function decide(question: Question): PolicyDecision {
  const considered: Considered[] = [];
  const logged: MatchedRule[] = [];
  const settle = (decidedBy: DecidedBy, verdict: "accept" | "drop", stateful = true): PolicyDecision => {
    return { verdict, stateful, decidedBy, logged, considered };
  };
  for (const tier of TIERS) {
    if (tier === "baseline") {
      const settled = question.behindStandard();
      if (settled !== undefined) return settle(settled, settled.kind === "isolated" ? "drop" : "accept");
    }
    for (const ask of question.asks.tiers[tier]) {
      const outcome = outcomeOf(question, ask);
      if (!question.isBrief) note(considered, outcome, ask);
      if (outcome !== "matched") continue;
      const { verdict, stateful } = ask.rule;
      const matched = matchedRule(ask);
      if (verdict === "log") logged.push(matched);
      else if (verdict === "pass") break;
      else return settle({ kind: "rule", ...matched }, verdict, stateful);
    }
  }
  return settle(question.otherwise, "accept");
}

function outcomeOf(question: Question, { policy, rule }: Ask): Considered["outcome"] {
  const { flow, destination } = question;
  const targets = policy.appliedTo.filter((target) => question.isTarget(target));
  const peers = rule.peers.filter((peer) => question.isPeer(peer));
  if (targets.length === 0) return "target";
  if (peers.length === 0) return "peer";
  const hasNames = (rule.direction === "ingress" ? targets : peers).some(({ kind }) => NAMED.has(kind));
  const owner = hasNames ? destination.owner : undefined;
  return rule.traffic.some((match) => matchesTraffic(match, flow, owner)) ? "matched" : "traffic";
}

/** Destinations whose ports have names: a bare prefix, or a host, has none. */
const NAMED: ReadonlySet<(PolicyTarget | PolicyPeer)["kind"]> = new Set(["endpoints", "any", "local"]);

/** Adds what was asked; a policy that is not about the subject is there once and not for each of its rules. */
function note(considered: Considered[], outcome: Considered["outcome"], ask: Ask): void {
  if (outcome !== "target") considered.push({ outcome, ...matchedRule(ask) });
  else if (!considered.some((before) => before.outcome === "target" && before.policy === ask.policy.id)) {
    considered.push({ outcome, policy: ask.policy.id, tier: ask.policy.tier });
  }
}

function matchedRule({ policy, rule, index }: Ask): MatchedRule {
  const { name, verdict } = rule;
  return {
    policy: policy.id,
    rule: index,
    ...(name !== undefined && { ruleName: name }),
    tier: policy.tier,
    verdict,
  };
}

/** What lets both sides talk because they are of one tenant, or of one segment. */
function sharedIdentity({
  source: { owner: from },
  destination: { owner: to },
}: Participants): DecidedBy | undefined {
  if (to?.tenant === undefined || from?.tenant !== to.tenant) return undefined;
  if (to.tenant.isolation === "tenant") return { kind: "same-tenant" };
  const isSameSegment = to.segment !== undefined && from.segment === to.segment;
  return to.tenant.isolation === "segment" && isSameSegment ? { kind: "same-segment" } : undefined;
}

function isolationByPolicies(
  { isolating }: DirectionAsks,
  isTarget: (target: PolicyTarget) => boolean,
): DecidedBy | undefined {
  const own = isolating.filter(({ appliedTo }) => appliedTo.some(isTarget));
  return own.length === 0
    ? undefined
    : { kind: "isolated", by: "policies", policies: own.map(({ id }) => id) };
}

function isolationByTenant({ owner }: Participant): DecidedBy | undefined {
  if (owner?.tenant === undefined) return { kind: "isolated", by: "unknown-identity" };
  return owner.tenant.isolation === "none" ? undefined : { kind: "isolated", by: "tenant" };
}

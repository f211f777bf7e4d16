import { type Direction, type PolicyPeer, type PolicyTarget, TIERS } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { type Ask, askOrder, isolatingPolicies } from "./ask-order.ts";
import type { Considered, DecidedBy, MatchedRule, PolicyDecision } from "./decision.ts";
import type { Flow } from "./flow.ts";
import { type Owner, ownerOf } from "./owner.ts";
import { matchesPeer } from "./peer-match.ts";
import { selectsOwner } from "./selector.ts";
import { matchesTraffic } from "./traffic-match.ts";
import type { PolicyWorld } from "./world.ts";

/** The flow as one of its sides sees it. */
interface Question {
  readonly world: PolicyWorld;
  readonly direction: Direction;
  readonly flow: Flow;
  isTarget(target: PolicyTarget): boolean;
  isPeer(peer: PolicyPeer): boolean;
  /** Whose ports the names of ports mean; a machine's ports have no names. */
  readonly destination: Owner | undefined;
  /** What is settled behind the standard tier, where no rule settled anything. */
  behindStandard(): DecidedBy | undefined;
  /** What it is when nothing settles anything. */
  readonly otherwise: DecidedBy;
}

/** A flow of a machine itself. */
export interface MachineTraffic {
  readonly flow: Flow;
  /** Where the packet comes in or goes out. */
  readonly interfaceName: string;
  /** The other side is an endpoint of this machine; targets `host` only count then. */
  readonly isOwnEndpoint: boolean;
}

/**
 * What policies and the isolation of tenants say of a flow of an endpoint: its source in egress, its destination in
 * ingress. This is the slow, obviously right evaluator (ADR 0014): it reads policies one by one and knows nothing of
 * the rule model, so it can be the oracle of what is compiled.
 *
 * `ownHost`: the other side is a process (ingress) or an address (egress) of the machine that the endpoint runs on.
 */
export function evaluateEndpoint(
  world: PolicyWorld,
  direction: Direction,
  flow: Flow,
  { ownHost = false }: { readonly ownHost?: boolean } = {},
): PolicyDecision {
  const isIngress = direction === "ingress";
  const [subject, other] = isIngress ? [flow.destination, flow.source] : [flow.source, flow.destination];
  const isFromOwnHost = ownHost && isIngress;
  const isTarget = (target: PolicyTarget): boolean => isEndpointTarget(world, target, subject);
  return decide({
    world,
    direction,
    flow,
    isTarget,
    destination: ownerOf(world, flow.destination),
    isPeer: (peer) => {
      if (peer.kind === "host") return ownHost;
      return !isFromOwnHost && matchesPeer(world, peer, other);
    },
    behindStandard: () => {
      if (isFromOwnHost) return undefined;
      if (isIngress) {
        const shared = sharedIdentity(world, flow);
        if (shared !== undefined) return shared;
      }
      const isolated = isolationByPolicies(world, direction, isTarget);
      return isolated ?? (isIngress ? isolationByTenant(world, subject) : undefined);
    },
    otherwise: { kind: isFromOwnHost ? "own-host" : "open" },
  });
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
  const { flow } = traffic;
  const [own, other] =
    direction === "ingress" ? [flow.destination, flow.source] : [flow.source, flow.destination];
  const isTarget = (target: PolicyTarget): boolean => isMachineTarget(target, traffic, own);
  return decide({
    world,
    direction,
    flow,
    isTarget,
    destination: direction === "ingress" ? undefined : ownerOf(world, flow.destination),
    isPeer: (peer) => matchesPeer(world, peer, other),
    // Target `host` lets in what endpoints may send to it; what it does not name is for the gateway services to decide.
    behindStandard: () =>
      isolationByPolicies(world, direction, (target) => target.kind === "machine" && isTarget(target)),
    otherwise: { kind: "open" },
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
    for (const ask of askOrder(question.world.policies, tier, question.direction)) {
      const outcome = outcomeOf(question, ask);
      note(considered, outcome, ask);
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
  if (!policy.appliedTo.some((target) => question.isTarget(target))) return "target";
  if (!rule.peers.some((peer) => question.isPeer(peer))) return "peer";
  return rule.traffic.some((match) => matchesTraffic(match, flow, destination)) ? "matched" : "traffic";
}

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

function isEndpointTarget(world: PolicyWorld, target: PolicyTarget, subject: Address): boolean {
  switch (target.kind) {
    case "endpoints":
      return selectsOwner(target, ownerOf(world, subject));
    case "prefix":
      return prefixContains(target.prefix, subject);
    case "host":
    case "machine":
      return false;
    default:
      return target satisfies never;
  }
}

function isMachineTarget(target: PolicyTarget, traffic: MachineTraffic, own: Address): boolean {
  switch (target.kind) {
    case "endpoints":
    case "prefix":
      return false;
    case "host":
      return traffic.isOwnEndpoint;
    case "machine":
      return (
        (target.interfaces?.includes(traffic.interfaceName) ?? true) &&
        (target.addresses?.some((prefix) => prefixContains(prefix, own)) ?? true)
      );
    default:
      return target satisfies never;
  }
}

/** What lets both sides talk because they are of one tenant, or of one segment. */
function sharedIdentity(world: PolicyWorld, flow: Flow): DecidedBy | undefined {
  const from = ownerOf(world, flow.source);
  const to = ownerOf(world, flow.destination);
  if (to?.tenant === undefined || from?.tenant !== to.tenant) return undefined;
  if (to.tenant.isolation === "tenant") return { kind: "same-tenant" };
  const isSameSegment = to.segment !== undefined && from.segment === to.segment;
  return to.tenant.isolation === "segment" && isSameSegment ? { kind: "same-segment" } : undefined;
}

function isolationByPolicies(
  { policies }: PolicyWorld,
  direction: Direction,
  isTarget: (target: PolicyTarget) => boolean,
): DecidedBy | undefined {
  const isolating = isolatingPolicies(policies, direction).filter(({ appliedTo }) =>
    appliedTo.some(isTarget),
  );
  if (isolating.length === 0) return undefined;
  return { kind: "isolated", by: "policies", policies: isolating.map(({ id }) => id) };
}

function isolationByTenant(world: PolicyWorld, subject: Address): DecidedBy | undefined {
  const tenant = ownerOf(world, subject)?.tenant;
  if (tenant === undefined) return { kind: "isolated", by: "unknown-identity" };
  return tenant.isolation === "none" ? undefined : { kind: "isolated", by: "tenant" };
}

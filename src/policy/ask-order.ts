import type { Direction, Policy, PolicyRule, PolicyVerdict, Tier } from "../model/index.ts";

/** A rule with its policy and its place in it. */
export interface Ask {
  readonly policy: Policy;
  readonly rule: PolicyRule;
  readonly index: number;
}

/** Rank of verdicts among rules of one order in the standard tier: the more it takes away, the earlier. */
const RANK: Readonly<Record<PolicyVerdict, number>> = { log: 0, drop: 1, pass: 2, accept: 3 };

/**
 * The rules of a tier and direction in the order in which they are asked (ADR 0014): by the order of their policies;
 * then in the standard tier by verdict; then by the ID of the policy and the place in it.
 */
function askOrder(policies: readonly Policy[], tier: Tier, direction: Direction): readonly Ask[] {
  const rank = ({ rule }: Ask): number => (tier === "standard" ? RANK[rule.verdict] : 0);
  return policies
    .filter((policy) => policy.tier === tier)
    .flatMap((policy) => policy.rules.map((rule, index): Ask => ({ policy, rule, index })))
    .filter(({ rule }) => rule.direction === direction)
    .sort(
      (a, b) =>
        a.policy.order - b.policy.order ||
        rank(a) - rank(b) ||
        compareText(a.policy.id, b.policy.id) ||
        a.index - b.index,
    );
}

/** The policies that isolate a direction, by order and ID. */
function isolatingPolicies(policies: readonly Policy[], direction: Direction): readonly Policy[] {
  return policies
    .filter(({ isolates }) => isolates.includes(direction))
    .sort((a, b) => a.order - b.order || compareText(a.id, b.id));
}

/** By code units, so that every machine agrees. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What is asked in one direction. */
export interface DirectionAsks {
  readonly tiers: Readonly<Record<Tier, readonly Ask[]>>;
  /** Policies that isolate, by order and ID. */
  readonly isolating: readonly Policy[];
}

/** Everything that policies have to say about a direction, in the order in which it is asked. */
export function directionAsks(policies: readonly Policy[], direction: Direction): DirectionAsks {
  return {
    tiers: {
      admin: askOrder(policies, "admin", direction),
      standard: askOrder(policies, "standard", direction),
      baseline: askOrder(policies, "baseline", direction),
    },
    isolating: isolatingPolicies(policies, direction),
  };
}

import type { Direction, Tier } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Scope } from "../rules/index.ts";
import type { ShapeSet } from "./layer-sets.ts";
import type { PolicyLayer, PolicyRules } from "./policy-rules.ts";
import { fieldsOf, isBetween } from "./shape.ts";
import type { SideClass } from "./sides.ts";
import type { Chain, Match, PacketLog, Rule } from "./table.ts";

/** What policies say of one kind of traffic, as chains. */
export interface PolicyQuestion {
  /** Name of the chain to go to, or to jump to. */
  readonly name: string;
  readonly family: Family;
  readonly scope: Scope;
  readonly direction: Direction;
  /** Whom subject and peer may be. */
  readonly subjects: ReadonlySet<SideClass>;
  readonly peers: ReadonlySet<SideClass>;
  /** What `accept` is: `return` when other rules are asked behind it. */
  readonly accepted: "accept" | "return";
  /** What it is when nothing decides; as `accepted` without it. */
  readonly undecided?: "return";
  /** Rules behind the standard tier, before isolation by policies and baseline. */
  readonly shared: readonly Rule[];
  /** Rules behind the isolation by policies; one that accepts asks the baseline tier. */
  readonly defaults: readonly Rule[];
  /** The rule for subjects that policies isolate; absent: nobody is isolated. */
  readonly isolated?: (matches: readonly Match[]) => Rule;
}

/** How drops and logs are written. */
export interface RuleWriting {
  readonly drop: (counter: "denied", ...matches: readonly Match[]) => Rule;
  readonly log: PacketLog;
}

/**
 * Chains of one question, in an order in which each stands before those that go to it. Empty layers have no rules, but
 * the chain that is asked for is always there.
 *
 *     NAME            admin layers; pass or end → NAME_standard
 *     NAME_standard   standard layers, shared identities, isolation, defaults; → NAME_baseline
 *     NAME_behind     the rest of NAME_standard, when a standard layer passes
 *     NAME_baseline   baseline layers; end: accepted
 */
export function questionChains(
  rules: PolicyRules,
  question: PolicyQuestion,
  writing: RuleWriting,
): readonly Chain[] {
  const { name, family, scope, direction } = question;
  const undecided = { kind: question.undecided ?? question.accepted } as const;
  const { tiers, isolated } = rules.direction(family, scope, direction);
  const names: Readonly<Record<Tier, string>> = {
    admin: name,
    standard: tiers.admin.length > 0 ? `${name}_standard` : name,
    baseline: `${name}_baseline`,
  };
  const rulesOf = (tier: Tier, next: string | undefined): readonly Rule[] =>
    tiers[tier].flatMap((layer) => layerRules(question, layer, next, writing));
  const baseline = rulesOf("baseline", undefined);
  const behind: Rule =
    baseline.length > 0
      ? { matches: [], verdict: { kind: "goto", chain: names.baseline } }
      : { matches: [], verdict: undecided };
  const isolation = question.isolated ? lookups(question, isolated.sets).map(question.isolated) : [];
  const tail: readonly Rule[] = [
    ...question.shared,
    ...isolation,
    ...question.defaults.map((rule) =>
      rule.verdict.kind === "accept" ? { ...rule, verdict: behind.verdict } : rule,
    ),
    behind,
  ];
  const passes = tiers.standard.some(({ verdict }) => verdict === "pass");
  const behindStandard = `${name}_behind`;
  const standard: Chain = {
    name: names.standard,
    rules: [
      ...rulesOf("standard", behindStandard),
      ...(passes ? [{ matches: [], verdict: { kind: "goto", chain: behindStandard } } as const] : tail),
    ],
  };
  return [
    ...(baseline.length > 0 ? [{ name: names.baseline, rules: baseline }] : []),
    ...(passes ? [{ name: behindStandard, rules: tail }] : []),
    standard,
    ...(tiers.admin.length > 0
      ? [
          {
            name,
            rules: [
              ...rulesOf("admin", names.standard),
              { matches: [], verdict: { kind: "goto", chain: names.standard } } as const,
            ],
          },
        ]
      : []),
  ];
}

/** Rules that keep stateless traffic from connection tracking. */
export function stateless(
  rules: PolicyRules,
  family: Family,
  scope: Scope,
  direction: Direction,
): readonly Rule[] {
  const { sets } = rules.direction(family, scope, direction).stateless;
  const ends = endsOf(direction);
  return sets.flatMap((set) => {
    const { subject, peer } = set.shape;
    const isNoException = [
      ...(subject.class === "identity" ? exceptionMatches(rules, family, ends.subject, true) : []),
      ...(peer.class === "identity" ? exceptionMatches(rules, family, ends.peer, true) : []),
    ];
    return setMatches(set, direction).map(
      (matches): Rule => ({ matches: [...isNoException, ...matches], verdict: { kind: "notrack" } }),
    );
  });
}

/** Look-ups that find an exception at one end of a packet: one of them holds, or, negated, all. */
export function exceptionMatches(
  rules: PolicyRules,
  family: Family,
  field: "source" | "destination",
  negated: boolean,
): readonly Match[] {
  return rules
    .exceptions(family)
    .map(({ mask, set }) => ({ kind: "lookup", key: [{ field, family, mask }], set: set.name, negated }));
}

/**
 * Look-ups of sets, as far as they are about such parties. They need no order among them, so that sets of exact keys are
 * first: a look-up of a hash costs next to nothing, one of thousands of ranges microseconds.
 */
export function lookups(
  { subjects, peers, direction }: Pick<PolicyQuestion, "subjects" | "peers" | "direction">,
  sets: readonly ShapeSet[],
): readonly (readonly Match[])[] {
  return sets
    .filter((set) => isBetween(set.shape, subjects, peers))
    .sort((a, b) => Number(a.shape.hasRanges) - Number(b.shape.hasRanges))
    .flatMap((set) => setMatches(set, direction));
}

function layerRules(
  question: PolicyQuestion,
  { verdict, sets }: PolicyLayer,
  next: string | undefined,
  { drop, log }: RuleWriting,
): readonly Rule[] {
  return lookups(question, sets.sets).map((matches): Rule => {
    switch (verdict) {
      case "accept":
        return { matches, verdict: { kind: question.accepted } };
      case "drop":
        return drop("denied", ...matches);
      case "log":
        return { matches, log, verdict: { kind: "continue" } };
      case "pass":
        return {
          matches,
          verdict:
            next === undefined
              ? { kind: question.undecided ?? question.accepted }
              : { kind: "goto", chain: next },
        };
    }
  });
}

/** The ways in which a packet can match a set: machines with several interfaces and addresses have several. */
function setMatches({ name, shape }: ShapeSet, direction: Direction): readonly (readonly Match[])[] {
  const ends = endsOf(direction);
  const lookup: Match = { kind: "lookup", key: fieldsOf(shape, ends.subject), set: name, negated: false };
  const { interfaces, addresses } = shape.subject;
  const kind = direction === "ingress" ? "input-name" : "output-name";
  const devices: readonly (readonly Match[])[] = interfaces?.map((device) => [{ kind, name: device }]) ?? [
    [],
  ];
  const own: readonly (readonly Match[])[] = addresses?.map((prefix): readonly Match[] =>
    prefix.length === 0 ? [] : [{ kind: ends.subject, prefix }],
  ) ?? [[]];
  return devices.flatMap((device) => own.map((address) => [...device, ...address, lookup]));
}

function endsOf(direction: Direction): {
  readonly subject: "source" | "destination";
  readonly peer: "source" | "destination";
} {
  return direction === "ingress"
    ? { subject: "destination", peer: "source" }
    : { subject: "source", peer: "destination" };
}

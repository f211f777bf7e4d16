import { type Direction, type PolicyVerdict, TIERS, type Tier } from "../../model/index.ts";
import type { Family } from "../../net/index.ts";
import type { DirectionRules, Party, RuleEntry, RuleLayer } from "../../rules/index.ts";
import { isolationEntry } from "../policy-rules.ts";
import { type Clause, clauseRules } from "./clause.ts";
import { dropChain, LOG_CHAIN } from "./drop-chains.ts";
import { type Destination, goText, type IptablesChain, type IptablesRule, ruleEnding } from "./input.ts";
import type { SideKind, SideMatch } from "./pattern.ts";
import type { SetBook } from "./set-book.ts";
import { trafficText } from "./traffic.ts";

/** What is known of both sides of a packet: each is an exception, or else who its bits say. */
export interface Sides {
  readonly subject: SideKind;
  readonly peer: SideKind;
}

/** A side's match with the words that only some hooks know. */
export interface SubjectMatch {
  readonly match: SideMatch;
  readonly extra?: string;
}

/** One direction as one hook asks it. */
export interface Question {
  /** Part of the names of its chains. */
  readonly name: string;
  readonly direction: Direction;
  readonly rules: DirectionRules;
  readonly family: Family;
  readonly sets: SetBook;
  /** Blocks of exceptions, all of the family. */
  readonly exceptions: readonly string[];
  /** Sides that may be exceptions; others are what their bits say. */
  readonly asksFor: readonly (keyof Sides)[];
  subjects(party: Party, sides: Sides): readonly SubjectMatch[];
  peers(party: Party, sides: Sides): readonly SideMatch[];
  /** Rules between the standard and the baseline tier. */
  behindStandard(sides: Sides, baseline: Destination): readonly IptablesRule[];
  /** Where a packet goes that a rule accepts. */
  readonly accepted: Destination;
  /** Where it goes when no rule settles anything. */
  readonly otherwise: Destination;
}

const TIER_NAMES: Readonly<Record<Tier, string>> = { admin: "ADMIN", standard: "STD", baseline: "BASE" };

/** Chains, and where to go to enter them. */
export interface Entrance {
  readonly chains: readonly IptablesChain[];
  readonly entry: Destination;
}

/**
 * The chains that ask all tiers of a direction: one per tier, and one for what stands before the baseline tier, each
 * left by `-g` for good. A chain without rules is left out. Where there are exceptions, one more chain goes first,
 * which asks whether a side is one.
 */
export function tierChains(question: Question): Entrance {
  const combinations = sideCombinations(question);
  const variants = combinations.map((sides) => ({ sides, ...variantChains(question, sides) }));
  const chains = variants.flatMap((variant) => variant.chains);
  const plain = variants.at(-1) as (typeof variants)[0];
  if (variants.length === 1 || chains.length === 0) return { chains, entry: plain.entry };
  const rules = variants.map(({ sides, entry }) => ({
    text: [...sideWords(question, sides, false), goText(entry)].join(" "),
  }));
  const name = `ROMANA-${question.name}`;
  return { chains: [{ name, rules }, ...chains], entry: { chain: name } };
}

/** Words that hold for packets with these sides; in a chain that asks for exceptions first, the others are left over. */
export function sideWords(
  { sets, exceptions, asksFor, direction }: Pick<Question, "sets" | "exceptions" | "asksFor" | "direction">,
  sides: Sides,
  saysNo: boolean,
): readonly string[] {
  if (exceptions.length === 0) return [];
  const set = sets.nameOf("hash:net", exceptions);
  return asksFor
    .filter((side) => saysNo || sides[side] === "exception")
    .map((side) => {
      const where = (direction === "ingress") === (side === "peer") ? "src" : "dst";
      return `-m set ${sides[side] === "exception" ? "" : "! "}--match-set ${set} ${where}`;
    });
}

/** All that the sides can be: the more exceptions, the earlier; no exception at all is last. */
export function sideCombinations({
  exceptions,
  asksFor,
}: Pick<Question, "exceptions" | "asksFor">): readonly Sides[] {
  const kinds = (side: keyof Sides): readonly SideKind[] =>
    exceptions.length > 0 && asksFor.includes(side) ? ["exception", "identity"] : ["identity"];
  return kinds("subject").flatMap((subject) => kinds("peer").map((peer) => ({ subject, peer })));
}

function variantChains(question: Question, sides: Sides): Entrance {
  const suffix = `${sides.subject === "exception" ? "S" : ""}${sides.peer === "exception" ? "P" : ""}`;
  const chains: IptablesChain[] = [];
  const enter = (part: string, made: readonly IptablesRule[], next: Destination): Destination => {
    if (made.length === 0) return next;
    const name = `ROMANA-${question.name}-${part}${suffix === "" ? "" : `-${suffix}`}`;
    const isOver = made.at(-1)?.text.startsWith("-g ") ?? false;
    chains.unshift({ name, rules: isOver ? made : [...made, { text: goText(next) }] });
    return { chain: name };
  };
  const layers = (tier: Tier, next: Destination): Destination =>
    enter(TIER_NAMES[tier], layerRules(question, sides, question.rules.tiers[tier], next), next);
  let entry = layers("baseline", question.otherwise);
  entry = enter("ISOLATION", question.behindStandard(sides, entry), entry);
  for (const tier of TIERS.slice(0, 2).toReversed()) entry = layers(tier, entry);
  return { chains, entry };
}

function layerRules(
  question: Question,
  sides: Sides,
  layers: readonly RuleLayer[],
  next: Destination,
): readonly IptablesRule[] {
  const targets: Readonly<Record<PolicyVerdict, string>> = {
    accept: goText(question.accepted),
    drop: goText(dropChain("denied")),
    pass: goText(next),
    log: `-j ${LOG_CHAIN}`,
  };
  return layers.flatMap(({ verdict, entries }) =>
    entryRules(question, sides, entries).map((rule) => ruleEnding(rule, targets[verdict])),
  );
}

/** The beginnings of rules of which one matches when one of the entries does; it counts for the one that decides. */
export function entryRules(
  question: Pick<Question, "direction" | "sets" | "family" | "subjects" | "peers">,
  sides: Sides,
  entries: readonly RuleEntry[],
): readonly IptablesRule[] {
  const clauses = entries.flatMap((entry) => entryClauses(question, sides, entry));
  return clauseRules(question.sets, question.direction, clauses);
}

function entryClauses(
  { family, subjects, peers }: Pick<Question, "family" | "subjects" | "peers">,
  sides: Sides,
  entry: RuleEntry,
): readonly Clause[] {
  const traffic = trafficText(entry.traffic, family);
  if (traffic === undefined) return [];
  const peerMatches = peers(entry.peer, sides);
  if (peerMatches.length === 0) return [];
  const [by] = entry.by;
  return subjects(entry.subject, sides).flatMap(({ match, extra = "" }) =>
    peerMatches.map((peer) => ({ subject: match, peer, traffic, extra, ...(by && { by }) })),
  );
}

/** The beginnings of rules that hold for the subjects, whoever the peer is, and count for nobody. */
export function subjectRules(
  question: Parameters<typeof entryRules>[0],
  sides: Sides,
  subjects: readonly Party[],
): readonly IptablesRule[] {
  return isolationRules(
    question,
    sides,
    subjects.map((subject) => ({ subject, by: [] })),
  );
}

/** The same for those whom policies isolate; it counts for the isolation by them. */
export function isolationRules(
  question: Parameters<typeof entryRules>[0],
  sides: Sides,
  isolated: DirectionRules["isolated"],
): readonly IptablesRule[] {
  const entries = isolated.map(({ subject, by }) => isolationEntry(subject, by));
  return entryRules({ ...question, peers: () => [undefined] }, sides, entries);
}

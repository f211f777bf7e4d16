import type { Direction } from "../../model/index.ts";
import type { Prefix } from "../../net/index.ts";
import type { RuleReference } from "../../rules/index.ts";
import { type AskedElement, decidingRules, elementText } from "./deciding.ts";
import type { IptablesRule } from "./input.ts";
import { formatPattern, type Pattern, patternPrefix, type SideMatch } from "./pattern.ts";
import type { SetBook } from "./set-book.ts";
import type { TrafficText } from "./traffic.ts";

/** One conjunction: these sides and this traffic. */
export interface Clause {
  readonly subject: SideMatch;
  readonly peer: SideMatch;
  readonly traffic: TrafficText;
  /** Words that only some hooks know, such as interfaces; empty for most. */
  readonly extra: string;
  /** The rule of a policy that it counts for. */
  readonly by?: RuleReference;
}

/** Clauses that one rule can hold: all but one side are equal, and that one is in a set. */
interface Group {
  readonly fixed: string;
  readonly clauses: Clause[];
}

type Side = "subject" | "peer";

/**
 * The beginnings of rules of which one matches exactly when one of the clauses does. Clauses that differ in one side, and
 * perhaps in ports, become one rule with a set; a side in a set must be a prefix, so a mask with gaps is always in
 * the rule itself. A rule without a set counts for the first clause that it stands for, a rule with one lets the elements
 * count: its set comes last, since the kernel counts a look-up as soon as it gets there.
 */
export function clauseRules(
  sets: SetBook,
  direction: Direction,
  clauses: readonly Clause[],
): readonly IptablesRule[] {
  const flexible = clauses.filter(({ subject, peer }) => isNet(subject) && isNet(peer));
  const bySubject = groupBy(clauses, "subject");
  const rest = clauses.filter((clause) => !flexible.includes(clause));
  const byEither = [...groupBy(rest, "subject"), ...groupBy(flexible, "peer")];
  const chosen = byEither.length < bySubject.length ? byEither : bySubject;
  return chosen.map((group) => groupRule(sets, direction, group));
}

interface SidedGroup extends Group {
  /** The side whose prefixes are the elements. */
  readonly side: Side;
}

/** What stays fixed in a rule whose set holds the given side. */
function groupBy(clauses: readonly Clause[], side: Side): readonly SidedGroup[] {
  const groups = new Map<string, SidedGroup>();
  for (const clause of clauses) {
    const other = clause[side === "subject" ? "peer" : "subject"];
    const hasElement = clause[side] !== undefined;
    const traffic = hasElement && clause.traffic.ports !== undefined ? "ports" : clause.traffic.words;
    const fixed = [hasElement, other && formatPattern(other), traffic, clause.extra].join("|");
    const group = groups.get(fixed);
    if (group === undefined) groups.set(fixed, { fixed, side, clauses: [clause] });
    else group.clauses.push(clause);
  }
  return [...groups.values()];
}

function groupRule(sets: SetBook, direction: Direction, { side, clauses }: SidedGroup): IptablesRule {
  const first = clauses[0] as Clause;
  const other = side === "subject" ? "peer" : "subject";
  const isSame = clauses.every((clause) => wordsOf(direction, clause) === wordsOf(direction, first));
  if (isSame) return { text: wordsOf(direction, first), ...(first.by && { by: first.by }) };
  const hasPorts = first.traffic.ports !== undefined;
  const elements = clauses.flatMap((clause) => elementsOf(clause, side));
  const type = hasPorts ? "hash:net,port" : "hash:net";
  const name = sets.nameOf(type, elements.map(elementText), decidingRules(elements));
  const where = packetSide(direction, side) === "source" ? "src" : "dst";
  const text = join([
    first.extra,
    sideWords(direction, other, first[other]),
    hasPorts ? "" : first.traffic.words,
    `-m set --match-set ${name} ${hasPorts ? `${where},dst` : where}`,
  ]);
  return { text };
}

function elementsOf(clause: Clause, side: Side): readonly AskedElement[] {
  const { traffic, by } = clause;
  const element = { net: patternPrefix(clause[side] as Pattern) as Prefix, ...(by && { by }) };
  return traffic.ports?.map((port) => ({ ...element, port })) ?? [element];
}

function wordsOf(direction: Direction, { subject, peer, traffic, extra }: Clause): string {
  return join([
    extra,
    sideWords(direction, "subject", subject),
    sideWords(direction, "peer", peer),
    traffic.words,
  ]);
}

function sideWords(direction: Direction, side: Side, match: SideMatch): string {
  if (match === undefined) return "";
  return `${packetSide(direction, side) === "source" ? "-s" : "-d"} ${formatPattern(match)}`;
}

/** The subject is the destination of ingress and the source of egress. */
function packetSide(direction: Direction, side: Side): "source" | "destination" {
  return (direction === "ingress") === (side === "peer") ? "source" : "destination";
}

function isNet(match: SideMatch): boolean {
  return match === undefined || patternPrefix(match) !== undefined;
}

/** Words with single blanks between them. */
function join(words: readonly string[]): string {
  return words.filter((word) => word !== "").join(" ");
}

import type { Direction } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { CaseRest, CaseRow } from "./case-row.case.ts";
import { CASE_WORLD, caseFlow, PARTIES, type PartyName } from "./case-world.case.ts";
import { ISOLATION_CASES } from "./cases-isolation.case.ts";
import { MACHINE_CASES } from "./cases-machine.case.ts";
import { ORDER_CASES } from "./cases-order.case.ts";
import { PEER_CASES } from "./cases-peers.case.ts";
import { SELECTOR_CASES } from "./cases-selectors.case.ts";
import { TRAFFIC_CASES } from "./cases-traffic.case.ts";
import type { PolicyDecision } from "./decision.ts";
import type { Flow } from "./flow.ts";
import type { PolicyWorld } from "./world.ts";

/** A question about a world with its literal answer: for the evaluator, and for whatever is compiled from policies. */
export interface EvaluateCase extends Omit<CaseRest, "family"> {
  readonly name: string;
  /** Why the answer is what it is. */
  readonly reason: string;
  readonly world: PolicyWorld;
  readonly direction: Direction;
  readonly flow: Flow;
  readonly expected: {
    readonly verdict: "accept" | "drop";
    readonly stateful: boolean;
    /** As {@link describeDecision} writes it. */
    readonly text: string;
  };
}

const GROUPS: Readonly<Record<string, readonly CaseRow[]>> = {
  selectors: SELECTOR_CASES,
  peers: PEER_CASES,
  traffic: TRAFFIC_CASES,
  order: ORDER_CASES,
  isolation: ISOLATION_CASES,
  machines: MACHINE_CASES,
};

/** All cases, by the lines of the tables and families. */
export const EVALUATE_CASES: readonly EvaluateCase[] = Object.entries(GROUPS).flatMap(([group, rows]) =>
  rows.flatMap((row) => familiesOf(row).map((family) => caseOf(group, row, family))),
);

/** Lines in all tables; each is a case in one family or in two. */
export const EVALUATE_ROWS: number = Object.values(GROUPS).reduce((sum, rows) => sum + rows.length, 0);

function familiesOf([, , , , traffic, , rest]: CaseRow): readonly Family[] {
  if (rest?.family !== undefined) return [rest.family];
  if (traffic.startsWith("icmpv6")) return [6];
  return traffic.startsWith("icmp") ? [4] : [4, 6];
}

function caseOf(group: string, row: CaseRow, family: Family): EvaluateCase {
  const [reason, policies, direction, parties, traffic, text, { family: _, ...rest } = {}] = row;
  const [from, to] = parties.split(" > ").map(partyName) as [PartyName, PartyName];
  return {
    name: `${group}: ${reason} (${direction}, ${parties}, ${traffic}, IPv${family})`,
    reason,
    world: { ...CASE_WORLD, policies },
    direction,
    flow: caseFlow(family, from, to, traffic),
    expected: {
      verdict: text.startsWith("accept") ? "accept" : "drop",
      stateful: !text.includes("stateless"),
      text,
    },
    ...rest,
  };
}

function partyName(text: string): PartyName {
  if (!Object.hasOwn(PARTIES, text)) throw new Error(`no party "${text}"`);
  return text as PartyName;
}

/**
 * A decision in one line: the verdict, then what settled it (`rule POLICY/INDEX`, `isolated BY`, …), `stateless`, and
 * the rules that log (`logs POLICY/INDEX`).
 */
export function describeDecision({ verdict, stateful, decidedBy, logged }: PolicyDecision): string {
  const words: string[] = [verdict, decidedBy.kind];
  if (decidedBy.kind === "rule") words.push(`${decidedBy.policy}/${decidedBy.rule}`);
  if (decidedBy.kind === "isolated") words.push(decidedBy.by);
  if (decidedBy.kind === "isolated" && decidedBy.by === "policies") words.push(...decidedBy.policies);
  if (!stateful) words.push("stateless");
  if (logged.length > 0) words.push("logs", ...logged.map(({ policy, rule }) => `${policy}/${rule}`));
  return words.join(" ");
}

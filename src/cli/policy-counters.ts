import type { AllCounters, DropTally, PolicyCounters, Tally } from "../model/index.ts";
import { type Column, count, renderTable, type Screen } from "./format.ts";

/** What a policy's rules have decided, as rows of a table. */
type RuleRow = PolicyCounters["rules"][number];

const TALLY_COLUMNS: readonly Column<Tally>[] = [
  { title: "packets", value: ({ packets }) => packets, align: "right" },
  { title: "bytes", value: ({ bytes }) => bytes, align: "right" },
];

/** The rules of one policy with what they have decided. */
export function ruleCountersText(screen: Screen, { rules }: PolicyCounters): string {
  const columns: readonly Column<RuleRow>[] = [
    { title: "rule", value: ({ rule }) => (rule === undefined ? "isolation" : `rules[${rule}]`) },
    ...TALLY_COLUMNS,
  ];
  return renderTable(screen, columns, rules, "No rule has decided anything yet");
}

/** Rules of several policies with what they have decided on one host. */
export function hostCountersText(
  screen: Screen,
  rules: readonly (RuleRow & { readonly policy: string })[],
): string {
  const columns: readonly Column<RuleRow & { readonly policy: string }>[] = [
    { title: "policy", value: ({ policy }) => policy },
    { title: "rule", value: ({ rule }) => (rule === undefined ? "isolation" : `rules[${rule}]`) },
    ...TALLY_COLUMNS,
  ];
  return renderTable(screen, columns, rules, "No rule has decided anything yet");
}

/** All that the rules of a policy have decided. */
export function sumOfRules(counters: PolicyCounters | undefined): Tally {
  const rules = counters?.rules ?? [];
  return {
    packets: rules.reduce((sum, { packets }) => sum + packets, 0),
    bytes: rules.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

/** Dropped packets by reason, in one line. */
export function dropsText(drops: readonly DropTally[]): string {
  const words = drops.map(({ reason, packets }) => `${packets} ${reason}`);
  return `Dropped packets: ${words.length === 0 ? "none" : words.join(", ")}`;
}

/** How much of the truth the numbers are. */
export function coverageText({ hosts, omitted }: Pick<AllCounters, "hosts" | "omitted">): string {
  const more = omitted === 0 ? "" : `; ${count(omitted, "rule")} left out by hosts with very many`;
  return `First packets of connections, as ${count(hosts, "host")} reported them${more}`;
}

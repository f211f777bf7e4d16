import { type Direction, TIERS } from "../../model/index.ts";
import type { DirectionRules, Party, RuleEntry } from "../../rules/index.ts";
import {
  type Base,
  egressQuestion,
  fromHostQuestion,
  ingressQuestion,
  toHostQuestion,
} from "./endpoint-questions.ts";
import type { IptablesChain, IptablesInput } from "./input.ts";
import { machineQuestion } from "./machine-questions.ts";
import { entryRules, type Question, sideCombinations, sideWords } from "./tier-chains.ts";

/** The packet is for an address of this host. */
const TO_THIS_HOST = "-m addrtype --dst-type LOCAL";

/**
 * The chains of table `raw`, which comes before connection tracking: what a rule that is not stateful accepts
 * stays unknown to it, so that every packet is asked for anew in table `filter` and no answer is known by itself.
 */
export function rawChains(input: IptablesInput, base: Base): readonly IptablesChain[] {
  const ends = { accepted: "accept", otherwise: "accept" } as const;
  const machine = (direction: Direction): Question =>
    machineQuestion(input, base, ends, { direction, isOwnEndpoint: true });
  const toHost = toHostQuestion(input, base, ends);
  const prerouting = [
    egressQuestion(input, base, ends),
    { ...toHost, peers: (party: Party) => (party.kind === "host" ? [undefined] : []) },
    ingressQuestion(input, base, ends),
    machine("ingress"),
  ].map((question) => untracked(question));
  const output = [fromHostQuestion(input, base, ends), machine("egress")].map((question) =>
    untracked(question),
  );
  return [
    { name: "ROMANA-PREROUTING", rules: prerouting.flat().map((text) => ({ text })) },
    { name: "ROMANA-RAW-OUTPUT", rules: output.flat().map((text) => ({ text })) },
  ];
}

function untracked(question: Question): readonly string[] {
  const entries = statelessEntries(question.rules);
  if (entries.length === 0) return [];
  const isToHost = question.name === "TO-HOST" || question.name === "HOST-IN";
  return sideCombinations(question).flatMap((sides) =>
    entryRules(question, sides, entries).map(({ text }) =>
      [text, isToHost ? TO_THIS_HOST : "", ...sideWords(question, sides, true), "-j CT --notrack"]
        .filter((part) => part !== "")
        .join(" "),
    ),
  );
}

/** They count where they decide, which is in table `filter`. */
function statelessEntries({ tiers }: DirectionRules): readonly RuleEntry[] {
  const layers = TIERS.flatMap((tier) => tiers[tier]);
  return layers
    .filter(({ verdict }) => verdict === "accept")
    .flatMap(({ entries }) => entries.filter(({ stateful }) => !stateful))
    .map((entry) => ({ ...entry, by: [] }));
}

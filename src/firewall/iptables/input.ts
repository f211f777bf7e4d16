import type { Family } from "../../net/index.ts";
import type { RuleModel, RuleReference } from "../../rules/index.ts";
import type { FirewallInput } from "../input.ts";
import type { CounterValue } from "../nft.ts";

/** Everything that the iptables rules of one host are made from. */
export interface IptablesInput extends FirewallInput {
  /** What policies say; the nft table has it in another form. */
  readonly rules: RuleModel;
}

/** Names of one of two families of sets: the kernel holds one while the other is being made. */
export type Generation = "A" | "B";

/** What the kernel has before, and what the text has to go on from. */
export interface IptablesState {
  /** The one that no live rule looks into. */
  readonly generation: Generation;
  /** What `iptables-save` says of each family; see {@link readSavedRules}. */
  readonly saved: Readonly<Record<Family, SavedRules>>;
}

/** What there is of ours in the tables of one family. */
export interface SavedRules {
  /** How many times a built-in chain jumps to ours, by table and chain, such as `filter INPUT`; absent: never. */
  readonly jumps: ReadonlyMap<string, number>;
  /** Our chains by table. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Packets dropped so far, by reason. */
  readonly drops: ReadonlyMap<string, CounterValue>;
}

/** Nothing of ours. */
export const NOTHING_SAVED: SavedRules = { jumps: new Map(), chains: new Map(), drops: new Map() };

/** What counts for rules of policies in one family, and for which. */
export interface CountedRules {
  /** By the name of a set without its generation: the rule that each element counts for. */
  readonly sets: ReadonlyMap<string, ReadonlyMap<string, RuleReference>>;
  /** By a chain of table `filter`: the rule that each of its rules counts for, in their order. */
  readonly chains: ReadonlyMap<string, readonly (RuleReference | undefined)[]>;
}

/** Input of `iptables-restore --noflush --counters`, `ip6tables-restore` likewise, and before them of `ipset restore`. */
export interface IptablesTexts {
  readonly ipset4: string;
  readonly ipset6: string;
  readonly iptables: string;
  readonly ip6tables: string;
  /** What the kernel then counts for rules of policies. */
  readonly counted: Readonly<Record<Family, CountedRules>>;
}

/** A rule chain. Each rule is the text behind `-A CHAIN`, with the numbers that its counter starts at. */
export interface IptablesChain {
  readonly name: string;
  readonly rules: readonly IptablesRule[];
}

/** One rule, or the words that it begins with. */
export interface IptablesRule {
  readonly text: string;
  readonly counter?: CounterValue;
  /** What it counts for; absent: for nobody, or elements of its set count. */
  readonly by?: RuleReference;
}

/** The rule with more words at its end. */
export function ruleEnding(rule: IptablesRule, words: string): IptablesRule {
  return { ...rule, text: `${rule.text} ${words}`.trimStart() };
}

/** Where a rule goes on: another chain, or back to the built-in chain, which is what accepting is. */
export type Destination = { readonly chain: string } | "accept";

/** The words that go there for good. */
export function goText(to: Destination): string {
  return to === "accept" ? "-j RETURN" : `-g ${to.chain}`;
}

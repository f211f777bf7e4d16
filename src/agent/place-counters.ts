import {
  type CountedRules,
  type Generation,
  type PlaceTally,
  readCountedChains,
  readCountedSets,
} from "../firewall/iptables/index.ts";
import type { Family } from "../net/index.ts";
import type { RuleCounters } from "./rule-counters.ts";

/** What the kernel has of ours in one family. */
export interface RulesInForce {
  /** Of the sets that the rules look into. */
  readonly generation: Generation;
  readonly counted: CountedRules;
}

const FAMILIES: readonly Family[] = [4, 6];

/** Takes in what rules of iptables and elements of ipset have counted. */
export class PlaceCounters {
  readonly #counters: RuleCounters;
  readonly #inForce = new Map<Family, RulesInForce>();
  /** What was in force before: its sets say to the end what they have counted. */
  readonly #before = new Map<Family, RulesInForce>();

  /** @param counters where to what was counted goes */
  constructor(counters: RuleCounters) {
    this.#counters = counters;
  }

  /** True when there may be something to read. */
  get counts(): boolean {
    return [...this.#inForce.values()].some(({ counted }) => counted.chains.size + counted.sets.size > 0);
  }

  /** The kernel's rules of a family are those, and have been. */
  follow(family: Family, rules: RulesInForce): void {
    this.#inForce.set(family, rules);
  }

  /** The kernel's rules of a family have just been made anew, and count from zero. */
  replaced(family: Family, rules: RulesInForce): void {
    const before = this.#inForce.get(family);
    if (before !== undefined && before.generation !== rules.generation) this.#before.set(family, before);
    this.#inForce.set(family, rules);
    this.#counters.see(chainsOf(family), new Map());
    this.#counters.see(setsOf(family, rules.generation), new Map());
  }

  /** Takes in what `iptables-save --counters` and `ip6tables-save --counters` say. */
  seeChains(saved: Readonly<Record<Family, string>>): void {
    for (const [family, { counted }] of this.#inForce) {
      this.#see(chainsOf(family), readCountedChains(saved[family], counted));
    }
  }

  /** Takes in what `ipset save` says. */
  seeSets(saved: string): void {
    for (const family of FAMILIES) {
      for (const rules of [this.#before.get(family), this.#inForce.get(family)]) {
        if (rules === undefined || rules.counted.sets.size === 0) continue;
        const { generation, counted } = rules;
        this.#see(setsOf(family, generation), readCountedSets(saved, counted, family, generation));
      }
    }
  }

  /** The sets of what was in force before are gone. */
  forgetBefore(): void {
    this.#before.clear();
  }

  #see(part: string, tallies: readonly PlaceTally[]): void {
    const grown = this.#counters.see(part, new Map(tallies.map((tally) => [tally.place, tally])));
    for (const { place, by } of tallies) {
      const more = grown.get(place);
      if (more !== undefined) this.#counters.add(by, more);
    }
  }
}

function chainsOf(family: Family): string {
  return `chains ${family}`;
}

function setsOf(family: Family, generation: Generation): string {
  return `sets ${family}${generation}`;
}

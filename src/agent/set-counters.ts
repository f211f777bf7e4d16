import { type PolicyRules, rawElement } from "../firewall/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { elementText } from "./listing.ts";
import type { RuleCounters } from "./rule-counters.ts";

/** The counted sets of some rules. */
type CountedSets = ReturnType<PolicyRules["counted"]>;

/** So many elements are read at once before a change; of more, what they counted since the last look goes astray. */
const CHEAP = 5_000;

/** Reads what elements of the sets of an nftables table have counted. */
export class SetCounters {
  readonly #kernel: Pick<Kernel, "readSetCounters">;
  readonly #table: string;
  readonly #counters: RuleCounters;
  #rules: PolicyRules | undefined;

  /** @param counters where to what was counted goes */
  constructor(kernel: Pick<Kernel, "readSetCounters">, table: string, counters: RuleCounters) {
    this.#kernel = kernel;
    this.#table = table;
    this.#counters = counters;
  }

  /** The rules whose sets the table has from now on. */
  follow(rules: PolicyRules | undefined): void {
    this.#rules = rules;
  }

  /** Reads all sets, with a turn of the event loop between them. */
  async sample(): Promise<void> {
    for (const set of this.#counted()) {
      this.#read(set);
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  /** Reads all sets now, if they are not many: to be called before sets or rules change. */
  sampleBeforeChange(): void {
    const sets = this.#counted();
    const elements = sets.reduce((sum, { rows }) => sum + rows.length, 0);
    if (elements > CHEAP) return;
    for (const set of sets) this.#read(set);
  }

  #counted(): CountedSets {
    return this.#rules?.counted() ?? [];
  }

  #read({ name, rows }: CountedSets[number]): void {
    const there = this.#kernel.readSetCounters(this.#table, name).filter(({ packets }) => packets > 0);
    const counted = new Map(there.map((element) => [elementText(element), element]));
    const grown = this.#counters.see(name, counted);
    if (grown.size === 0) return;
    for (const { element, by } of rows) {
      const more = grown.get(elementText(rawElement(element)));
      const [deciding] = by;
      if (more !== undefined && deciding !== undefined) this.#counters.add(deciding, more);
    }
  }
}

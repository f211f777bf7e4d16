import { type PolicyRules, rawElement } from "../firewall/index.ts";
import type { RuleTally, Tally } from "../model/index.ts";
import type { RuleReference } from "../rules/index.ts";
import type { Kernel } from "../system/kernel.ts";
import { elementText } from "./listing.ts";

/** The counted sets of some rules. */
type CountedSets = ReturnType<PolicyRules["counted"]>;

/** So many elements are read at once before a change; of more, what they counted since the last look goes astray. */
const CHEAP = 5_000;
/** The rule of an element that stands for the isolation by a policy. */
const ISOLATION = -1;

/**
 * What rules of policies have decided since the agent started, or longer, as far as the kernel's table goes back. The
 * kernel counts per element of a set; an element counts for the rule that decides.
 */
export class RuleCounters {
  readonly #kernel: Pick<Kernel, "readSetCounters">;
  readonly #table: string;
  #rules: PolicyRules | undefined;
  /** What the kernel said last, by set and element; elements that counted nothing are not there. */
  readonly #last = new Map<string, Map<string, Tally>>();
  readonly #totals = new Map<string, RuleTally>();
  /** Raised by every change of the totals. */
  #version = 0;

  constructor(kernel: Pick<Kernel, "readSetCounters">, table: string) {
    this.#kernel = kernel;
    this.#table = table;
  }

  /** Changes whenever the totals do. */
  get version(): number {
    return this.#version;
  }

  /** Totals that are not zero, by policy and rule. */
  get totals(): readonly RuleTally[] {
    return [...this.#totals.values()];
  }

  /** The rules whose sets the table has from now on. */
  follow(rules: PolicyRules | undefined): void {
    this.#rules = rules;
  }

  /** Forgets what policies have decided that are not among these. */
  keepOnly(policies: ReadonlySet<string>): void {
    for (const [key, { policy }] of this.#totals) if (!policies.has(policy)) this.#totals.delete(key);
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

  /** The kernel's table was made anew, and counts from zero. */
  startOver(): void {
    this.#last.clear();
  }

  #counted(): CountedSets {
    return this.#rules?.counted() ?? [];
  }

  #read({ name, rows }: CountedSets[number]): void {
    const there = this.#kernel.readSetCounters(this.#table, name).filter(({ packets }) => packets > 0);
    const before = this.#last.get(name);
    this.#last.set(name, new Map(there.map((element) => [elementText(element), element])));
    const grown = new Map<string, Tally>();
    for (const [text, { packets, bytes }] of this.#last.get(name) ?? []) {
      const last = before?.get(text);
      // Less than before: the element went and came back.
      const from = last !== undefined && last.packets <= packets ? last : { packets: 0, bytes: 0 };
      if (packets > from.packets) {
        grown.set(text, { packets: packets - from.packets, bytes: bytes - from.bytes });
      }
    }
    if (grown.size === 0) return;
    for (const { element, by } of rows) {
      const more = grown.get(elementText(rawElement(element)));
      const [deciding] = by;
      if (more !== undefined && deciding !== undefined) this.#add(deciding, more);
    }
  }

  #add({ policy, rule }: RuleReference, { packets, bytes }: Tally): void {
    const key = `${rule} ${policy}`;
    const before = this.#totals.get(key);
    this.#version += 1;
    this.#totals.set(key, {
      policy,
      ...(rule !== ISOLATION && { rule }),
      packets: packets + (before?.packets ?? 0),
      bytes: bytes + (before?.bytes ?? 0),
    });
  }
}

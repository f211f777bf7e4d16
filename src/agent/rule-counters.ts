import type { RuleTally, Tally } from "../model/index.ts";
import type { RuleReference } from "../rules/index.ts";

/** The rule that stands for the isolation by a policy. */
const ISOLATION = -1;

/**
 * What rules of policies have decided since the agent started, or longer, as far as what the kernel has counted goes
 * back. The kernel counts at places, such as an element of a set; whoever reads them knows the rule that each counts for.
 */
export class RuleCounters {
  /** What the kernel said last, by part and place. */
  readonly #last = new Map<string, ReadonlyMap<string, Tally>>();
  readonly #totals = new Map<string, RuleTally>();
  /** Raised by every change of the totals. */
  #version = 0;

  /** Changes whenever the totals do. */
  get version(): number {
    return this.#version;
  }

  /** Totals that are not zero, by policy and rule. */
  get totals(): readonly RuleTally[] {
    return [...this.#totals.values()];
  }

  /** Forgets what policies have decided that are not among these. */
  keepOnly(policies: ReadonlySet<string>): void {
    for (const [key, { policy }] of this.#totals) if (!policies.has(policy)) this.#totals.delete(key);
  }

  /** The kernel's rules were made anew, and count from zero. */
  startOver(): void {
    this.#last.clear();
  }

  /**
   * Takes in all that the kernel has counted in one part of its rules, by place; places that have counted nothing can be
   * left out. Returns what has come since the last time.
   */
  see(part: string, counted: ReadonlyMap<string, Tally>): ReadonlyMap<string, Tally> {
    const before = this.#last.get(part);
    this.#last.set(part, counted);
    const grown = new Map<string, Tally>();
    for (const [place, { packets, bytes }] of counted) {
      const last = before?.get(place);
      // Less than before: the place went and came back.
      const from = last !== undefined && last.packets <= packets ? last : { packets: 0, bytes: 0 };
      if (packets > from.packets) {
        grown.set(place, { packets: packets - from.packets, bytes: bytes - from.bytes });
      }
    }
    return grown;
  }

  /** Adds what a rule has decided. */
  add({ policy, rule }: RuleReference, { packets, bytes }: Tally): void {
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

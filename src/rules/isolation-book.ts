import type { Direction } from "../model/index.ts";
import type { Fragment, Scope } from "./fragment.ts";
import type { DirectionRules, Party } from "./rule-model.ts";

/** A subject that became isolated, or is it no longer. */
export interface IsolationChange {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly subject: Party;
  /** Policies that isolate it; empty: none any more. */
  readonly by: readonly string[];
}

type Isolated = DirectionRules["isolated"][number];

/** Whom policies isolate in one scope and direction, kept while policies come and go. */
export class IsolationBook {
  readonly #scope: Scope;
  readonly #direction: Direction;
  /** By the key of the subject. */
  readonly #subjects = new Map<string, Isolated>();
  /** Subjects whose changes were not asked for yet; undefined: nobody will ask. */
  #touched: Map<string, Party> | undefined = new Map();

  constructor(scope: Scope, direction: Direction) {
    this.#scope = scope;
    this.#direction = direction;
  }

  /** Puts whom a policy isolates. */
  put(policy: string, fragment: Fragment): void {
    for (const { scope, direction, subject } of fragment.isolated) {
      if (scope !== this.#scope || direction !== this.#direction) continue;
      const known = this.#subjects.get(subject.key)?.by;
      if (known?.includes(policy)) continue;
      const by = known === undefined ? [policy] : [...known, policy].sort();
      this.#subjects.set(subject.key, { subject: subject.party, by });
      this.#touched?.set(subject.key, subject.party);
    }
  }

  /** Takes back what a policy isolated. */
  remove(policy: string, fragment: Fragment): void {
    for (const { scope, direction, subject } of fragment.isolated) {
      if (scope !== this.#scope || direction !== this.#direction) continue;
      const by = (this.#subjects.get(subject.key)?.by ?? []).filter((other) => other !== policy);
      if (by.length === 0) this.#subjects.delete(subject.key);
      else this.#subjects.set(subject.key, { subject: subject.party, by });
      this.#touched?.set(subject.key, subject.party);
    }
  }

  /** Keeps no notes of changes until they were asked for the next time. */
  skipChanges(): void {
    this.#touched = undefined;
  }

  /** What became of subjects since this was last asked; undefined when no notes were kept. */
  takeChanges(): readonly IsolationChange[] | undefined {
    const touched = this.#touched;
    this.#touched = new Map();
    return (
      touched &&
      Array.from(touched, ([key, subject]) => ({
        scope: this.#scope,
        direction: this.#direction,
        subject,
        by: this.#subjects.get(key)?.by ?? [],
      }))
    );
  }

  /** Everybody who is isolated now. */
  isolated(): readonly Isolated[] {
    return [...this.#subjects.values()];
  }
}

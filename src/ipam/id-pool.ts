import type { IdRange } from "../addressing/index.ts";
import { IdSet } from "./id-set.ts";

/** What an ID is at the moment. A `held` one is on its way to be taken: its commit is in flight. */
export type Standing = "free" | "reserved" | "taken" | "held" | "resting";

/**
 * The IDs of one kind in one place: which are taken, which are on their way, which rest after use. Memory grows
 * with the IDs that were ever used, not with the range.
 */
export class IdPool {
  /** IDs that nobody gets now: reserved, taken, held, resting. */
  readonly #busy = new IdSet();
  readonly #reserved: ReadonlySet<number>;
  readonly #taken = new IdSet();
  readonly #held = new Set<number>();
  /** Rests that are not over yet, as far as the last `now` told. */
  readonly #resting = new Map<number, number>();
  /** Ends of rests in order of time; a rest that was given up stays here until its time has come. */
  #ends: { readonly until: number; readonly id: number }[] = [];
  #endsDone = 0;
  /** All IDs from `#from` up to here are busy. */
  #low = 0;
  #from = 0;

  /** `reserved` IDs are never free. */
  constructor(reserved: readonly number[] = []) {
    this.#reserved = new Set(reserved);
    for (const id of reserved) this.#busy.add(id);
  }

  /** How many IDs are taken. */
  get used(): number {
    return this.#taken.size;
  }

  /** How many IDs the pool remembers: a measure of its memory. */
  get weight(): number {
    return this.#taken.size + this.#resting.size + this.#held.size;
  }

  /** True when no ID is held. */
  get isIdle(): boolean {
    return this.#held.size === 0;
  }

  /** How many IDs rest at `now`. */
  resting(now: number): number {
    this.#wake(now);
    return this.#resting.size;
  }

  standing(id: number, now: number): Standing {
    this.#wake(now);
    if (this.#taken.has(id)) return "taken";
    if (this.#reserved.has(id)) return "reserved";
    if (this.#held.has(id)) return "held";
    return this.#resting.has(id) ? "resting" : "free";
  }

  take(id: number): void {
    if (this.#taken.add(id)) this.#busy.add(id);
  }

  /** Takes back {@link take}. */
  drop(id: number): void {
    if (this.#taken.delete(id)) this.#settle(id);
  }

  hold(id: number): void {
    this.#held.add(id);
    this.#busy.add(id);
  }

  /** Takes back {@link hold}. */
  letGo(id: number): void {
    if (this.#held.delete(id)) this.#settle(id);
  }

  /** The ID must not be chosen before `until`. */
  rest(id: number, until: number): void {
    this.#resting.set(id, until);
    this.#busy.add(id);
    let place = this.#ends.length;
    while (place > this.#endsDone && (this.#ends[place - 1]?.until as number) > until) place--;
    this.#ends.splice(place, 0, { until, id });
  }

  /** Takes back {@link rest}. */
  endRest(id: number): void {
    if (this.#resting.delete(id)) this.#settle(id);
  }

  /** The lowest free ID of the range at `now`; undefined when there is none. */
  lowestFree({ first, last }: IdRange, now: number): number | undefined {
    this.#wake(now);
    if (this.#from !== first) {
      this.#from = first;
      this.#low = first;
    }
    const id = this.#busy.firstAbsent(this.#low, last);
    this.#low = id ?? Math.max(this.#low, last + 1);
    return id;
  }

  /** The same from an ID inside the range on, for those who look further. */
  lowestFreeFrom(id: number, last: number, now: number): number | undefined {
    this.#wake(now);
    return this.#busy.firstAbsent(id, last);
  }

  /** The lowest ID of the range that is not free at `now`; undefined when all are free. */
  lowestBusy({ first, last }: IdRange, now: number): number | undefined {
    this.#wake(now);
    return this.#busy.firstPresent(first, last);
  }

  #wake(now: number): void {
    for (;;) {
      const end = this.#ends[this.#endsDone];
      if (end === undefined || end.until > now) break;
      this.#endsDone++;
      if (this.#resting.get(end.id) !== end.until) continue;
      this.#resting.delete(end.id);
      this.#settle(end.id);
    }
    if (this.#endsDone > 64 && this.#endsDone * 2 > this.#ends.length) {
      this.#ends = this.#ends.slice(this.#endsDone);
      this.#endsDone = 0;
    }
  }

  #settle(id: number): void {
    if (this.#taken.has(id) || this.#held.has(id) || this.#resting.has(id) || this.#reserved.has(id)) return;
    this.#busy.delete(id);
    if (id >= this.#from && id < this.#low) this.#low = id;
  }
}

import { compareKeys, type KeyRange, keyBehind } from "./keys.ts";
import { SortedMap } from "./sorted-map.ts";
import type { Step } from "./sqlite-log.ts";
import type { Entry } from "./store.ts";

/** Reads the first `limit` entries of a range, in order, from where the overlay lies on. */
export type ReadBelow = (range: KeyRange, limit: number) => Entry[];

/**
 * The last step of each key that the log has and the table has not yet got; the table is seen through it. Steps
 * since `mark` can be undone.
 */
export class Overlay {
  readonly #steps = new SortedMap<Step>();
  #characters = 0;
  #undo: [key: string, before: Step | undefined][] = [];

  get size(): number {
    return this.#steps.size;
  }

  /** Length of all values: what the overlay weighs. */
  get characters(): number {
    return this.#characters;
  }

  get(key: string): Step | undefined {
    return this.#steps.get(key);
  }

  set(step: Step): void {
    const { key } = step.change;
    const before = this.#steps.get(key);
    this.#undo.push([key, before]);
    this.#replace(key, before, step);
  }

  /** Takes out what the table has got now. */
  drop(folded: readonly Step[]): void {
    for (const step of folded) this.#replace(step.change.key, step, undefined);
  }

  /** From here on steps can be undone; those before are final. */
  mark(): void {
    this.#undo = [];
  }

  /** Back to where `mark` was called. */
  undo(): void {
    for (const [key, before] of this.#undo.reverse()) this.#replace(key, this.#steps.get(key), before);
    this.#undo = [];
  }

  /** Up to `limit` steps of the range, in order. */
  slice(range: KeyRange, limit: number): Step[] {
    const steps: Step[] = [];
    for (const step of this.#steps.range(range)) {
      if (steps.length === limit) break;
      steps.push(step);
    }
    return steps;
  }

  /**
   * The first `limit` entries of the range, what is below seen through the overlay; and how many below are hidden,
   * that is had to be read for nothing.
   */
  page(range: KeyRange, limit: number, below: ReadBelow): { page: Entry[]; hidden: number } {
    if (this.#steps.size === 0) return { page: below(range, limit), hidden: 0 };
    const page: Entry[] = [];
    let hidden = 0;
    for (let { start } = range; ; ) {
      // Where much is hidden, ever larger parts get across.
      const wanted = limit - page.length + hidden;
      const rows = below({ start, end: range.end }, wanted);
      // Of what comes behind the last row, the table has told nothing yet.
      const next = rows.length < wanted ? undefined : keyBehind((rows.at(-1) as Entry).key);
      const before = page.length;
      merge(page, rows, this.#steps.range({ start, end: next ?? range.end }));
      hidden += Math.max(before + rows.length - page.length, 0);
      if (page.length >= limit || next === undefined) return { page: page.slice(0, limit), hidden };
      start = next;
    }
  }

  #replace(key: string, before: Step | undefined, after: Step | undefined): void {
    this.#characters += weight(after) - weight(before);
    if (after === undefined) this.#steps.delete(key);
    else this.#steps.set(key, after);
  }
}

function weight(step: Step | undefined): number {
  return step?.change.entry?.value.length ?? 0;
}

/** Appends rows and entries of steps, both in order of keys, to the page; where both have a key, the step counts. */
function merge(page: Entry[], rows: readonly Entry[], steps: Iterable<Step>): void {
  let place = 0;
  for (const { change } of steps) {
    const { key, entry } = change;
    const end = lowerBound(rows, key, place);
    while (place < end) page.push(rows[place++] as Entry);
    if (rows[place]?.key === key) place++;
    if (entry !== undefined) page.push(entry);
  }
  while (place < rows.length) page.push(rows[place++] as Entry);
}

/** Index of the first row from `low` on that is not before the key. */
function lowerBound(rows: readonly Entry[], key: string, low: number): number {
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareKeys((rows[middle] as Entry).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

import type { LabelRequirement, Labels } from "../model/index.ts";

/** Something that has labels. */
export interface Labelled {
  readonly labels?: Labels;
}

const NO_LABELS: Labels = new Map();

/** So few that looking at each is faster than an index. */
const FEW = 16;

/** Finds by labels, looking only at those that have the rarest of the labels asked for. */
export class LabelIndex<T extends Labelled> {
  readonly #items: readonly T[];
  /** Answers given before. */
  #known: Map<string, readonly T[]> | undefined;
  #byKey: Map<string, T[]> | undefined;
  #byPair: Map<string, T[]> | undefined;

  constructor(items: readonly T[]) {
    this.#items = items;
  }

  /** Items that meet all requirements, each once. */
  select(requirements: readonly LabelRequirement[]): readonly T[] {
    if (requirements.length === 0) return this.#items;
    const matches = (item: T): boolean => requirements.every((wanted) => meets(item, wanted));
    if (this.#items.length <= FEW) return this.#items.filter(matches);
    const signature = JSON.stringify(
      requirements.map(({ key, operator, values }) => [key, operator, ...values]),
    );
    this.#known ??= new Map();
    let selected = this.#known.get(signature);
    if (selected === undefined) {
      selected = this.#candidates(requirements).filter(matches);
      this.#known.set(signature, selected);
    }
    return selected;
  }

  #candidates(requirements: readonly LabelRequirement[]): readonly T[] {
    this.#build();
    let best = this.#items;
    for (const { key, operator, values } of requirements) {
      if (operator !== "In" && operator !== "Exists") continue;
      const lists =
        operator === "Exists"
          ? [this.#byKey?.get(key) ?? []]
          : [...new Set(values)].map((value) => this.#byPair?.get(pair(key, value)) ?? []);
      const count = lists.reduce((sum, list) => sum + list.length, 0);
      if (count < best.length) best = lists.flat();
    }
    return best;
  }

  #build(): void {
    if (this.#byKey !== undefined) return;
    this.#byKey = new Map();
    this.#byPair = new Map();
    for (const item of this.#items) {
      for (const [key, value] of item.labels ?? NO_LABELS) {
        push(this.#byKey, key, item);
        push(this.#byPair, pair(key, value), item);
      }
    }
  }
}

function meets({ labels = NO_LABELS }: Labelled, { key, operator, values }: LabelRequirement): boolean {
  const value = labels.get(key);
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
  }
}

function pair(key: string, value: string): string {
  return `${key}\n${value}`;
}

function push<T>(map: Map<string, T[]>, key: string, item: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [item]);
  else list.push(item);
}

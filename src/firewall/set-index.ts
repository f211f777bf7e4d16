import type { Element, KeyPart, NamedSet, Table } from "./table.ts";

/** Finds keys in a set. */
export interface SetIndex {
  has(key: readonly KeyPart[]): boolean;
  /** The element that holds the key. */
  find(key: readonly KeyPart[]): Element | undefined;
}

const NOTHING: SetIndex = { has: () => false, find: () => undefined };

/** Indices of the sets of tables, made when they are first asked. */
class SetIndices {
  readonly #tables = new WeakMap<Table, Map<string, SetIndex>>();

  /** The index of a set of a table; one that is not there holds nothing. */
  of(table: Table, name: string): SetIndex {
    let indices = this.#tables.get(table);
    if (indices === undefined) {
      indices = new Map(table.sets.map((set) => [set.name, indexOf(set)]));
      this.#tables.set(table, indices);
    }
    return indices.get(name) ?? NOTHING;
  }
}

/** The indices of all tables in use. */
export const LOOKUPS = new SetIndices();

function indexOf({ elements, hasRanges }: NamedSet): SetIndex {
  if (hasRanges === true) {
    const find = (key: readonly KeyPart[]): Element | undefined =>
      elements.find((element) => element.every((part, index) => holds(part, key[index])));
    return { find, has: (key) => find(key) !== undefined };
  }
  const known = new Map(elements.map((element) => [textOf(element), element]));
  return { find: (key) => known.get(textOf(key)), has: (key) => known.has(textOf(key)) };
}

function holds(part: KeyPart, value: KeyPart | undefined): boolean {
  if (value === undefined || part.type !== value.type) return false;
  const last = "last" in part && part.last !== undefined ? part.last : part.value;
  return part.value <= value.value && value.value <= last;
}

function textOf(key: readonly KeyPart[]): string {
  return key.map(({ value }) => `${value}`).join(" ");
}

import type { AddressPlan } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { RuleEntry, RuleReference } from "../rules/index.ts";
import { type Box, disjoint, type Range } from "./boxes.ts";
import { sortElements } from "./key.ts";
import { combine, elementOf, type Shape, typesOf, wideFields } from "./shape.ts";
import { sidesOf } from "./sides.ts";
import type { Element, NamedSet } from "./table.ts";

/** An element of a set, with the rules that put it there, the deciding one first. */
export interface Row {
  readonly element: Element;
  readonly by: readonly RuleReference[];
}

/** Elements that came to a set and went from it. */
export interface SetDifference {
  readonly set: string;
  readonly add: readonly Element[];
  readonly remove: readonly Element[];
}

/** The combinations of one layer in one family, as sets of one shape each. */
export class LayerSets {
  readonly #name: string;
  readonly #family: Family;
  readonly #plans: readonly AddressPlan[];
  readonly #sets = new Map<string, ShapeSet>();
  /** Shapes that each entry has combinations of. */
  readonly #shapesOf = new Map<string, readonly string[]>();

  constructor(name: string, family: Family, plans: readonly AddressPlan[]) {
    this.#name = name;
    this.#family = family;
    this.#plans = plans;
  }

  /** The sets, in the order of their names. */
  get sets(): readonly ShapeSet[] {
    return [...this.#sets.values()];
  }

  /** Puts entries by their keys, or takes them away. False: there is a shape now that had no set before. */
  change(entries: Iterable<readonly [key: string, entry: RuleEntry | undefined]>): boolean {
    const before = this.#sets.size;
    for (const [key, entry] of entries) {
      for (const signature of this.#shapesOf.get(key) ?? []) this.#sets.get(signature)?.remove(key);
      if (entry === undefined) this.#shapesOf.delete(key);
      else this.#shapesOf.set(key, this.#put(key, entry));
    }
    return this.#sets.size === before;
  }

  /** What changed in the kernel's sets since this was last asked. */
  takeDifferences(): readonly SetDifference[] {
    return this.sets.flatMap((set) => set.takeDifference());
  }

  #put(key: string, { subject, peer, traffic, by }: RuleEntry): readonly string[] {
    const signatures = new Set<string>();
    const peers = sidesOf(peer, this.#family, this.#plans);
    for (const own of sidesOf(subject, this.#family, this.#plans)) {
      for (const other of peers) {
        const combination = combine(this.#family, own, other, traffic);
        if (combination === undefined) continue;
        const { signature, shape, ranges } = combination;
        let set = this.#sets.get(signature);
        if (set === undefined) {
          set = new ShapeSet(`${this.#name}_${this.#sets.size + 1}`, shape);
          this.#sets.set(signature, set);
        }
        set.add(key, { ranges, says: by });
        signatures.add(signature);
      }
    }
    return [...signatures];
  }
}

/** A group of combinations that differ in wide fields only; exact keys are groups of their own. */
interface Group {
  readonly members: Map<string, Box<RuleReference>[]>;
  /** What the kernel has of it. */
  rows: readonly (Row & { readonly text: string })[];
}

/** The set of one shape of a layer. */
export class ShapeSet {
  readonly name: string;
  readonly shape: Shape;
  readonly #types: ReturnType<typeof typesOf>;
  readonly #wide: readonly number[];
  readonly #groups = new Map<string, Group>();
  readonly #groupsOf = new Map<string, string[]>();
  readonly #changed = new Set<string>();
  #added: Element[] = [];
  #removed: Element[] = [];

  constructor(name: string, shape: Shape) {
    this.name = name;
    this.shape = shape;
    this.#types = typesOf(shape);
    this.#wide = wideFields(shape);
  }

  /** The elements with whom they come from. */
  rows(): readonly Row[] {
    this.#settle();
    return [...this.#groups.values()].flatMap(({ rows }) => rows);
  }

  add(key: string, box: Box<RuleReference>): void {
    const name = this.#groupName(box.ranges);
    const group = this.#groups.get(name) ?? { members: new Map(), rows: [] };
    const boxes = group.members.get(key);
    if (boxes === undefined) group.members.set(key, [box]);
    else boxes.push(box);
    this.#groups.set(name, group);
    const groups = this.#groupsOf.get(key);
    if (groups === undefined) this.#groupsOf.set(key, [name]);
    else groups.push(name);
    this.#changed.add(name);
  }

  remove(key: string): void {
    for (const name of this.#groupsOf.get(key) ?? []) {
      this.#groups.get(name)?.members.delete(key);
      this.#changed.add(name);
    }
    this.#groupsOf.delete(key);
  }

  /** As part of a table. The elements are put together when they are asked for, and follow later changes. */
  toSet(comment: string): NamedSet {
    const elements = (): readonly Element[] => sortElements(this.rows().map(({ element }) => element));
    return {
      name: this.name,
      comment,
      key: this.#types,
      ...(this.shape.hasRanges && { hasRanges: true }),
      hasCounters: true,
      get elements(): readonly Element[] {
        return elements();
      },
    };
  }

  takeDifference(): readonly SetDifference[] {
    this.#settle();
    const [add, remove] = [this.#added, this.#removed];
    if (add.length === 0 && remove.length === 0) return [];
    this.#added = [];
    this.#removed = [];
    return [{ set: this.name, add, remove }];
  }

  /** Works out the elements of groups that changed. */
  #settle(): void {
    for (const name of this.#changed) {
      const group = this.#groups.get(name) as Group;
      const before = new Map(group.rows.map((row) => [row.text, row]));
      group.rows = this.#rowsOf(group);
      const after = new Set(group.rows.map(({ text }) => text));
      for (const { text, element } of group.rows) if (!before.has(text)) this.#added.push(element);
      for (const [text, { element }] of before) if (!after.has(text)) this.#removed.push(element);
      if (group.members.size === 0) this.#groups.delete(name);
    }
    this.#changed.clear();
  }

  #rowsOf({ members }: Group): Group["rows"] {
    const boxes = [...members.values()].flat();
    const apart = this.#wide.length === 0 ? merged(boxes) : this.#apart(boxes);
    return apart.map(({ ranges, says }) => ({
      element: elementOf(this.#types, ranges),
      text: ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(" "),
      by: says,
    }));
  }

  #apart(boxes: readonly Box<RuleReference>[]): readonly Box<RuleReference>[] {
    const [first] = boxes;
    if (first === undefined) return [];
    const pick = (ranges: readonly Range[]): Range[] => this.#wide.map((index) => ranges[index] as Range);
    return disjoint(boxes.map(({ ranges, says }) => ({ ranges: pick(ranges), says }))).map(
      ({ ranges, says }) => ({
        ranges: first.ranges.map((range, index) => ranges[this.#wide.indexOf(index)] ?? range),
        says,
      }),
    );
  }

  #groupName(ranges: readonly Range[]): string {
    return ranges
      .filter((_, index) => !this.#wide.includes(index))
      .map(([first]) => first.toString(36))
      .join(" ");
  }
}

function merged(boxes: readonly Box<RuleReference>[]): readonly Box<RuleReference>[] {
  const [first] = boxes;
  if (first === undefined) return [];
  return [boxes.length === 1 ? first : { ranges: first.ranges, says: boxes.flatMap(({ says }) => says) }];
}

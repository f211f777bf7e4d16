import { createHash } from "node:crypto";
import { type Element, type RawElement, rawElement, type SetChange, type Table } from "../firewall/index.ts";
import type { Kernel } from "../system/kernel.ts";

/** Raw elements by the text that is equal for equal elements, by set. */
export type Elements = ReadonlyMap<string, ReadonlyMap<string, RawElement>>;

/** A short name for text, equal for equal text only. */
export function fingerprint(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}

/** The elements that the kernel has in the sets of a table. */
export function listElements(kernel: Kernel, { name, sets }: Table): Elements {
  return new Map(sets.map((set) => [set.name, byText(kernel.readSetCounters(name, set.name))]));
}

/** The elements of sets, as the kernel would list them. */
export function elementsOf(sets: Table["sets"]): Elements {
  return new Map(sets.map(({ name, elements }) => [name, byText(elements.map(rawElement))]));
}

/** What to change in elements that are there to make them those of the desired sets. */
export function elementChanges(table: string, desired: Table["sets"], there: Elements): readonly SetChange[] {
  return desired.flatMap(({ name: set, elements }): SetChange[] => {
    const before = there.get(set) ?? new Map<string, RawElement>();
    const wanted = byText(elements.map(rawElement));
    const add = [...wanted].flatMap(([text, element]) => (before.has(text) ? [] : [element]));
    const remove = [...before].flatMap(([text, element]) => (wanted.has(text) ? [] : [element]));
    return add.length + remove.length > 0 ? [{ table, set, add, remove }] : [];
  });
}

/** A change of elements as the kernel takes it. */
export function rawChange(
  table: string,
  change: { readonly set: string; readonly add: readonly Element[]; readonly remove: readonly Element[] },
): SetChange {
  const { set, add, remove } = change;
  return { table, set, add: add.map(rawElement), remove: remove.map(rawElement) };
}

function byText(elements: readonly RawElement[]): Map<string, RawElement> {
  return new Map(
    elements.map(({ key, keyEnd }) => [elementText({ key, keyEnd }), { key, ...(keyEnd && { keyEnd }) }]),
  );
}

/** Text that is equal for equal elements. */
export function elementText({
  key,
  keyEnd,
}: Pick<RawElement, "key"> & { keyEnd?: Uint8Array | undefined }): string {
  const text = Buffer.from(key).toString("latin1");
  return keyEnd === undefined ? text : `${text}-${Buffer.from(keyEnd).toString("latin1")}`;
}

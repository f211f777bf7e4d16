import type { SetChange } from "./binding.ts";
import { keyText, rawKey } from "./key.ts";
import { tableShape } from "./nft.ts";
import type { NamedSet, Table } from "./table.ts";

/**
 * The element changes that make one table of another, or undefined when chains or sets differ, so that the
 * table must be replaced as a whole. Equal tables give no change.
 */
export function changesBetween(before: Table, after: Table): readonly SetChange[] | undefined {
  if (tableShape(before) !== tableShape(after)) return undefined;
  return after.sets.flatMap((set, index) => {
    const change = setChange(after.name, before.sets[index] as NamedSet, set);
    return change.add.length + change.remove.length > 0 ? [change] : [];
  });
}

function setChange(table: string, before: NamedSet, after: NamedSet): SetChange {
  const old = keysOf(before);
  const wanted = keysOf(after);
  return {
    table,
    set: after.name,
    add: [...wanted].flatMap(([text, key]) => (old.has(text) ? [] : [key])),
    remove: [...old].flatMap(([text, key]) => (wanted.has(text) ? [] : [key])),
  };
}

function keysOf({ elements }: NamedSet): ReadonlyMap<string, Uint8Array> {
  return new Map(elements.map(rawKey).map((key) => [keyText(key), key]));
}

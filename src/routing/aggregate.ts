import { addressBits, comparePrefixes, createAddress, type Prefix, prefixOf } from "../net/index.ts";

/** One route that stands for several: its destination covers exactly what they led to. */
export interface Aggregate<R> {
  readonly destination: Prefix;
  /** The routes that it replaces, by destination; a route that stays as it was is alone. */
  readonly parts: readonly R[];
}

/** A route that is being merged: where it leads, as text that is equal for routes that may be merged. */
interface Entry<R> {
  readonly prefix: Prefix;
  readonly way: string;
  readonly parts: R[];
}

/** Entries of one family by length, then by first address. */
type Table<R> = Map<bigint, Entry<R>>[];

/**
 * Fewer routes with the same effect: every address is routed the same way as before by longest match, and
 * what was not routed still is not. Two halves of a prefix become the prefix, and a route inside a wider one
 * of the same way goes. `wayOf` says which routes lead the same way; destinations must be distinct.
 */
export function aggregateRoutes<R extends { readonly destination: Prefix }>(
  routes: readonly R[],
  wayOf: (route: R) => string,
): readonly Aggregate<R>[] {
  return ([4, 6] as const)
    .flatMap((family) => {
      const table: Table<R> = Array.from({ length: addressBits(family) + 1 }, () => new Map());
      for (const route of routes) {
        if (route.destination.family !== family) continue;
        const entry = { prefix: route.destination, way: wayOf(route), parts: [route] };
        table[entry.prefix.length]?.set(entry.prefix.value, entry);
      }
      mergeUpwards(table);
      return table.flatMap((entries) => [...entries.values()]).map(finish);
    })
    .toSorted((a, b) => comparePrefixes(a.destination, b.destination));
}

/** From the longest prefixes to the shortest, so that what is merged can be merged again. */
function mergeUpwards<R>(table: Table<R>): void {
  for (let length = table.length - 1; length >= 1; length--) {
    const entries = table[length] as Map<bigint, Entry<R>>;
    for (const entry of entries.values()) {
      const cover = coverOf(table, entry.prefix);
      if (cover?.way !== entry.way) continue;
      entries.delete(entry.prefix.value);
      cover.parts.push(...entry.parts);
    }
    for (const entry of entries.values()) mergeWithSibling(table, entry);
  }
}

/** The entry that addresses of the prefix would take without it. */
function coverOf<R>(table: Table<R>, prefix: Prefix): Entry<R> | undefined {
  for (let length = prefix.length - 1; length >= 0; length--) {
    const found = table[length]?.get(prefixOf(prefix, length).value);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A lower half joins its upper half; a route for both halves together was never taken and is replaced. */
function mergeWithSibling<R>(table: Table<R>, entry: Entry<R>): void {
  const { family, value, length } = entry.prefix;
  const parent = prefixOf(entry.prefix, length - 1);
  if (value !== parent.value) return;
  const upper = createAddress(family, value | (1n << BigInt(addressBits(family) - length)));
  const entries = table[length] as Map<bigint, Entry<R>>;
  const sibling = entries.get(upper.value);
  if (sibling?.way !== entry.way) return;
  entries.delete(value);
  entries.delete(upper.value);
  const parts = [...entry.parts, ...sibling.parts];
  table[length - 1]?.set(parent.value, { prefix: parent, way: entry.way, parts });
}

function finish<R extends { readonly destination: Prefix }>({ prefix, parts }: Entry<R>): Aggregate<R> {
  return {
    destination: prefix,
    parts: parts.toSorted((a, b) => comparePrefixes(a.destination, b.destination)),
  };
}

import { type Address, type Family, type Prefix, prefixMask } from "../net/index.ts";

/** Prefixes with a value each, found by an address in them: one look-up for each length that occurs. */
export class PrefixSet<T> {
  readonly #lengths: Readonly<
    Record<Family, { readonly mask: bigint; readonly values: Map<bigint, T[]> }[]>
  > = {
    4: [],
    6: [],
  };

  constructor(entries: Iterable<readonly [Prefix, T]>) {
    const byLength = new Map<string, Map<bigint, T[]>>();
    for (const [{ family, length, value }, item] of entries) {
      const key = `${family}/${length}`;
      let values = byLength.get(key);
      if (values === undefined) {
        values = new Map();
        byLength.set(key, values);
        this.#lengths[family].push({ mask: prefixMask(family, length), values });
      }
      const items = values.get(value);
      if (items === undefined) values.set(value, [item]);
      else items.push(item);
    }
  }

  /** The values of all prefixes that hold the address, in no particular but always the same order. */
  holding({ family, value }: Address): readonly T[] {
    return this.#lengths[family].flatMap(({ mask, values }) => values.get(value & mask) ?? []);
  }
}

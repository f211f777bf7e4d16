import { compareKeys, comparePlainKeys, isPlain, type KeyRange } from "./keys.ts";

/** Keys of one chunk before it is split in two. */
const CHUNK = 128;

/**
 * A map from keys to values in the order of {@link compareKeys}: a list of short sorted lists, so that inserting
 * moves little, beside a hash map for look-ups.
 */
export class SortedMap<V> {
  readonly #values = new Map<string, V>();
  readonly #chunks: string[][] = [[]];
  /** The fast comparison serves until the first key comes that is not plain. */
  #compare = comparePlainKeys;

  get size(): number {
    return this.#values.size;
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: V): void {
    const before = this.#values.size;
    this.#values.set(key, value);
    if (this.#values.size > before) this.#insert(key);
  }

  delete(key: string): void {
    if (!this.#values.delete(key)) return;
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index] as string[];
    chunk.splice(this.#lowerBound(chunk, key), 1);
    if (chunk.length === 0 && this.#chunks.length > 1) this.#chunks.splice(index, 1);
  }

  /** Values of the keys in the range, in order. The map must not change meanwhile. */
  *range({ start, end }: KeyRange): Generator<V, void, void> {
    for (let index = this.#chunkOf(start); index < this.#chunks.length; index++) {
      const chunk = this.#chunks[index] as string[];
      for (let place = this.#lowerBound(chunk, start); place < chunk.length; place++) {
        const key = chunk[place] as string;
        if (end !== undefined && this.#compare(key, end) >= 0) return;
        yield this.#values.get(key) as V;
      }
    }
  }

  #insert(key: string): void {
    if (!isPlain(key)) this.#compare = compareKeys;
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index] as string[];
    chunk.splice(this.#lowerBound(chunk, key), 0, key);
    if (chunk.length > CHUNK) this.#chunks.splice(index + 1, 0, chunk.splice(CHUNK / 2));
  }

  /** Index of the last chunk whose first key is not behind `key`; 0 when there is none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(this.#chunks[middle]?.[0] as string, key) <= 0) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Index of the first key of the chunk that is not before `key`. */
  #lowerBound(keys: readonly string[], key: string): number {
    let low = 0;
    let high = keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(keys[middle] as string, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

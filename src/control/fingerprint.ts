const BUCKETS = 1024;

/**
 * Tells whether two large collections of (name, place) pairs are the same without holding either: each pair is added
 * as a 64-bit number on one side and taken away on the other, and zero is left. In 1,024 buckets by name, so that
 * a difference is found by looking at a thousandth of the pairs. Against accidents, not against an adversary with
 * write access to the store, who would have simpler means.
 */
export class Fingerprint {
  readonly #low = new Uint32Array(BUCKETS);
  readonly #high = new Uint32Array(BUCKETS);

  /** Adds (or with sign −1 takes away) the pair of a part of one text and a part of another. */
  add(
    name: string,
    nameStart: number,
    nameEnd: number,
    place: string,
    placeStart: number,
    placeEnd: number,
    sign: 1 | -1,
  ): void {
    let a = 0x811c9dc5;
    let b = 0x9747b28c;
    for (let index = nameStart; index < nameEnd; index++) {
      const unit = name.charCodeAt(index);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b + unit, 0x5bd1e995);
    }
    const bucket = scramble(a) % BUCKETS;
    // The end of the name counts, too: "ab" + "c" is not "a" + "bc".
    a = Math.imul(a ^ 0x10000, 0x01000193);
    b = Math.imul(b + 0x10000, 0x5bd1e995);
    for (let index = placeStart; index < placeEnd; index++) {
      const unit = place.charCodeAt(index);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b + unit, 0x5bd1e995);
    }
    this.#low[bucket] = (this.#low[bucket] as number) + sign * scramble(a ^ (b >>> 15));
    this.#high[bucket] = (this.#high[bucket] as number) + sign * scramble(b ^ (a >>> 15));
  }

  /** Buckets in which the two sides differ. */
  differing(): ReadonlySet<number> {
    const buckets = new Set<number>();
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      if (this.#low[bucket] !== 0 || this.#high[bucket] !== 0) buckets.add(bucket);
    }
    return buckets;
  }
}

/** The bucket of a name. */
export function bucketOf(name: string): number {
  let a = 0x811c9dc5;
  for (let index = 0; index < name.length; index++) a = Math.imul(a ^ name.charCodeAt(index), 0x01000193);
  return scramble(a) % BUCKETS;
}

/** Spreads every bit over the whole word (the finish of MurmurHash3), as an unsigned number. */
function scramble(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

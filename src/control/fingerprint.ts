const BUCKETS = 1024;
const SEED = 0x811c9dc5;

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
    const nameHash = scramble(fold(name, nameStart, nameEnd, SEED));
    const placeHash = fold(place, placeStart, placeEnd, nameHash);
    const bucket = nameHash % BUCKETS;
    this.#low[bucket] = (this.#low[bucket] as number) + sign * scramble(placeHash);
    this.#high[bucket] =
      (this.#high[bucket] as number) + sign * scramble(placeHash ^ Math.imul(nameHash, 0x5bd1e995));
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
  return scramble(fold(name, 0, name.length, SEED)) % BUCKETS;
}

/** A number for a part of a text, four characters at a time: names and places are ASCII. */
function fold(text: string, start: number, end: number, seed: number): number {
  let h = seed ^ (end - start);
  let index = start;
  for (; index + 3 < end; index += 4) {
    const word =
      text.charCodeAt(index) |
      (text.charCodeAt(index + 1) << 8) |
      (text.charCodeAt(index + 2) << 16) |
      (text.charCodeAt(index + 3) << 24);
    h = Math.imul(h ^ word, 0x9e3779b1);
    h ^= h >>> 15;
  }
  for (; index < end; index++) h = Math.imul(h ^ text.charCodeAt(index), 0x01000193);
  return h;
}

/** Spreads every bit over the whole word (the finish of MurmurHash3), as an unsigned number. */
function scramble(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

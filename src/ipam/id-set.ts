/** IDs of one chunk. */
const CHUNK_IDS = 512;
const WORD_IDS = 32;
const WORDS = CHUNK_IDS / WORD_IDS;

interface Chunk {
  readonly words: Uint32Array;
  count: number;
}

/** A set of IDs from 0 to 2^32 − 1 that is small where it is dense and where it is empty: bitmaps of used chunks. */
export class IdSet {
  readonly #chunks = new Map<number, Chunk>();
  #size = 0;

  /** How many IDs are in it. */
  get size(): number {
    return this.#size;
  }

  has(id: number): boolean {
    const chunk = this.#chunks.get(Math.floor(id / CHUNK_IDS));
    if (chunk === undefined) return false;
    const place = id % CHUNK_IDS;
    return (((chunk.words[place >>> 5] as number) >>> (place & 31)) & 1) === 1;
  }

  /** True when the ID was not there before. */
  add(id: number): boolean {
    const index = Math.floor(id / CHUNK_IDS);
    let chunk = this.#chunks.get(index);
    if (chunk === undefined) {
      chunk = { words: new Uint32Array(WORDS), count: 0 };
      this.#chunks.set(index, chunk);
    }
    const place = id % CHUNK_IDS;
    const word = chunk.words[place >>> 5] as number;
    const bit = 1 << (place & 31);
    if ((word & bit) !== 0) return false;
    chunk.words[place >>> 5] = word | bit;
    chunk.count++;
    this.#size++;
    return true;
  }

  /** True when the ID was there. */
  delete(id: number): boolean {
    const index = Math.floor(id / CHUNK_IDS);
    const chunk = this.#chunks.get(index);
    if (chunk === undefined) return false;
    const place = id % CHUNK_IDS;
    const word = chunk.words[place >>> 5] as number;
    const bit = 1 << (place & 31);
    if ((word & bit) === 0) return false;
    chunk.words[place >>> 5] = word & ~bit;
    chunk.count--;
    this.#size--;
    if (chunk.count === 0) this.#chunks.delete(index);
    return true;
  }

  /** The lowest ID in `first`..`last` that is not in the set; undefined when all are. */
  firstAbsent(first: number, last: number): number | undefined {
    let id = first;
    while (id <= last) {
      const index = Math.floor(id / CHUNK_IDS);
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) return id;
      const place = chunk.count === CHUNK_IDS ? undefined : firstZero(chunk.words, id % CHUNK_IDS);
      if (place !== undefined) {
        const found = index * CHUNK_IDS + place;
        return found <= last ? found : undefined;
      }
      id = (index + 1) * CHUNK_IDS;
    }
    return undefined;
  }

  /** The lowest ID in `first`..`last` that is in the set; undefined when none is. */
  firstPresent(first: number, last: number): number | undefined {
    if (last < first) return undefined;
    const from = Math.floor(first / CHUNK_IDS);
    const to = Math.floor(last / CHUNK_IDS);
    // Whichever is shorter: the chunks of the range, or the chunks that there are.
    const indexes =
      to - from < this.#chunks.size
        ? range(from, to)
        : [...this.#chunks.keys()].filter((index) => index >= from && index <= to).sort((a, b) => a - b);
    for (const index of indexes) {
      const chunk = this.#chunks.get(index);
      if (chunk === undefined) continue;
      const place = firstOne(chunk.words, index === from ? first % CHUNK_IDS : 0);
      if (place === undefined) continue;
      const found = index * CHUNK_IDS + place;
      return found <= last ? found : undefined;
    }
    return undefined;
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let index = from; index <= to; index++) yield index;
}

function firstZero(words: Uint32Array, from: number): number | undefined {
  return firstBit(words, from, 0xffffffff);
}

function firstOne(words: Uint32Array, from: number): number | undefined {
  return firstBit(words, from, 0);
}

/** The first bit from `from` on that is one after the words are XORed with `flip`. */
function firstBit(words: Uint32Array, from: number, flip: number): number | undefined {
  let mask = -1 << (from & 31);
  for (let index = from >>> 5; index < words.length; index++) {
    const candidates = ((words[index] as number) ^ flip) & mask;
    if (candidates !== 0) return index * WORD_IDS + (31 - Math.clz32(candidates & -candidates));
    mask = -1;
  }
  return undefined;
}

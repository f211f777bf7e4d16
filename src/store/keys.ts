/**
 * Order of two keys by their UTF-8 bytes, which is the order of code points. JavaScript's own order of strings
 * differs: it compares UTF-16 units, so that U+1F600 (surrogates D83D DE00) comes before U+FFFF.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index++) {
    const x = a.charCodeAt(index);
    const y = b.charCodeAt(index);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Moves surrogates behind all other UTF-16 units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/** The same order by JavaScript's fast comparison: right when at least one of the two keys {@link isPlain}. */
export function comparePlainKeys(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** True when all characters are below the surrogates, where both orders agree. */
export function isPlain(key: string): boolean {
  return /^[\0-\ud7ff]*$/.test(key);
}

/** The key directly behind another. */
export function keyBehind(key: string): string {
  return `${key}\0`;
}

/** The first key behind all keys that start with `prefix`; undefined when nothing can be behind them. */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) as number);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}

/** Keys from `start` on and before `end` (undefined: all). */
export interface KeyRange {
  readonly start: string;
  readonly end: string | undefined;
}

/** The keys that start with `prefix` and are behind `after`. */
export function rangeOf(prefix: string, after: string | undefined): KeyRange {
  const start = after !== undefined && compareKeys(after, prefix) >= 0 ? keyBehind(after) : prefix;
  return { start, end: prefixEnd(prefix) };
}

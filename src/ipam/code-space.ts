import { codesOverlap, type IdRange } from "../addressing/index.ts";
import type { SegmentCode } from "../model/index.ts";
import { IdPool } from "./id-pool.ts";

/** The codes of one tenant, of all widths: which are owned, and which rest after use. */
export class CodeSpace {
  /** By extra bits. */
  readonly #widths = new Map<number, IdPool>();

  /** How many codes are owned. */
  get size(): number {
    let sum = 0;
    for (const pool of this.#widths.values()) sum += pool.used;
    return sum;
  }

  take({ code, extraBits }: SegmentCode): void {
    this.#poolOf(extraBits).take(code);
  }

  drop({ code, extraBits }: SegmentCode): void {
    this.#widths.get(extraBits)?.drop(code);
  }

  rest({ code, extraBits }: SegmentCode, until: number): void {
    this.#poolOf(extraBits).rest(code, until);
  }

  endRest({ code, extraBits }: SegmentCode): void {
    this.#widths.get(extraBits)?.endRest(code);
  }

  /** How many codes rest at `now`. */
  resting(now: number): number {
    let sum = 0;
    for (const pool of this.#widths.values()) sum += pool.resting(now);
    return sum;
  }

  /**
   * The lowest code of this width in the range that overlaps no code that is owned or resting; undefined when
   * there is none.
   */
  lowestFree(extraBits: number, range: IdRange, now: number): SegmentCode | undefined {
    const pool = this.#poolOf(extraBits);
    let code = pool.lowestFree(range, now);
    while (code !== undefined) {
      const behind = this.#behindObstacle({ code, extraBits }, now);
      if (behind === undefined) return { code, extraBits };
      code = pool.lowestFreeFrom(behind, range.last, now);
    }
    return undefined;
  }

  /** The first code of this width behind a code of another width in the way; undefined when none is in the way. */
  #behindObstacle({ code, extraBits }: SegmentCode, now: number): number | undefined {
    for (const [otherBits, pool] of this.#widths) {
      if (otherBits === extraBits) continue;
      const scale = 2 ** (otherBits - extraBits);
      const first = Math.floor(code * scale);
      const last = scale > 1 ? first + scale - 1 : first;
      if (pool.lowestBusy({ first, last }, now) === undefined) continue;
      return scale > 1 ? code + 1 : (first + 1) / scale;
    }
    return undefined;
  }

  #poolOf(extraBits: number): IdPool {
    let pool = this.#widths.get(extraBits);
    if (pool === undefined) {
      pool = new IdPool();
      this.#widths.set(extraBits, pool);
    }
    return pool;
  }
}

/** The first two codes of a list that overlap; undefined when all are prefix-free. */
export function overlappingCodes(codes: readonly SegmentCode[]): [SegmentCode, SegmentCode] | undefined {
  // Sorted by where they start, only neighbours can overlap first.
  const widest = Math.max(...codes.map((code) => code.extraBits));
  const start = (code: SegmentCode): number => code.code * 2 ** (widest - code.extraBits);
  const sorted = [...codes].sort((a, b) => start(a) - start(b) || a.extraBits - b.extraBits);
  for (const [index, code] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next !== undefined && codesOverlap(code, next)) return [code, next];
  }
  return undefined;
}

/** From the first value to the last one. */
export type Range = readonly [first: bigint, last: bigint];

/** A range in each of some dimensions, with what it stands for. */
export interface Box<T> {
  readonly ranges: readonly Range[];
  readonly says: readonly T[];
}

/**
 * The same values in boxes that do not overlap, since the kernel refuses those that do. Where boxes overlap, what the
 * earlier one says comes first.
 */
export function disjoint<T>(boxes: readonly Box<T>[]): readonly Box<T>[] {
  const apart = alongOne(boxes);
  if (apart !== undefined) return apart;
  const done: Box<T>[] = [];
  for (const box of boxes) {
    let rest = [box.ranges];
    for (const before of done) {
      if (rest.length === 0) break;
      rest = rest.flatMap((ranges) => without(ranges, before.ranges));
    }
    for (const ranges of rest) done.push({ ranges, says: box.says });
  }
  return done;
}

/** When boxes differ in one dimension only and do not touch each other there, they are apart already. */
function alongOne<T>(boxes: readonly Box<T>[]): readonly Box<T>[] | undefined {
  const [first] = boxes;
  if (first === undefined) return [];
  const varied = first.ranges.flatMap((range, dimension) =>
    boxes.every(({ ranges }) => isSame(ranges[dimension] as Range, range)) ? [] : [dimension],
  );
  if (varied.length > 1) return undefined;
  const dimension = varied[0] ?? 0;
  const rangeOf = ({ ranges }: Box<T>): Range => ranges[dimension] as Range;
  const sorted = boxes.toSorted((a, b) => compare(rangeOf(a)[0], rangeOf(b)[0]));
  const overlaps = sorted.some((box, index) => {
    const next = sorted[index + 1];
    return next !== undefined && rangeOf(next)[0] <= rangeOf(box)[1];
  });
  return overlaps ? undefined : boxes;
}

/** The part of a box that lies outside another one. */
function without(box: readonly Range[], hole: readonly Range[]): (readonly Range[])[] {
  if (
    box.some(([first, last], index) => last < (hole[index] as Range)[0] || first > (hole[index] as Range)[1])
  ) {
    return [box];
  }
  const parts: (readonly Range[])[] = [];
  let rest = box;
  for (const [index, [from, to]] of hole.entries()) {
    const [first, last] = rest[index] as Range;
    const cut = (range: Range): readonly Range[] => rest.with(index, range);
    if (first < from) parts.push(cut([first, from - 1n]));
    if (last > to) parts.push(cut([to + 1n, last]));
    rest = cut([first > from ? first : from, last < to ? last : to]);
  }
  return parts;
}

function isSame(a: Range, b: Range): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

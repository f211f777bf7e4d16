/** One line of a benchmark's table. */
export interface BenchRow {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What the value must not exceed, or reach. Without it the line is there for comparison. */
  readonly bar?: { readonly relation: "at most" | "at least"; readonly value: number };
}

/** What a benchmark's `run()` found. */
export interface BenchResult {
  readonly name: string;
  /** How it was measured, in one sentence. */
  readonly method: string;
  readonly rows: readonly BenchRow[];
}

/** True when the line keeps its bar, or has none. */
export function keepsBar({ value, bar }: BenchRow): boolean {
  if (bar === undefined) return true;
  return bar.relation === "at most" ? value <= bar.value : value >= bar.value;
}

/** The middle value; the mean of the two in the middle of an even number. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below, above] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return ((below ?? Number.NaN) + (above ?? Number.NaN)) / 2;
}

/** The median of the ratios of values measured side by side, which disturbances of both leave alone. */
export function pairedRatio(values: readonly number[], references: readonly number[]): number {
  return median(values.map((value, index) => value / (references[index] ?? Number.NaN)));
}

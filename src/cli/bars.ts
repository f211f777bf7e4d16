import type { Screen } from "./format.ts";

/** How full something is. */
export interface Fill {
  readonly used: number;
  readonly capacity: number;
}

/** From nothing to a full character, in eighths. */
const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"] as const;

const EMPTY = { unicode: "·", ascii: "." } as const;

/** Shares from which on a bar is meant as a warning, and as bad. */
const NEARLY_FULL = 0.8;

/**
 * A bar of exactly `width` characters. What is used at all shows, and only what is used up fills the bar; a
 * pool without capacity is empty.
 */
export function renderBar(screen: Pick<Screen, "unicode" | "paint">, fill: Fill, width: number): string {
  const steps = screen.unicode ? EIGHTHS.length - 1 : 1;
  const filled = filledSteps(fill, width * steps);
  const whole = Math.floor(filled / steps);
  const solid = screen.unicode ? "█".repeat(whole) + (EIGHTHS[filled % steps] as string) : "#".repeat(whole);
  const rest = (screen.unicode ? EMPTY.unicode : EMPTY.ascii).repeat(width - solid.length);
  const share = shareOf(fill);
  const tone = share >= 1 ? "bad" : share >= NEARLY_FULL ? "warning" : "good";
  return (solid === "" ? "" : screen.paint(tone, solid)) + (rest === "" ? "" : screen.paint("faint", rest));
}

/** The share as people read it: `0 %`, `<1 %`, `42 %`, `>99 %`, `100 %`. */
export function formatShare(fill: Fill): string {
  const share = shareOf(fill);
  if (share > 0 && share < 0.01) return "<1 %";
  if (share < 1 && share > 0.99) return ">99 %";
  return `${Math.round(share * 100)} %`;
}

const UNITS = ["k", "M", "G", "T", "P"] as const;

/** A number in at most five characters: exact below 100,000, then `100k`, `4.29G`. */
export function formatCount(number: number): string {
  if (number < 100_000) return String(number);
  const power = Math.min(Math.floor(Math.log10(number) / 3), UNITS.length);
  return `${Number((number / 1000 ** power).toPrecision(3))}${UNITS[power - 1]}`;
}

function shareOf({ used, capacity }: Fill): number {
  if (capacity > 0) return used / capacity;
  return used > 0 ? 1 : 0;
}

function filledSteps(fill: Fill, steps: number): number {
  const share = shareOf(fill);
  if (share >= 1) return steps;
  const rounded = Math.round(share * steps);
  return share === 0 ? 0 : Math.min(Math.max(rounded, 1), steps - 1);
}

import type { Labels } from "../model/index.ts";
import { labelsJson } from "./records.ts";

/** The labels of a noun as a field of it; none are left out. */
export function labelsOf(labels: Labels | undefined): { labels?: Labels } {
  return labels === undefined || labels.size === 0 ? {} : { labels };
}

/** True when both are the same keys with the same values, in any order. */
export function isSameLabels(a: Labels | undefined, b: Labels | undefined): boolean {
  return JSON.stringify(labelsJson(a)) === JSON.stringify(labelsJson(b));
}

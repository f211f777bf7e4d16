import type { LabelRequirement, Labels } from "../model/index.ts";
import { matchesLabels } from "../policy/index.ts";

/** Which segment of its namespace an object means. */
export type SegmentChoice =
  | { readonly by: "name"; readonly name: string }
  | { readonly by: "labels"; readonly requirements: readonly LabelRequirement[] };

/** What matters of a segment. */
export interface ChosenSegment {
  readonly labels?: Labels;
  /** Whether pods are of it now. */
  readonly isUsed: boolean;
}

/** Most segments that a problem names. */
const MAX_NAMED = 5;

/**
 * The one segment that is meant, or why it is not one. Segments that pods are of come before those that none is of any more, and
 * of several of these the one that was meant before stays it.
 */
export function chooseSegment(
  choice: SegmentChoice,
  segments: ReadonlyMap<string, ChosenSegment>,
  before: string | undefined,
): { readonly segment: string } | { readonly problem: string } {
  if (choice.by === "name") {
    if (segments.has(choice.name)) return { segment: choice.name };
    return { problem: `there is no segment "${choice.name}": no pod of the namespace has been of it` };
  }
  const matching = [...segments].filter(([, { labels }]) => matchesLabels(choice.requirements, labels));
  const used = matching.filter(([, { isUsed }]) => isUsed);
  const names = (used.length > 0 ? used : matching).map(([name]) => name).sort();
  const [segment] = names;
  if (segment === undefined) return { problem: "no class of pods of the namespace matches the selector" };
  if (names.length === 1) return { segment };
  if (used.length === 0 && before !== undefined && names.includes(before)) return { segment: before };
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  const list = names.slice(0, MAX_NAMED).join(", ");
  return { problem: `${names.length} classes of pods match the selector, and one is wanted: ${list}${more}` };
}

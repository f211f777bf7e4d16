import type { LabelRequirement, Labels } from "../model/index.ts";
import { matchesLabels } from "../policy/index.ts";
import { SEGMENT_LABEL } from "./desired-workload.ts";

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

/** Why something cannot be made as its object says; the reason is one word. */
export interface ObjectProblem {
  readonly reason: string;
  readonly message: string;
}

/** Most segments that a problem names. */
const MAX_NAMED = 5;

/**
 * The one segment of a namespace that is meant, or why it is not one. A name means the segment of that name, and those of pods
 * that ask for it by label but are of another class, as after a rollout. Segments that pods are of come before those that none is
 * of any more; of several of these the one that was meant before stays it.
 */
export function chooseSegment(
  choice: SegmentChoice,
  segments: ReadonlyMap<string, ChosenSegment>,
  before: string | undefined,
): { readonly segment: string } | ObjectProblem {
  const matching = [...segments].filter(([name, { labels }]) =>
    choice.by === "name"
      ? name === choice.name || labels?.get(SEGMENT_LABEL) === choice.name
      : matchesLabels(choice.requirements, labels),
  );
  const used = matching.filter(([, { isUsed }]) => isUsed);
  const names = (used.length > 0 ? used : matching).map(([name]) => name).sort();
  const [segment] = names;
  if (segment === undefined) return { reason: "NoSegment", message: absenceOf(choice) };
  if (names.length === 1) return { segment };
  if (used.length === 0 && before !== undefined && names.includes(before)) return { segment: before };
  const what = choice.by === "name" ? `are of segment "${choice.name}"` : "match the selector";
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  const list = `${names.slice(0, MAX_NAMED).join(", ")}${more}`;
  const message = `${names.length} classes of pods ${what}, and one is wanted: ${list}`;
  return { reason: "SeveralSegments", message };
}

function absenceOf(choice: SegmentChoice): string {
  if (choice.by === "labels") return "no class of pods of the namespace matches the selector";
  return `there is no segment "${choice.name}": no pod of the namespace has been of it`;
}

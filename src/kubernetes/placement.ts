import type { Labels, NamedPort, SegmentCode } from "../model/index.ts";
import type { LabelClass } from "./label-classes.ts";

/** What matters of a segment that is there. */
export interface PlacedSegment {
  readonly codes: readonly SegmentCode[];
  readonly labels?: Labels;
  readonly ports?: readonly NamedPort[];
}

/** Where a pod belongs in its namespace. */
export interface Placement {
  /** The segment of its class: who it is for policies. */
  readonly role: string;
  /** The segment that it asks for by label, when that is another class's. */
  readonly birth?: string;
}

/**
 * The segment of a class among those of its namespace: one that is there and of this class, or the first free name.
 * `named` is the segment that the pod asks for: it is the class's own unless another class has it already; then the
 * pod is born there and acts as its class's.
 */
export function placeClass(
  labelClass: LabelClass,
  named: string | undefined,
  segments: ReadonlyMap<string, PlacedSegment>,
): Placement {
  const isOurs = (name: string): boolean => {
    const segment = segments.get(name);
    return segment === undefined || isOfClass(segment, labelClass);
  };
  if (named !== undefined && isOurs(named)) return { role: named };
  let role = labelClass.name;
  for (let count = 2; !isOurs(role); count++) role = `${labelClass.name}-${count}`;
  return { role, ...(named !== undefined && { birth: named }) };
}

/**
 * The segment with codes in which a pod is born whose own has none: the one where it is already, else one by its ID, so
 * that pods spread. Undefined when the namespace has none.
 */
export function chooseBirth(
  segments: ReadonlyMap<string, PlacedSegment>,
  preferred: readonly (string | undefined)[],
  id: string,
): string | undefined {
  const coded = [...segments].flatMap(([name, { codes }]) => (codes.length > 0 ? [name] : [])).sort();
  const kept = preferred.find((name) => name !== undefined && coded.includes(name));
  if (kept !== undefined || coded.length === 0) return kept;
  let sum = 0;
  for (const character of id) sum = (sum * 31 + (character.codePointAt(0) as number)) % 0x7fffffff;
  return coded[sum % coded.length];
}

function isOfClass({ labels = new Map(), ports = [] }: PlacedSegment, labelClass: LabelClass): boolean {
  if (labels.size !== labelClass.labels.size || ports.length !== labelClass.ports.length) return false;
  for (const [key, value] of labelClass.labels) if (labels.get(key) !== value) return false;
  return labelClass.ports.every(({ name, protocol, port }) =>
    ports.some((other) => other.name === name && other.protocol === protocol && other.port === port),
  );
}

import type { Labels, NamedPort } from "../model/index.ts";
import { type KubernetesPod, type LabelRecord, PROTOCOL_NUMBERS } from "./objects.ts";

/**
 * Labels that controllers put on pods to tell revisions and replicas of one workload apart (Kubernetes: well-known
 * labels). They would make a segment of each pod.
 */
export const IGNORED_LABELS: ReadonlySet<string> = new Set([
  "pod-template-hash",
  "controller-revision-hash",
  "pod-template-generation",
  "statefulset.kubernetes.io/pod-name",
  "apps.kubernetes.io/pod-index",
  "controller-uid",
  "job-name",
  "batch.kubernetes.io/controller-uid",
  "batch.kubernetes.io/job-name",
  "batch.kubernetes.io/job-completion-index",
]);

/** Labels whose values say what a workload is, the best first. */
const TELLING_LABELS = ["app.kubernetes.io/name", "app", "k8s-app", "name"];

const NO_PORTS: readonly NamedPort[] = [];

/** Longest part of a segment's name that labels give; with the hash behind it, it fits a name. */
const STEM_LENGTH = 40;

/** What pods with the same labels and the same named ports share: they are one segment of their namespace. */
export interface LabelClass {
  /** Equal for equal labels and ports, and different for others. */
  readonly key: string;
  /** Name of the segment; it depends on nothing but the key. Two keys may get one name, but hardly ever do. */
  readonly name: string;
  readonly labels: Labels;
  /** Sorted. */
  readonly ports: readonly NamedPort[];
}

/** The class of a pod's labels, without those that are ignored, and of its named ports. */
export function classOf(
  labels: LabelRecord,
  ports: KubernetesPod["ports"],
  ignoredKeys: ReadonlySet<string> = IGNORED_LABELS,
): LabelClass {
  return classFrom(keptLabels(labels, ignoredKeys), namedPorts(ports));
}

/** A {@link classOf} that makes each class once: equal pods get the same object. */
export function createClassifier(
  ignoredKeys: ReadonlySet<string> = IGNORED_LABELS,
): (pod: Pick<KubernetesPod, "labels" | "ports">) => LabelClass {
  const classes = new Map<string, LabelClass>();
  return ({ labels, ports }) => {
    const kept = keptLabels(labels, ignoredKeys);
    const named = namedPorts(ports);
    const key = keyOf(kept, named);
    let found = classes.get(key);
    if (found === undefined) {
      found = classFrom(kept, named);
      classes.set(key, found);
    }
    return found;
  };
}

type Entry = readonly [key: string, value: string];

function keptLabels(labels: LabelRecord, ignoredKeys: ReadonlySet<string>): Entry[] {
  const kept: Entry[] = [];
  for (const key in labels) if (!ignoredKeys.has(key)) kept.push([key, labels[key] as string]);
  return kept.length < 2 ? kept : kept.sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Of several ports with one name and protocol, the first one has it. */
function namedPorts(ports: KubernetesPod["ports"]): readonly NamedPort[] {
  if (ports.length === 0) return NO_PORTS;
  const named: NamedPort[] = [];
  for (const { name, protocol: word, port } of ports) {
    const protocol = PROTOCOL_NUMBERS[word];
    const isTaken = named.some((other) => other.name === name && other.protocol === protocol);
    if (!isTaken) named.push({ name, protocol, port });
  }
  return named.sort((a, b) => (a.name === b.name ? a.protocol - b.protocol : a.name < b.name ? -1 : 1));
}

/** Neither `\n` nor `=` is part of a label's key or of a port's name, and a value has no `\n`. */
function keyOf(labels: readonly Entry[], ports: readonly NamedPort[]): string {
  let key = "";
  for (const [name, value] of labels) key += `${name}=${value}\n`;
  for (const { name, protocol, port } of ports) key += `\n${name}=${protocol}/${port}`;
  return key;
}

function classFrom(labels: readonly Entry[], ports: readonly NamedPort[]): LabelClass {
  const key = keyOf(labels, ports);
  const name = `${stemOf(labels)}-${hashOf(key)}`;
  return { key, name, labels: new Map(labels), ports };
}

/** The start of a name that tells people which workload it is; `pods` where no label does. */
function stemOf(labels: readonly Entry[]): string {
  const values = new Map(labels);
  const telling = TELLING_LABELS.map((key) => values.get(key)).find((value) => value !== undefined);
  const value = telling ?? labels[0]?.[1] ?? "";
  return value === "" ? "pods" : value.slice(0, STEM_LENGTH);
}

/** 64 bits as hexadecimal digits: FNV-1a over UTF-16 units, from two different starts. */
function hashOf(text: string): string {
  const FNV_PRIME = 0x01000193;
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, FNV_PRIME);
    high = Math.imul(high ^ unit ^ (low >>> 16), FNV_PRIME);
  }
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}

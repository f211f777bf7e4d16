import type { EndpointSelector, LabelRequirement } from "../model/index.ts";
import type { LabelSelector } from "./objects.ts";

/** The selector as one list of requirements; `matchLabels` are `In` with one value (meta/v1 LabelSelector). */
export function requirementsOf({ matchLabels, matchExpressions }: LabelSelector): LabelRequirement[] {
  const requirements: LabelRequirement[] = [];
  for (const key in matchLabels) {
    requirements.push({ key, operator: "In", values: [matchLabels[key] as string] });
  }
  if (matchExpressions !== undefined) requirements.push(...matchExpressions);
  return requirements;
}

/** Who pods are selected from: a namespace by name, or all whose labels match. */
export type NamespaceChoice = { readonly name: string } | { readonly labels: LabelSelector };

/** Pods as endpoints: the namespace is the tenant, labels of pods are those of segments. Empty selectors select all. */
export function selectPods(namespace: NamespaceChoice, pods?: LabelSelector): EndpointSelector {
  const tenant =
    "name" in namespace ? { by: "name" as const, name: namespace.name } : byLabels(namespace.labels);
  const segment = pods && byLabels(pods);
  return { kind: "endpoints", ...(tenant && { tenant }), ...(segment && { segment }) };
}

function byLabels(
  selector: LabelSelector,
): { readonly by: "labels"; readonly requirements: readonly LabelRequirement[] } | undefined {
  const requirements = requirementsOf(selector);
  return requirements.length === 0 ? undefined : { by: "labels", requirements };
}

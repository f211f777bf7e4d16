import type { EndpointSelector, Policy } from "../model/index.ts";

/** The keys of labels by which a policy selects segments: pods that differ in one of them must differ in their class. */
export function selectedLabelKeys({ appliedTo, rules }: Policy): ReadonlySet<string> {
  const keys = new Set<string>();
  const note = (party: { readonly kind: string }): void => {
    if (party.kind !== "endpoints") return;
    const { segment } = party as EndpointSelector;
    if (segment?.by === "labels") for (const { key } of segment.requirements) keys.add(key);
  };
  for (const target of appliedTo) note(target);
  for (const { peers } of rules) for (const peer of peers) note(peer);
  return keys;
}

import type { KnownPolicy, PolicyDamage } from "../model/index.ts";

const ADVICE = "write it again with romana policy apply, or remove it with romana policy remove";

/** What follows a policy's name, and what is enforced in its place. */
const SENTENCES: Readonly<Record<PolicyDamage, readonly [string, string]>> = {
  "earlier-version": ["cannot be read from the store", "what it said before is enforced"],
  "targets-only": [
    "cannot be read and this host has no earlier version",
    "all traffic of those whom it is applied to is dropped",
  ],
  nothing: ["cannot be read and this host has no earlier version", "it is not enforced, and cannot be"],
};

/** A sentence for people about each policy that cannot be read: what is enforced in its place, and what to do. */
export function damagedPolicies(policies: readonly KnownPolicy[]): readonly string[] {
  return policies.flatMap(({ id, damage }) => {
    if (damage === undefined) return [];
    const [fault, consequence] = SENTENCES[damage];
    return [`Policy "${id}" ${fault}: ${consequence}; ${ADVICE}`];
  });
}

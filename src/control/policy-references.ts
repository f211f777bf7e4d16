import type { Fault, Policy } from "../model/index.ts";
import { missingReferences as findMissing } from "../policy/index.ts";
import type { Catalog } from "./catalog.ts";

/** The tenants and segments that a policy names and that the catalog has not, each with its place in the policy. */
export function missingReferences(catalog: Catalog, policy: Policy): Fault[] {
  const known = {
    tenants: [...catalog.tenants.values()].map(({ record }) => record.tenant),
    segmentsOf: (name: string) =>
      [...(catalog.segments.get(name)?.values() ?? [])].map(({ record }) => record.segment),
  };
  return findMissing(known, policy);
}

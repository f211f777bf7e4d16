import type {
  EndpointSelector,
  LabelRequirement,
  Labels,
  NounSelector,
  Segment,
  Tenant,
} from "../model/index.ts";
import type { Owner } from "./owner.ts";

/** True when all requirements hold; a thing without labels has none (Kubernetes LabelSelector). */
export function matchesLabels(
  requirements: readonly LabelRequirement[],
  labels: Labels = new Map<string, string>(),
): boolean {
  return requirements.every(({ key, operator, values }) => {
    const value = labels.get(key);
    switch (operator) {
      case "In":
        return value !== undefined && values.includes(value);
      case "NotIn":
        return value === undefined || !values.includes(value);
      case "Exists":
        return value !== undefined;
      case "DoesNotExist":
        return value === undefined;
      default:
        return operator satisfies never;
    }
  });
}

/**
 * True when the selector is about this owner. A part that is absent or requires nothing selects whoever is in a
 * network, known or not; any other part selects only who is known.
 */
export function selectsOwner(selector: EndpointSelector, owner: Owner | undefined): boolean {
  if (owner === undefined) return false;
  const { tenant, segment } = owner;
  const isTenant =
    isEverything(selector.tenant) || (tenant !== undefined && selectsTenant(selector.tenant, tenant));
  const isSegment =
    isEverything(selector.segment) || (segment !== undefined && selectsSegment(selector.segment, segment));
  return isTenant && isSegment;
}

function isEverything(
  selector: NounSelector | undefined,
): selector is undefined | { by: "labels"; requirements: [] } {
  return selector === undefined || (selector.by === "labels" && selector.requirements.length === 0);
}

function selectsTenant(selector: NounSelector, tenant: Tenant): boolean {
  switch (selector.by) {
    case "name":
      return tenant.name === selector.name;
    case "id":
      return tenant.id === selector.id;
    case "external-id":
      return tenant.externalId === selector.externalId;
    case "labels":
      return matchesLabels(selector.requirements, tenant.labels);
    default:
      return selector satisfies never;
  }
}

function selectsSegment(selector: NounSelector, segment: Segment): boolean {
  switch (selector.by) {
    case "name":
      return segment.name === selector.name;
    case "id":
      return segment.codes.some(({ code, extraBits }) => extraBits === 0 && code === selector.id);
    case "external-id":
      return segment.externalId === selector.externalId;
    case "labels":
      return matchesLabels(selector.requirements, segment.labels);
    default:
      return selector satisfies never;
  }
}

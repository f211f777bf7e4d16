import type {
  EndpointSelector,
  Fault,
  NounSelector,
  Policy,
  Segment,
  SegmentCode,
  Tenant,
} from "../model/index.ts";

/** Who is there, for {@link missingReferences}. */
export interface KnownNouns {
  readonly tenants: readonly Tenant[];
  segmentsOf(tenant: string): readonly Segment[];
}

/**
 * The tenants and segments that a policy names and that are not there, each with its place in the policy. Labels
 * name nobody, so they never miss anybody.
 */
export function missingReferences(known: KnownNouns, policy: Policy): Fault[] {
  return [
    ...policy.appliedTo.flatMap((target, index) =>
      target.kind === "endpoints" ? missingOf(known, target, `appliedTo.${index}`) : [],
    ),
    ...policy.rules.flatMap(({ peers }, rule) =>
      peers.flatMap((peer, index) =>
        peer.kind === "endpoints" ? missingOf(known, peer, `rules.${rule}.peers.${index}`) : [],
      ),
    ),
  ];
}

function missingOf(known: KnownNouns, { tenant, segment }: EndpointSelector, path: string): Fault[] {
  const { tenants } = known;
  const owners = tenant === undefined ? tenants : tenants.filter((candidate) => isTenant(candidate, tenant));
  if (tenant !== undefined && tenant.by !== "labels" && owners.length === 0) {
    return [{ path: `${path}.tenant`, reason: `there is no tenant ${textOf(tenant)}` }];
  }
  if (segment === undefined || segment.by === "labels") return [];
  const isThere = owners.some(({ name }) =>
    known.segmentsOf(name).some((candidate) => isSegment(candidate, segment)),
  );
  if (isThere) return [];
  const where = tenant === undefined ? "any tenant" : `tenant ${textOf(tenant)}`;
  return [{ path: `${path}.segment`, reason: `there is no segment ${textOf(segment)} in ${where}` }];
}

function isTenant({ name, id, externalId }: Tenant, selector: NounSelector): boolean {
  switch (selector.by) {
    case "name":
      return name === selector.name;
    case "id":
      return id === selector.id;
    case "external-id":
      return externalId === selector.externalId;
    case "labels":
      return true;
  }
}

function isSegment(
  { name, codes, externalId }: Segment,
  selector: Exclude<NounSelector, { by: "labels" }>,
): boolean {
  switch (selector.by) {
    case "name":
      return name === selector.name;
    case "id":
      return codes.some(({ code, extraBits }: SegmentCode) => extraBits === 0 && code === selector.id);
    case "external-id":
      return externalId === selector.externalId;
  }
}

function textOf(selector: NounSelector): string {
  switch (selector.by) {
    case "name":
      return `"${selector.name}"`;
    case "id":
      return `with ID ${selector.id}`;
    case "external-id":
      return `with external ID "${selector.externalId}"`;
    case "labels":
      return "with these labels";
  }
}

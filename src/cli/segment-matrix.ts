import { CELL, type Decide } from "../kubernetes/index.ts";
import { notFound, type Segment } from "../model/index.ts";
import type { Flow, PolicyWorld } from "../policy/index.ts";
import type { TitledMatrix } from "./policy-matrix.ts";
import { actingMember, imagineMember } from "./why-source.ts";
import type { TrafficOf } from "./why-traffic.ts";

const FAMILIES = [4, 6] as const;

/** Who reaches whom between segments, as the first endpoints of them would. */
export interface SegmentMatrix {
  /** Segments as `tenant/name`. */
  readonly order: readonly string[];
  readonly matrix: TitledMatrix;
}

/**
 * Asks an engine about every segment (of one tenant, or of all) and every other, and itself: its endpoints among each
 * other. A segment without codes is there when an endpoint acts as it, which is asked about. Where both have addresses of both families, all must be allowed.
 * @throws RomanaError `not-found` for a tenant that is not there.
 */
export function segmentMatrix(
  world: PolicyWorld,
  decide: Decide,
  traffic: TrafficOf,
  title: string,
  tenant?: string,
): SegmentMatrix {
  if (tenant !== undefined && !world.tenants.some(({ name }) => name === tenant)) {
    throw notFound("tenant", tenant);
  }
  const segments = world.segments
    .filter((segment) => tenant === undefined || segment.tenant === tenant)
    .toSorted((a, b) => compare(nameOf(a), nameOf(b)))
    .flatMap((segment) => {
      const addresses =
        segment.codes.length > 0 ? imagineMember(world, segment) : actingMember(world, segment);
      return addresses === undefined ? [] : [{ name: nameOf(segment), addresses }];
    });
  const members = segments.map(({ addresses }) => addresses);
  let [ingress, egress, combined] = ["", "", ""];
  for (const from of members) {
    for (const to of members) {
      const flows = FAMILIES.flatMap((family): Flow[] => {
        const [source, destination] = [from[`ipv${family}`], to[`ipv${family}`]];
        return source && destination ? [{ source, destination, ...traffic(family) }] : [];
      });
      const isSent = flows.every((flow) => decide("egress", flow) === "accept");
      const isLetIn = flows.every((flow) => decide("ingress", flow) === "accept");
      egress += mark(isSent);
      ingress += mark(isLetIn);
      combined += mark(isSent && isLetIn);
    }
  }
  return { order: segments.map(({ name }) => name), matrix: { title, ingress, egress, combined } };
}

function mark(isAllowed: boolean): string {
  return isAllowed ? CELL.allowed : CELL.denied;
}

function nameOf({ tenant, name }: Segment): string {
  return `${tenant}/${name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

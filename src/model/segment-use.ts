import type { Chain } from "./chain.ts";
import type { HealthCheck, Service } from "./service.ts";

/** A segment in a network. */
export interface SegmentPlace {
  readonly network: string;
  readonly tenant: string;
  readonly segment: string;
}

/** A segment whose endpoints flows are steered to, and the checks that an endpoint of it must all pass. */
export interface SegmentUse extends SegmentPlace {
  /** Different from each other; none: an endpoint is healthy as long as its host is heard of. */
  readonly checks: readonly HealthCheck[];
}

/** A segment in a network as text: names have no slash. */
export function segmentPlaceText({ network, tenant, segment }: SegmentPlace): string {
  return `${network}/${tenant}/${segment}`;
}

/** The segments that flows are steered to, by {@link segmentPlaceText}: those of services, and the functions of chains. */
export function segmentUses(
  services: Iterable<Service>,
  chains: Iterable<Chain> = [],
): ReadonlyMap<string, SegmentUse> {
  const uses = new Map<string, SegmentUse>();
  const use = ({ network, tenant, segment }: SegmentPlace, check: HealthCheck | undefined): void => {
    const key = segmentPlaceText({ network, tenant, segment });
    const { checks } = uses.get(key) ?? { checks: [] };
    const isNew = check !== undefined && !checks.some((known) => isSameCheck(known, check));
    uses.set(key, { network, tenant, segment, checks: isNew ? [...checks, check] : checks });
  };
  for (const service of services) use(service, service.health);
  for (const { network, through } of chains) {
    for (const { tenant, segment, health } of through) use({ network, tenant, segment }, health);
  }
  return uses;
}

function isSameCheck(a: HealthCheck, b: HealthCheck): boolean {
  return (
    a.protocol === b.protocol &&
    a.port === b.port &&
    a.path === b.path &&
    a.interval === b.interval &&
    a.timeout === b.timeout &&
    a.failures === b.failures &&
    a.successes === b.successes
  );
}

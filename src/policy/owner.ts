import type { Segment, Tenant } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { identify, type PolicyWorld } from "./world.ts";

/** Who an address belongs to. Tenant and segment are undefined where nobody of that name or ID is known. */
export interface Owner {
  readonly tenant: Tenant | undefined;
  readonly segment: Segment | undefined;
}

/**
 * Whose address it is: what an exception says, whatever the bits say, or else what the bits say. Undefined when it
 * lies in no network, or when its exception names a tenant that nobody knows.
 */
export function ownerOf(world: PolicyWorld, address: Address): Owner | undefined {
  const exception = world.exceptions.find(({ blocks }) =>
    blocks.some((block) => prefixContains(block, address)),
  );
  if (exception === undefined) return identify(world, address);
  const tenant = world.tenants.find(({ name }) => name === exception.tenant);
  if (tenant === undefined) return undefined;
  const segment = world.segments.find(
    (candidate) => candidate.tenant === tenant.name && candidate.name === exception.segment,
  );
  return { tenant, segment };
}

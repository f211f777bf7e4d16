import { endpointPrefix, gatewayAddress, type Identity } from "../addressing/index.ts";
import type { AddressPlan } from "../model/index.ts";
import type { Address, Prefix } from "../net/index.ts";

/** The route of one of the host's own endpoints, to the endpoint's device. */
export interface EndpointRoute {
  /** Its address alone, or its whole block when the plan has a stride. */
  readonly destination: Prefix;
  /** What the host itself sends from: its gateway address. */
  readonly source: Address;
}

/**
 * The route of an endpoint on its own host.
 * @throws RomanaError `invalid-input` when an ID does not fit the plan.
 */
export function endpointRoute(plan: AddressPlan, identity: Identity): EndpointRoute {
  return { destination: endpointPrefix(plan, identity), source: gatewayAddress(plan, identity) };
}

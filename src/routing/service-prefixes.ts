import { type AddressPlan, type Network, plansOf } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";

/**
 * The service prefixes of a network that every host routes to its gateway device, each with the plan of its family, which says from where
 * the host itself sends. A family without a plan has none: nobody could answer.
 */
export function servicePrefixes(
  network: Network,
): readonly { readonly plan: AddressPlan; readonly destination: Prefix }[] {
  return plansOf(network).flatMap((plan) => {
    const destination = plan.family === 4 ? network.services?.ipv4 : network.services?.ipv6;
    return destination === undefined ? [] : [{ plan, destination }];
  });
}

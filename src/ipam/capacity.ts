import { groupBits, hostIds, tenantIds } from "../addressing/index.ts";
import { type AddressPlan, type Network, plansOf, type SegmentCode } from "../model/index.ts";
import { endpointRange } from "./ranges.ts";

/** How many hosts the network has room for, over all of its groups. */
export function hostCapacity(network: Network): number {
  return least(network, (plan) => {
    const { first, last } = hostIds(plan);
    return (last - first + 1) * 2 ** groupBits(plan);
  });
}

/** How many tenants the network has room for. */
export function tenantCapacity(network: Network): number {
  return least(network, (plan) => {
    const { first, last } = tenantIds(plan);
    return last - first + 1;
  });
}

/** How many endpoints one host can have in the network behind these codes. */
export function endpointCapacityOf(network: Network, codes: readonly SegmentCode[]): number {
  return codes.reduce((sum, { extraBits }) => sum + endpointRange(network, extraBits).capacity, 0);
}

/** How many codes of the plan's own width a tenant has room for, in the narrowest of the networks. */
export function codeCapacity(networks: readonly Network[]): number {
  return Math.min(...networks.flatMap(plansOf).map((plan) => 2 ** plan.segmentBits));
}

/** How much of that these codes fill: a code that is a bit longer fills half as much. */
export function codesFilled(codes: readonly SegmentCode[]): number {
  return codes.reduce((sum, { extraBits }) => sum + 2 ** -extraBits, 0);
}

function least(network: Network, count: (plan: AddressPlan) => number): number {
  return Math.min(...plansOf(network).map(count));
}

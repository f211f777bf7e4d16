import type { PolicyTarget } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import type { Flow } from "./flow.ts";
import type { Participant } from "./participant.ts";
import { selectsOwner } from "./selector.ts";

/** A flow of a machine itself. */
export interface MachineTraffic {
  readonly flow: Flow;
  /** Where the packet comes in or goes out. */
  readonly interfaceName: string;
  /** The other side is an endpoint of this machine; targets `host` only count then. */
  readonly isOwnEndpoint: boolean;
}

/** True when the target is this endpoint. */
export function isEndpointTarget(target: PolicyTarget, { address, owner }: Participant): boolean {
  switch (target.kind) {
    case "endpoints":
      return selectsOwner(target, owner);
    case "prefix":
      return prefixContains(target.prefix, address);
    case "host":
    case "machine":
      return false;
    default:
      return target satisfies never;
  }
}

/** True when the target is the machine with this address of its own, for this traffic. */
export function isMachineTarget(
  target: PolicyTarget,
  traffic: Omit<MachineTraffic, "flow">,
  own: Address,
): boolean {
  switch (target.kind) {
    case "endpoints":
    case "prefix":
      return false;
    case "host":
      return traffic.isOwnEndpoint;
    case "machine":
      return (
        (target.interfaces?.includes(traffic.interfaceName) ?? true) &&
        (target.addresses?.some((prefix) => prefixContains(prefix, own)) ?? true)
      );
    default:
      return target satisfies never;
  }
}

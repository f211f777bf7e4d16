import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { type Host, type Network, plansOf } from "../model/index.ts";
import { type Address, isSameAddress, prefixContains } from "../net/index.ts";
import { hostOf, identify, type PolicyWorld } from "./world.ts";

/** What an address is of. */
export interface Place {
  readonly kind: "endpoint" | "machine" | "outside";
  /** The machine itself, or the one that the endpoint runs on; undefined where its address does not say. */
  readonly host: Host | undefined;
  /** The machine's own address in a network, where its gateway services are. */
  readonly isGateway: boolean;
}

/** Where an address is: an exception is an endpoint, and so is whatever lies in a network and is no host's own. */
export function placeOf(world: PolicyWorld, address: Address): Place {
  const host = hostOf(world, address);
  const isException = world.exceptions.some(({ blocks }) =>
    blocks.some((block) => prefixContains(block, address)),
  );
  if (isException) return { kind: "endpoint", host, isGateway: false };
  const machine = world.hosts.find(({ underlay }) =>
    [underlay.ipv4, underlay.ipv6].some((own) => own !== undefined && isSameAddress(own, address)),
  );
  if (machine !== undefined) return { kind: "machine", host: machine, isGateway: false };
  const identity = identify(world, address);
  if (identity === undefined) return { kind: "outside", host: undefined, isGateway: false };
  const isGateway = host !== undefined && isGatewayOf(identity.network, host, address);
  return { kind: isGateway ? "machine" : "endpoint", host, isGateway };
}

/** True when one side is a machine and the other one an endpoint of it. */
export function isOnMachine(endpoint: Place, machine: Place): boolean {
  return (
    endpoint.kind === "endpoint" &&
    machine.kind === "machine" &&
    machine.host !== undefined &&
    endpoint.host === machine.host
  );
}

function isGatewayOf(network: Network, host: Host, address: Address): boolean {
  return plansOf(network).some((plan) =>
    isSameAddress(gatewayAddress(plan, hostPosition(network, host)), address),
  );
}

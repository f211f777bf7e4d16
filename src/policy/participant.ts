import { type Host, plansOf } from "../model/index.ts";
import { type Address, isSameAddress, prefixContains } from "../net/index.ts";
import { type Owner, ownerOf } from "./owner.ts";
import type { PolicyWorld } from "./world.ts";

/** One side of a flow, with all that policies ask about it. */
export interface Participant {
  readonly address: Address;
  readonly owner: Owner | undefined;
  /** In a network, or an exception. */
  readonly isLocal: boolean;
  /** Hosts that the underlay knows by this address. */
  readonly hosts: readonly Host[];
}

/** Both sides of a flow. */
export interface Participants {
  readonly source: Participant;
  readonly destination: Participant;
}

/** All that policies ask about an address. */
export function participantOf(world: PolicyWorld, address: Address): Participant {
  const { networks, exceptions, hosts } = world;
  const isIn = networks.some((network) =>
    plansOf(network).some(({ prefix }) => prefixContains(prefix, address)),
  );
  return {
    address,
    owner: ownerOf(world, address),
    isLocal: isIn || exceptions.some(({ blocks }) => blocks.some((block) => prefixContains(block, address))),
    hosts: hosts.filter(({ underlay }) =>
      [underlay.ipv4, underlay.ipv6].some((own) => own !== undefined && isSameAddress(own, address)),
    ),
  };
}

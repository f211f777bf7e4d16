import { type Endpoint, type Network, plansOf, type Relocation } from "../model/index.ts";
import { addressBits, prefixOf } from "../net/index.ts";

/** The relocations of those endpoints that are on another host than their address says. Endpoints of unknown networks have none. */
export function relocationsOf(
  networks: readonly Network[],
  endpoints: readonly Pick<Endpoint, "network" | "host" | "locatedOn" | "addresses">[],
): readonly Relocation[] {
  return endpoints.flatMap(({ locatedOn, ...endpoint }): Relocation[] => {
    const network = networks.find(({ name }) => name === endpoint.network);
    if (locatedOn === undefined || locatedOn === endpoint.host || network === undefined) return [];
    const blocks = plansOf(network).flatMap(({ family, strideBits }) => {
      const address = endpoint.addresses[`ipv${family}`];
      return address === undefined ? [] : [prefixOf(address, addressBits(family) - strideBits)];
    });
    return [{ network: network.name, host: endpoint.host, locatedOn, blocks }];
  });
}

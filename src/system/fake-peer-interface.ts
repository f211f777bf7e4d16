import { addressBits, addressPrefix, firstAddress, prefixOf } from "../net/index.ts";
import type { FakeInterface } from "./fake-state.ts";
import { type KernelRoute, MAIN_TABLE, type PeerInterface, ROMANA_PROTOCOL } from "./kernel.ts";

/** In a fake namespace there is nothing but the loopback device and peers, which all have the same index. */
const INDEX = 2;

/** An interface of a fake namespace as the kernel would show it. */
export function fakePeerInterface(
  name: string,
  { mac, mtu, addresses, gateways, up = true }: FakeInterface,
): PeerInterface {
  const common = {
    type: "unicast",
    device: INDEX,
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
  } as const;
  return {
    link: { index: INDEX, name, kind: "veth", up, mac, mtu },
    addresses: addresses.map((prefix) => ({
      link: INDEX,
      address: firstAddress(prefix),
      prefixLength: addressBits(prefix.family),
    })),
    // Routes go with a link that goes down.
    routes: (up ? gateways : []).flatMap((gateway): KernelRoute[] => [
      { ...common, destination: addressPrefix(gateway) },
      { ...common, destination: prefixOf({ family: gateway.family, value: 0n }, 0), gateway },
    ]),
  };
}

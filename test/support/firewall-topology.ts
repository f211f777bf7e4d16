import { gatewayAddress, hostPosition, hostPrefix } from "../../src/addressing/index.ts";
import { type Host, type Network, plansOf } from "../../src/model/index.ts";
import { type Address, addressPrefix, type Family, type Prefix, parseAddress } from "../../src/net/index.ts";
import { type Kernel, type KernelChange, MAIN_TABLE, ROMANA_PROTOCOL } from "../../src/system/kernel.ts";

/** What stands outside of all networks, connected to both hosts. */
export const OUTSIDE = { 4: parseAddress("192.0.2.1"), 6: parseAddress("2001:db8::1") } as const;

/** Both families. */
export const FAMILIES: readonly Family[] = [4, 6];

/** Index of the loopback device. */
export const LOOPBACK = 1;
const UNDERLAY = "ul";

/** The underlay address of a host of a scene. */
export function underlayAddress(host: Host, family: Family): Address {
  return parseAddress(family === 4 ? `192.168.77.${host.id}` : `fd77::${host.id.toString(16)}`);
}

/** Forwarding, gateway addresses and the blackholes of the own prefixes. */
export function prepareHost(kernel: Kernel, networks: readonly Network[], host: Host): void {
  kernel.setSysctl("net.ipv4.ip_forward", "1");
  kernel.setSysctl("net.ipv6.conf.all.forwarding", "1");
  apply(kernel, [
    { type: "set-link-up", link: LOOPBACK },
    ...gatewaysOf(networks, host).map((gateway) => localAddress(gateway, LOOPBACK)),
    ...ownPrefixes(networks, host).map(
      (destination): KernelChange => ({
        type: "replace-route",
        route: { destination, type: "blackhole", table: MAIN_TABLE, metric: 0, protocol: ROMANA_PROTOCOL },
      }),
    ),
  ]);
}

/** A host of a scene as far as its links matter. */
interface Joined {
  readonly host: Host;
  readonly namespace: string;
  readonly kernel: Kernel;
}

/** Makes a veth pair between two hosts; returns the index of its end on each. Both ends have the name. */
export async function joinHosts(
  first: Joined,
  second: Joined,
  name = UNDERLAY,
): Promise<readonly [number, number]> {
  const prefixesOf = ({ host }: Joined): Prefix[] =>
    FAMILIES.map((family) => addressPrefix(underlayAddress(host, family)));
  const veth = await first.kernel.createVeth({
    name,
    peer: { namespace: second.namespace, name, addresses: prefixesOf(second), gateways: [] },
  });
  const indices = [veth.host.index, indexOf(second.kernel, name)] as const;
  first.kernel.setSysctl(`net.ipv4.conf.${name}.rp_filter`, "0");
  apply(first.kernel, [
    linkLocal(indices[0], 1),
    ...prefixesOf(first).map((prefix) => localAddress(prefix, indices[0])),
    ...prefixesOf(second).map((prefix) => route(prefix, indices[0])),
  ]);
  apply(second.kernel, [
    linkLocal(indices[1], 2),
    ...prefixesOf(first).map((prefix) => route(prefix, indices[1])),
  ]);
  return indices;
}

/** The ways to another host's prefixes. */
export function routeTo(kernel: Kernel, networks: readonly Network[], other: Host, link: number): void {
  apply(
    kernel,
    ownPrefixes(networks, other).map((prefix) => route(prefix, link, underlayAddress(other, prefix.family))),
  );
}

/** The machine outside reaches all prefixes of a host by way of its gateway addresses. */
export async function connectOutside(
  { host, kernel }: { readonly host: Host; readonly kernel: Kernel },
  outside: { readonly namespace: string; readonly kernel: Kernel },
  networks: readonly Network[],
): Promise<void> {
  const gateways = gatewaysOf(networks, host);
  const name = `wan${host.id}`;
  const addresses = FAMILIES.map((family) => addressPrefix(OUTSIDE[family]));
  const veth = await kernel.createVeth({
    name,
    peer: { namespace: outside.namespace, name, addresses, gateways: [] },
  });
  kernel.setSysctl(`net.ipv4.conf.${name}.rp_filter`, "0");
  apply(kernel, [
    linkLocal(veth.host.index, 1),
    ...addresses.map((prefix) => route(prefix, veth.host.index)),
    ...proxies(gateways, veth.host.index),
  ]);
  const link = indexOf(outside.kernel, name);
  apply(outside.kernel, [
    linkLocal(link, 2),
    ...gateways.map((gateway) => route(addressPrefix(gateway), link)),
    ...ownPrefixes(networks, host).map((prefix) =>
      route(
        prefix,
        link,
        gateways.find(({ family }) => family === prefix.family),
      ),
    ),
  ]);
}

function indexOf(kernel: Kernel, device: string): number {
  return kernel.links().find(({ name }) => name === device)?.index as number;
}

/** The host's own addresses in the networks. */
export function gatewaysOf(networks: readonly Network[], host: Host): Address[] {
  return networks.flatMap((network) =>
    plansOf(network).map((plan) => gatewayAddress(plan, hostPosition(network, host))),
  );
}

function ownPrefixes(networks: readonly Network[], host: Host): Prefix[] {
  return networks.flatMap((network) =>
    plansOf(network).map((plan) => hostPrefix(plan, hostPosition(network, host))),
  );
}

/**
 * A link-local address that can be used at once. The kernel makes its own only when it hears of the carrier, up to a
 * second later, and solicits no neighbours before.
 */
export function linkLocal(link: number, id: number): KernelChange {
  return { type: "add-address", address: { link, address: parseAddress(`fe80::${id}`), prefixLength: 64 } };
}

/** An address of the machine itself on a link. */
export function localAddress(address: Address, link: number): KernelChange {
  return { type: "add-address", address: { link, address, prefixLength: addressPrefix(address).length } };
}

/** The route to a prefix by a device and, maybe, a gateway. */
export function route(destination: Prefix, device: number, gateway?: Address): KernelChange {
  const common = {
    destination,
    type: "unicast",
    device,
    table: MAIN_TABLE,
    metric: 0,
    protocol: ROMANA_PROTOCOL,
  } as const;
  return { type: "replace-route", route: gateway === undefined ? common : { ...common, gateway } };
}

/** The device answers neighbour solicitations for the gateways; ARP for them is answered anyway. */
export function proxies(gateways: readonly Address[], link: number): KernelChange[] {
  return gateways
    .filter(({ family }) => family === 6)
    .map((address) => ({ type: "add-proxy-neighbour", neighbour: { link, address } }));
}

/** Applies changes, all of which must work. */
export function apply(kernel: Kernel, changes: readonly KernelChange[]): void {
  const failures = kernel.apply(changes);
  if (failures.length > 0)
    throw new Error(
      `kernel refused ${failures.map(({ errno, change }) => `${change.type}: ${errno}`).join(", ")}`,
    );
}

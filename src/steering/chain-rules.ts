import { gatewayAddress, hostPosition, hostPrefix } from "../addressing/index.ts";
import {
  type AddressPlan,
  type Backend,
  type Chain,
  type ChainEnd,
  type ChainFunction,
  type Host,
  type Network,
  plansOf,
} from "../model/index.ts";
import { type Address, type Family, formatAddress, type Prefix, prefixMask } from "../net/index.ts";
import { type AddressPattern, type EndAddresses, endAddresses } from "./chain-ends.ts";
import { hopKey, type NextHop, type NumberedHop, numberHops } from "./chain-hops.ts";
import type { ChainInput } from "./chain-input.ts";
import { NOWHERE } from "./chain-marks.ts";
import { assignSlots } from "./slots.ts";
import { stableHash } from "./stable-hash.ts";

/** A function as the packets of one direction meet it. */
export interface LaneFunction {
  /** Name of the map of its slots; absent when no endpoint of it can be used. */
  readonly map?: string;
  /** Of the hash that gives a flow its slot: the same in both directions. */
  readonly seed: number;
  readonly fail: ChainFunction["fail"];
  /** Devices of its endpoints on this host. */
  readonly devices: readonly string[];
  /** Who does it: what they begin themselves goes straight. */
  readonly members: EndAddresses;
}

/** One direction of a chain in one family. */
export interface Lane {
  readonly chain: string;
  readonly direction: "forward" | "reverse";
  readonly family: Family;
  /** True when answers pass through the chain, too. */
  readonly isBoth: boolean;
  readonly source: EndAddresses;
  readonly destination: EndAddresses;
  /** Whatever is outside of it comes in and goes out where the chain's own end is. */
  readonly network: Prefix;
  /** This host's part of the network. */
  readonly own: Prefix;
  /** The addresses of hosts in the network: what they send themselves, such as probes, is in no chain. */
  readonly gateways: AddressPattern;
  /** In the order in which packets meet them. */
  readonly functions: readonly LaneFunction[];
  /** One more than functions. */
  readonly places: readonly number[];
}

/** What the slots of a function lead to, as numbers of next hops. */
export interface FunctionMap {
  readonly name: string;
  readonly family: Family;
  readonly slots: readonly number[];
  /** The addresses of those who have slots, and of who has which: the same as long as the first are. */
  readonly members: string;
  readonly owners: readonly string[];
}

/** What chains need on one host: {@link renderChainTable} and the next hops' routing tables. */
export interface ChainRules {
  readonly lanes: readonly Lane[];
  readonly maps: readonly FunctionMap[];
  readonly hops: readonly NumberedHop[];
  readonly underlayDevices: readonly string[];
  readonly hostMacs: readonly string[];
  /** Devices that send packets of others: the reverse path filter must be off, since even a loose one knows no source on a device without an address. */
  readonly functionDevices: readonly string[];
  /** Sentences for people. */
  readonly problems: readonly string[];
}

/** The number of members that `assignSlots` gives slots to is without limit, that of next hops is not. */
type HopOf = (backend: Backend, family: Family) => NextHop | undefined;

/**
 * What the chains need on this host. Every host comes to the same slots.
 * @param before made from an earlier input: what is the same need not be worked out again
 */
export function chainRules(input: ChainInput, before?: ChainRules): ChainRules {
  const hopOf = createHopOf(input);
  const used = distinct(
    input.chains.flatMap(({ network, through }) => through.map((one) => ({ network, one }))),
  );
  const families: readonly Family[] = [4, 6];
  const wanted = used.flatMap((use) =>
    families.flatMap((family) => backendsOf(input, use, family).map((backend) => hopOf(backend, family))),
  );
  const hops = numberHops(
    wanted.filter((hop) => hop !== undefined),
    input.hopNumbers,
  );
  const numbers = new Map(hops.map((hop) => [hopKey(hop), hop.number]));
  const known = new Map(before?.maps.map(({ members, owners }) => [members, owners]));
  const maps = new Map<string, FunctionMap>();
  const problems = new Set<string>();
  for (const [index, use] of used.entries()) {
    for (const family of families) {
      const backends = backendsOf(input, use, family);
      const numberOf = (backend: Backend): number => {
        const hop = hopOf(backend, family);
        return (hop && numbers.get(hopKey(hop))) ?? NOWHERE;
      };
      const lost = backends.filter((backend) => numberOf(backend) === NOWHERE);
      for (const backend of lost) problems.add(noWay(use.one, backend, family));
      const isUsable = lost.length < backends.length || use.one.fail === "closed";
      if (backends.length === 0 || !isUsable) continue;
      const numberBy = new Map(
        backends.map((backend) => [formatAddress(addressOf(backend, family)), numberOf(backend)]),
      );
      const members = [...numberBy.keys()].toSorted().join();
      const owners = known.get(members) ?? assignSlots([...numberBy.keys()], (address) => address);
      const name = `function_${index + 1}_${family}`;
      const slots = owners.map((owner) => numberBy.get(owner) ?? NOWHERE);
      maps.set(useKey(use, family), { name, family, slots, members, owners });
    }
  }
  // Where two chains could have a packet, all hosts give it to the same one.
  const chains = input.chains.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const lanes = chains.flatMap((chain) => lanesOf(input, chain, maps));
  return {
    lanes,
    maps: [...maps.values()],
    hops,
    underlayDevices: input.underlayDevices.toSorted(),
    hostMacs: input.hostMacs.toSorted(),
    functionDevices: [
      ...new Set(lanes.flatMap(({ functions }) => functions.flatMap(({ devices }) => devices))),
    ].toSorted(),
    problems: [...problems].toSorted(),
  };
}

interface Use {
  readonly network: string;
  readonly one: ChainFunction;
}

/** `open` and `closed` differ in when there is a map, so they are two. */
function useKey({ network, one: { tenant, segment, fail } }: Use, family: Family): string {
  return `${network} ${tenant}/${segment} ${fail} ${family}`;
}

function distinct(uses: readonly Use[]): readonly Use[] {
  const byKey = new Map(uses.map((use) => [useKey(use, 4), use]));
  return [...byKey].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, use]) => use);
}

function backendsOf({ backends }: ChainInput, { network, one }: Use, family: Family): readonly Backend[] {
  const found = backends.find(
    (of) => of.network === network && of.tenant === one.tenant && of.segment === one.segment,
  );
  return (found?.backends ?? []).filter(({ addresses }) => inFamily(addresses, family) !== undefined);
}

function addressOf({ addresses }: Backend, family: Family): Address {
  return inFamily(addresses, family) as Address;
}

function inFamily({ ipv4, ipv6 }: Backend["addresses"], family: Family): Address | undefined {
  return family === 4 ? ipv4 : ipv6;
}

function createHopOf({ host, hosts, endpoints, unreachable }: ChainInput): HopOf {
  const devices = new Map(
    endpoints.flatMap(({ addresses: { ipv4, ipv6 }, device }) =>
      [ipv4, ipv6].flatMap((address) => (address === undefined ? [] : [[formatAddress(address), device]])),
    ) as [string, string][],
  );
  const byName = new Map<string, Host>(hosts.map((other) => [other.name, other]));
  return (backend, family) => {
    const address = addressOf(backend, family);
    if (backend.host === host.name) {
      const device = devices.get(formatAddress(address));
      return device === undefined ? undefined : { gateway: address, device };
    }
    if (unreachable.has(backend.host)) return undefined;
    const underlay = byName.get(backend.host)?.underlay;
    const gateway = underlay && inFamily(underlay, family);
    return gateway && { gateway };
  };
}

function noWay({ tenant, segment }: ChainFunction, backend: Backend, family: Family): string {
  const name = formatAddress(addressOf(backend, family));
  return `No way to function "${tenant}/${segment}" at ${name} on host "${backend.host}": chains need hosts in one link`;
}

function lanesOf(input: ChainInput, chain: Chain, maps: ReadonlyMap<string, FunctionMap>): readonly Lane[] {
  const network = input.networks.find(({ name }) => name === chain.network);
  const to = destinationOf(input, chain);
  if (network === undefined || to === undefined) return [];
  const isBoth = chain.places.reverse !== undefined;
  return plansOf(network).flatMap((plan) => {
    const { family } = plan;
    const from = endAddresses(chain.from, plan, input);
    const destination = endAddresses(to, plan, input);
    const functions = chain.through.map((one, index): LaneFunction => {
      const map = maps.get(useKey({ network: chain.network, one }, family));
      return {
        ...(map && { map: map.name }),
        seed: stableHash(`${chain.name}\n${index}`),
        fail: one.fail,
        devices: devicesOf(input, one),
        members: endAddresses({ kind: "segment", ...one }, plan, input),
      };
    });
    const common = { chain: chain.name, family, isBoth, ...placeOf(input.host, network, plan) };
    const lanes: Lane[] = [
      {
        ...common,
        direction: "forward",
        source: from,
        destination,
        functions,
        places: chain.places.forward,
      },
    ];
    if (chain.places.reverse !== undefined) {
      lanes.push({
        ...common,
        direction: "reverse",
        source: destination,
        destination: from,
        functions: functions.toReversed(),
        places: chain.places.reverse,
      });
    }
    return lanes;
  });
}

function placeOf(
  host: Host,
  network: Network,
  plan: AddressPlan,
): Pick<Lane, "network" | "own" | "gateways"> {
  const position = hostPosition(network, host);
  const own = hostPrefix(plan, position);
  const { family } = plan;
  const whole = (1n << BigInt(family === 4 ? 32 : 128)) - 1n;
  const places = prefixMask(family, own.length) ^ prefixMask(family, plan.prefix.length);
  const mask = whole ^ places;
  return {
    network: plan.prefix,
    own,
    gateways: { mask, key: gatewayAddress(plan, position).value & mask },
  };
}

/** A service stands for the segment behind it. */
function destinationOf({ services }: ChainInput, { to }: Chain): ChainEnd | undefined {
  if (to.kind !== "service") return to;
  const service = services.find(({ name }) => name === to.service);
  return service && { kind: "segment", tenant: service.tenant, segment: service.segment };
}

function devicesOf({ endpoints }: ChainInput, { tenant, segment }: ChainFunction): readonly string[] {
  return endpoints
    .filter((endpoint) => endpoint.tenant === tenant && endpoint.segment === segment)
    .map(({ device }) => device)
    .toSorted();
}

import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import {
  type AddressPair,
  type Host,
  type Network,
  plansOf,
  type Segment,
  type SegmentBackends,
  type Service,
  type ServicePort,
  serviceAddresses,
} from "../model/index.ts";
import { type Address, type Family, formatAddress, type Prefix } from "../net/index.ts";
import { assignSlots } from "./slots.ts";
import { stableHash, stableName } from "./stable-hash.ts";

/** What is known of services. */
export interface KnownServices {
  readonly networks: readonly Network[];
  readonly segments: readonly Segment[];
  readonly services: readonly Service[];
  readonly backends: readonly SegmentBackends[];
}

/** Members that the flows of some ports are spread over; never empty. */
export interface Pool {
  readonly name: string;
  readonly comment: string;
  readonly family: Family;
  /** Text that is equal for equal members. */
  readonly members: string;
  /** By slot; see {@link assignSlots}. */
  readonly slots: readonly Address[];
}

/** What becomes of flows to one address and port. */
export interface PortRule {
  /** Of its chain. */
  readonly name: string;
  readonly comment: string;
  readonly address: Address;
  readonly protocol: ServicePort["protocol"];
  readonly port: number;
  /** Name of a pool. */
  readonly pool: string;
  /** All healthy members in text, also those that new flows are not spread over: flows to them go on. */
  readonly members: ReadonlySet<string>;
  readonly targetPort: number;
  /** What picks the slot: the flow, or its client alone. */
  readonly spreadBy: "flow" | "client";
  /** Of the hash: another one for each port, so that ports of the same pool are not spread alike, unless a client shall stay. */
  readonly seed: number;
}

/** A member that is here: where its flows to itself seem to come from, so that the answers come back. */
export interface Hairpin {
  readonly address: Address;
  readonly gateway: Address;
}

/** What one host must have so that addresses of services lead to their members. */
export interface ServiceRules {
  /** All addresses of services are in here. What is sent to them and nothing translates is refused. */
  readonly prefixes: readonly Prefix[];
  /** By name. */
  readonly pools: ReadonlyMap<string, Pool>;
  /** By name. A port without a healthy member has none. */
  readonly ports: ReadonlyMap<string, PortRule>;
  /** By address in text. */
  readonly hairpins: ReadonlyMap<string, Hairpin>;
  /** Sentences for people about what is not in them. */
  readonly problems: readonly string[];
}

const PROTOCOL_NUMBERS: Readonly<Record<ServicePort["protocol"], number>> = { tcp: 6, udp: 17, sctp: 132 };

/** Slots of the pools as they were, so that only those are spread anew whose members have changed. */
export type PoolMemory = ReadonlyMap<string, Pool>;

/**
 * The rules of one host. Services of networks, and members of segments, that are not known have none.
 * @param before pools of the last rules; those with the same members are taken over
 * @throws RomanaError `not-found` when the host has no place in a network.
 */
export function serviceRules(known: KnownServices, host: Host, before: PoolMemory = new Map()): ServiceRules {
  const { networks, segments, services, backends } = known;
  const members = new Map(backends.map((record) => [segmentKey(record), record.backends]));
  const namedPorts = new Map(segments.map(({ tenant, name, ports = [] }) => [`${tenant}/${name}`, ports]));
  const pools = new Map<string, Pool>();
  const ports = new Map<string, PortRule>();
  const problems: string[] = [];
  const everybody = new Map<string, ReadonlySet<string>>();
  const poolOf = (service: Service, family: Family): Pick<PortRule, "pool" | "members"> | undefined => {
    const key = segmentKey(service);
    const all = (members.get(key) ?? []).flatMap((backend) => {
      const address = ofFamily(backend.addresses, family);
      return address === undefined ? [] : [{ address, isHere: backend.host === host.name }];
    });
    const here = all.filter(({ isHere }) => isHere);
    const isLocal = service.prefer === "local" && here.length > 0;
    const some = (isLocal ? here : all).map(({ address }) => address);
    if (some.length === 0) return undefined;
    const comment = `${key}${isLocal ? ", members of this host" : ""}`;
    const name = `pool-${stableName(`${comment}, IPv${family}`)}`;
    const pool = pools.get(name) ?? createPool({ name, comment, family }, some, before.get(name));
    pools.set(name, pool);
    const whole = `${key} ${family}`;
    const known = everybody.get(whole) ?? new Set(all.map(({ address }) => formatAddress(address)));
    everybody.set(whole, known);
    return { pool: name, members: known };
  };
  for (const service of services) {
    if (!networks.some(({ name }) => name === service.network)) continue;
    for (const port of service.ports) {
      const named = namedPorts.get(`${service.tenant}/${service.segment}`) ?? [];
      const targetPort = targetOf(port, named);
      if (targetPort === undefined) {
        problems.push(
          `Service "${service.name}" has no members at ${port.protocol} port ${port.port}: segment "${service.tenant}/${service.segment}" has no port "${port.targetPort}" of that protocol`,
        );
        continue;
      }
      for (const address of serviceAddresses(service)) {
        const spread = poolOf(service, address.family);
        if (spread === undefined) continue;
        const place = `${formatAddress(address)} ${port.protocol} ${port.port}`;
        const text = `${service.name} ${place}`;
        const name = `port-${stableName(text)}`;
        const spreadBy = service.affinity === "client" ? "client" : "flow";
        ports.set(name, {
          name,
          comment: text,
          address,
          protocol: port.protocol,
          port: port.port,
          ...spread,
          targetPort,
          spreadBy,
          // A client comes to the same member at every port. 0 would let the kernel choose.
          seed: stableHash(spreadBy === "client" ? service.name : text) || 1,
        });
      }
    }
  }
  return {
    prefixes: networks.flatMap(({ services: given }) => [given?.ipv4, given?.ipv6].filter(isThere)),
    pools,
    ports,
    hairpins: hairpinsOf(known, host),
    problems,
  };
}

/** Members of every service that are on this host. */
function hairpinsOf({ networks, services, backends }: KnownServices, host: Host): Map<string, Hairpin> {
  const used = new Set(services.map(segmentKey));
  const hairpins = new Map<string, Hairpin>();
  for (const record of backends.filter((one) => used.has(segmentKey(one)))) {
    const network = networks.find(({ name }) => name === record.network);
    if (network === undefined) continue;
    const position = hostPosition(network, host);
    for (const backend of record.backends.filter((one) => one.host === host.name)) {
      for (const plan of plansOf(network)) {
        const address = ofFamily(backend.addresses, plan.family);
        if (address === undefined) continue;
        hairpins.set(formatAddress(address), { address, gateway: gatewayAddress(plan, position) });
      }
    }
  }
  return hairpins;
}

function createPool(
  pool: Omit<Pool, "slots" | "members">,
  addresses: readonly Address[],
  before: Pool | undefined,
): Pool {
  const members = addresses.map(formatAddress).toSorted().join();
  if (before?.members === members) return before;
  return { ...pool, members, slots: assignSlots(addresses, formatAddress) };
}

function targetOf(
  { protocol, port, targetPort = port }: ServicePort,
  named: Segment["ports"] & {},
): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  return named.find((one) => one.name === targetPort && one.protocol === PROTOCOL_NUMBERS[protocol])?.port;
}

/** The segment that a service stands in front of, in words that no other has. */
function segmentKey({ network, tenant, segment }: Pick<Service, "network" | "tenant" | "segment">): string {
  return `${network}/${tenant}/${segment}`;
}

function ofFamily({ ipv4, ipv6 }: AddressPair, family: Family): Address | undefined {
  return family === 4 ? ipv4 : ipv6;
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}

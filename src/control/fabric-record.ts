import {
  type AddressPair,
  type Fabric,
  type FabricDevice,
  type FabricPort,
  NAME_PATTERN,
} from "../model/index.ts";
import { type Address, formatAddress, parseAddress } from "../net/index.ts";
import { integerUpTo, listOf, readBoolean, readFields, textOf, textUpTo } from "./json-value.ts";

const FIELDS = new Set([
  "name",
  "hostAsn",
  "spines",
  "racks",
  "links",
  "bfd",
  "gracefulRestart",
  "communities",
  "passwordName",
] as const);
const DEVICE_FIELDS = new Set(["name", "asn", "routerId", "segment"] as const);
const RACK_FIELDS = new Set(["group", "leaves"] as const);
const LINK_FIELDS = new Set(["ends"] as const);
const PORT_FIELDS = new Set(["device", "ipv4", "ipv6"] as const);
const PAIR_FIELDS = new Set(["ipv4", "ipv6"] as const);
const BFD_FIELDS = new Set(["intervalMs", "multiplier"] as const);
const COMMUNITY_FIELDS = new Set(["host", "rack"] as const);

const readName = textOf(NAME_PATTERN);
const readAsn = integerUpTo(0xffffffff);
const readMilliseconds = integerUpTo(3_600_000);
const readNames = listOf(readName);
const readCommunities = listOf(textUpTo(32));
const readDevices = listOf(readDevice);
const readRacks = listOf((value) => {
  const { group, leaves } = readFields(value, RACK_FIELDS);
  return { group: readNames(group), leaves: readDevices(leaves) };
});
const readLinks = listOf((value) => {
  const ports = listOf(readPort, 2)(readFields(value, LINK_FIELDS).ends);
  const [first, second] = ports;
  if (first === undefined || second === undefined) throw new SyntaxError("a cable has two ends");
  return { ends: [first, second] as const };
});

/** The value of a fabric's key. */
export function encodeFabricRecord(fabric: Fabric): string {
  const { name, hostAsn, spines, racks, links, bfd, gracefulRestart, communities, passwordName } = fabric;
  return JSON.stringify({
    name,
    hostAsn,
    spines: spines.map(deviceJson),
    racks: racks.map(({ group, leaves }) => ({ group, leaves: leaves.map(deviceJson) })),
    links: links.map(({ ends }) => ({ ends: ends.map(portJson) })),
    bfd: bfd && { intervalMs: bfd.intervalMs, multiplier: bfd.multiplier },
    gracefulRestart,
    communities: { host: communities.host, rack: communities.rack },
    passwordName,
  });
}

/** Reads what {@link encodeFabricRecord} writes. @throws Error of any kind when it is damaged. */
export function decodeFabricRecord(text: string): Fabric {
  const fields = readFields(JSON.parse(text), FIELDS);
  const communities = readFields(fields.communities, COMMUNITY_FIELDS);
  return {
    name: readName(fields.name),
    hostAsn: readAsn(fields.hostAsn),
    spines: readDevices(fields.spines),
    racks: readRacks(fields.racks),
    links: readLinks(fields.links),
    ...(fields.bfd !== undefined && { bfd: readBfd(fields.bfd) }),
    gracefulRestart: readBoolean(fields.gracefulRestart),
    communities: { host: readCommunities(communities.host), rack: readCommunities(communities.rack) },
    ...(fields.passwordName !== undefined && { passwordName: readName(fields.passwordName) }),
  };
}

function deviceJson({ name, asn, routerId, segment }: FabricDevice): object {
  return { name, asn, routerId: formatAddress(routerId), segment: segment && pairJson(segment) };
}

function portJson({ device, ...pair }: FabricPort): object {
  return { device, ...pairJson(pair) };
}

function pairJson({ ipv4, ipv6 }: AddressPair): object {
  return { ipv4: ipv4 && formatAddress(ipv4), ipv6: ipv6 && formatAddress(ipv6) };
}

function readDevice(value: unknown): FabricDevice {
  const { name, asn, routerId, segment } = readFields(value, DEVICE_FIELDS);
  return {
    name: readName(name),
    asn: readAsn(asn),
    routerId: readAddress(routerId),
    ...(segment !== undefined && { segment: readPair(readFields(segment, PAIR_FIELDS)) }),
  };
}

function readPort(value: unknown): FabricPort {
  const { device, ...pair } = readFields(value, PORT_FIELDS);
  return { device: readName(device), ...readPair(pair) };
}

function readPair({ ipv4, ipv6 }: { readonly ipv4?: unknown; readonly ipv6?: unknown }): AddressPair {
  return {
    ...(ipv4 !== undefined && { ipv4: readAddress(ipv4) }),
    ...(ipv6 !== undefined && { ipv6: readAddress(ipv6) }),
  };
}

function readBfd(value: unknown): NonNullable<Fabric["bfd"]> {
  const { intervalMs, multiplier } = readFields(value, BFD_FIELDS);
  return { intervalMs: readMilliseconds(intervalMs), multiplier: readAsn(multiplier) };
}

function readAddress(value: unknown): Address {
  if (typeof value === "string") return parseAddress(value);
  throw new SyntaxError(`${JSON.stringify(value)} is no address`);
}

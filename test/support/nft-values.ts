import type { KeyPart, KeyType, NumberType } from "../../src/firewall/table.ts";
import {
  addressBits,
  type Family,
  firstAddress,
  lastAddress,
  type Prefix,
  parseAddress,
  parsePrefix,
} from "../../src/net/index.ts";

/** Indices of the devices that a listing calls by their names. */
export type DeviceIndices = ReadonlyMap<string, number>;

const SMALL = 255;
const PORTS = 65_535;
const INDICES = 0xffff_ffff;

/** Largest values and names (`nft describe` of version 1.0.6, /etc/protocols) of the types that are numbers. */
const NUMBERS: Readonly<Record<NumberType, { last: number; names: Readonly<Record<string, number>> }>> = {
  iface_index: { last: INDICES, names: {} },
  inet_proto: {
    last: SMALL,
    names: { ip: 0, icmp: 1, tcp: 6, udp: 17, gre: 47, esp: 50, "ipv6-icmp": 58, sctp: 132 },
  },
  inet_service: { last: PORTS, names: {} },
  nf_proto: { last: SMALL, names: { ipv4: 2, ipv6: 10 } },
  icmp_type: {
    last: SMALL,
    names: {
      "echo-reply": 0,
      "destination-unreachable": 3,
      "source-quench": 4,
      redirect: 5,
      "echo-request": 8,
      "time-exceeded": 11,
      "parameter-problem": 12,
    },
  },
  icmp_code: {
    last: SMALL,
    names: {
      "net-unreachable": 0,
      "host-unreachable": 1,
      "prot-unreachable": 2,
      "port-unreachable": 3,
      "frag-needed": 4,
    },
  },
  icmpv6_type: {
    last: SMALL,
    names: {
      "destination-unreachable": 1,
      "packet-too-big": 2,
      "time-exceeded": 3,
      "parameter-problem": 4,
      "echo-request": 128,
      "echo-reply": 129,
      "nd-neighbor-solicit": 135,
      "nd-neighbor-advert": 136,
    },
  },
  icmpv6_code: {
    last: SMALL,
    names: { "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4 },
  },
};

const DIGITS = /^(?:0|[1-9][0-9]*)$/;

/** The type of a part of a key. */
export function parseKeyType(word: string): KeyType {
  if (Object.hasOwn(NUMBERS, word)) return word as NumberType;
  if (word === "ifname" || word === "ipv4_addr" || word === "ipv6_addr") return word;
  throw new Error(`"${word}" is no type that we know`);
}

/** One part of an element. Ranges come as `first-last`, and of addresses as prefixes too. */
export function parseKeyPart(type: KeyType, word: string, devices: DeviceIndices): KeyPart {
  switch (type) {
    case "ifname":
      return { type, value: unquoted(word) };
    case "ipv4_addr":
      return { type, ...addressRange(4, word) };
    case "ipv6_addr":
      return { type, ...addressRange(6, word) };
    case "iface_index":
      return { type, value: parseDevice(word, devices) };
    default:
      return { type, ...numberRange(type, word) };
  }
}

/** The index of a device, which nft prints as the name of one that is there. */
export function parseDevice(word: string, devices: DeviceIndices): number {
  if (!word.startsWith('"')) return parseNumber("iface_index", word);
  const index = devices.get(unquoted(word));
  if (index === undefined) throw new Error(`no device is called ${word}`);
  return index;
}

/** An address, or a prefix when there is a length. */
export function parseAddressOrPrefix(family: Family, word: string): Prefix {
  if (word.includes("/")) return ofFamily(family, parsePrefix(word), word);
  return { ...parseOneAddress(family, word), length: addressBits(family) };
}

/** An address of the family. */
export function parseOneAddress(family: Family, word: string): { family: Family; value: bigint } {
  return ofFamily(family, parseAddress(word), word);
}

function ofFamily<T extends { readonly family: Family }>(family: Family, address: T, word: string): T {
  if (address.family !== family) throw new Error(`${word} is not of IPv${family}`);
  return address;
}

function unquoted(word: string): string {
  const text = /^"([^"]+)"$/.exec(word)?.[1];
  if (text === undefined) throw new Error(`expected a name in quotes, got ${word}`);
  return text;
}

function addressRange(family: Family, word: string): { value: bigint; last?: bigint } {
  if (word.includes("/")) {
    const prefix = parseAddressOrPrefix(family, word);
    return { value: firstAddress(prefix).value, last: lastAddress(prefix).value };
  }
  return rangeOf(word, word.includes("-"), (text) => parseOneAddress(family, text).value);
}

/** Names have hyphens too: only between digits it is a range. */
function numberRange(type: NumberType, word: string): { value: number; last?: number } {
  return rangeOf(word, /^[0-9]+-/.test(word), (text) => parseNumber(type, text));
}

function rangeOf<T extends number | bigint>(
  word: string,
  isRange: boolean,
  parse: (text: string) => T,
): { value: T; last?: T } {
  if (!isRange) return { value: parse(word) };
  const [first = "", end = "", ...more] = word.split("-");
  const [value, last] = [parse(first), parse(end)];
  if (more.length > 0 || value >= last) throw new Error(`"${word}" is no range`);
  return { value, last };
}

function parseNumber(type: NumberType, word: string): number {
  const { last, names } = NUMBERS[type];
  if (Object.hasOwn(names, word)) return names[word] as number;
  const value = Number(word);
  if (!DIGITS.test(word) || value > last) throw new Error(`"${word}" is no ${type} that we know`);
  return value;
}

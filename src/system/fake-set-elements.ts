import { addressBits, formatAddress, isAddress, parseAddress } from "../net/index.ts";
import type { SetElement } from "./kernel.ts";

/** One of the data types that a set's key is made of, as far as the fake knows them. */
interface KeyType {
  readonly bytes: number;
  /** True when nft prints ranges as prefixes where it can. */
  readonly hasPrefixes?: boolean;
  /** The raw bytes of a text; undefined when it is none of this type. */
  parse(text: string): Buffer | undefined;
  format(bytes: Buffer): string;
}

const PROTOCOLS = new Map([
  ["icmp", 1],
  ["tcp", 6],
  ["udp", 17],
  ["ipv6-icmp", 58],
  ["sctp", 132],
]);

const FAMILIES = new Map([
  ["ipv4", 2],
  ["ipv6", 10],
]);

const ICMP_TYPES = new Map([
  ["echo-reply", 0],
  ["destination-unreachable", 3],
  ["redirect", 5],
  ["echo-request", 8],
  ["time-exceeded", 11],
  ["parameter-problem", 12],
]);

const ICMPV6_TYPES = new Map([
  ["destination-unreachable", 1],
  ["packet-too-big", 2],
  ["time-exceeded", 3],
  ["parameter-problem", 4],
  ["echo-request", 128],
  ["echo-reply", 129],
  ["nd-router-solicit", 133],
  ["nd-router-advert", 134],
  ["nd-neighbor-solicit", 135],
  ["nd-neighbor-advert", 136],
]);

function addressType(family: 4 | 6): KeyType {
  const bytes = addressBits(family) / 8;
  return {
    bytes,
    hasPrefixes: true,
    parse(text) {
      if (!isAddress(text)) return undefined;
      const address = parseAddress(text);
      if (address.family !== family) return undefined;
      return Buffer.from(address.value.toString(16).padStart(2 * bytes, "0"), "hex");
    },
    format: (raw) => formatAddress({ family, value: BigInt(`0x${raw.toString("hex")}`) }),
  };
}

function numberType(
  bytes: 1 | 2 | 4,
  order: "host" | "network",
  names: ReadonlyMap<string, number>,
): KeyType {
  return {
    bytes,
    parse(text) {
      const number = names.get(text) ?? (/^[0-9]+$/.test(text) ? Number(text) : undefined);
      if (number === undefined || number >= 2 ** (8 * bytes)) return undefined;
      const raw = Buffer.alloc(bytes);
      if (order === "host") raw.writeUIntLE(number, 0, bytes);
      else raw.writeUIntBE(number, 0, bytes);
      return raw;
    },
    format(raw) {
      const number = order === "host" ? raw.readUIntLE(0, bytes) : raw.readUIntBE(0, bytes);
      return [...names].find(([, value]) => value === number)?.[0] ?? `${number}`;
    },
  };
}

const NAME_TYPE: KeyType = {
  bytes: 16,
  parse: (text) => Buffer.concat([Buffer.from(text.replace(/^"(.*)"$/, "$1")), Buffer.alloc(16)], 16),
  format: (raw) => `"${raw.toString("utf8").replace(/\0+$/, "")}"`,
};

/** @param order of what the kernel keeps as numbers of its own; in sets with ranges it is the network's */
function keyTypes(
  links: ReadonlyMap<string, number>,
  order: "host" | "network",
): ReadonlyMap<string, KeyType> {
  const quoted = new Map([...links].map(([name, index]) => [`"${name}"`, index]));
  return new Map([
    ["ipv4_addr", addressType(4)],
    ["ipv6_addr", addressType(6)],
    ["ifname", NAME_TYPE],
    ["iface_index", numberType(4, order, quoted)],
    ["inet_proto", numberType(1, order, PROTOCOLS)],
    ["nf_proto", numberType(1, order, FAMILIES)],
    ["inet_service", numberType(2, "network", new Map())],
    ["icmp_type", numberType(1, order, ICMP_TYPES)],
    ["icmpv6_type", numberType(1, order, ICMPV6_TYPES)],
    ["icmp_code", numberType(1, order, new Map())],
    ["icmpv6_code", numberType(1, order, new Map())],
    ["mark", numberType(4, order, new Map())],
  ]);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/** Between raw keys of a set and the texts of its elements. */
export interface ElementCodec {
  /** The text in normal form; undefined when the set's types are not known or a key has another length. */
  format(element: SetElement): string | undefined;
  /** The raw keys of a text; undefined when it is none. */
  parse(text: string): SetElement | undefined;
  /** True when every part of the key lies in the range. */
  holds(range: SetElement, key: Uint8Array): boolean;
}

/**
 * The codec of a set `type A . B`. In a concatenation every part takes a multiple of 4 bytes.
 * @param links indexes of the host's links by name
 * @param hasRanges true for a set with the flag `interval`
 */
export function createElementCodec(
  type: string,
  links: ReadonlyMap<string, number>,
  hasRanges: boolean,
): ElementCodec {
  const known = keyTypes(links, hasRanges ? "network" : "host");
  const types = type.split(" . ").map((name) => known.get(name));
  const room = (part: KeyType): number => (types.length === 1 ? part.bytes : padded(part.bytes));
  const total = types.reduce((sum, part) => sum + (part === undefined ? Number.NaN : room(part)), 0);
  return {
    format({ key, keyEnd = key }) {
      if (key.length !== total || keyEnd.length !== total) return undefined;
      const [first, last] = [Buffer.from(key), Buffer.from(keyEnd)];
      let at = 0;
      return (types as KeyType[])
        .map((part) => {
          const [start, end] = [first, last].map((bytes) => bytes.subarray(at, at + part.bytes));
          at += room(part);
          return formatRange(part, start as Buffer, end as Buffer);
        })
        .join(" . ");
    },
    parse(text) {
      const parts = text.split(" . ");
      if (parts.length !== types.length) return undefined;
      const ranges = parts.map((part, index) => parseRange(types[index], part, hasRanges));
      if (!ranges.every((range) => range !== undefined)) return undefined;
      const join = (end: 0 | 1): Uint8Array =>
        Buffer.concat(
          ranges.map((range, index) => Buffer.concat([range[end]], room(types[index] as KeyType))),
        );
      const [key, keyEnd] = [join(0), join(1)];
      return Buffer.compare(key, keyEnd) === 0 ? { key } : { key, keyEnd };
    },
    holds({ key: first, keyEnd: last = first }, key) {
      let end = 0;
      return types.every((part) => {
        const start = end;
        end += part === undefined ? total : room(part);
        return compareBytes(first, key, start, end) <= 0 && compareBytes(key, last, start, end) <= 0;
      });
    },
  };
}

/** Compares two keys between two positions; negative when the first comes before. */
function compareBytes(a: Uint8Array, b: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    const difference = (a[at] as number) - (b[at] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

function formatRange(type: KeyType, first: Buffer, last: Buffer): string {
  if (first.equals(last)) return type.format(first);
  const length = type.hasPrefixes ? prefixLength(first, last) : undefined;
  return length === undefined
    ? `${type.format(first)}-${type.format(last)}`
    : `${type.format(first)}/${length}`;
}

/** How long the prefix is that has these first and last addresses; undefined when none has. */
function prefixLength(first: Buffer, last: Buffer): number | undefined {
  const [low, high] = [BigInt(`0x${first.toString("hex")}`), BigInt(`0x${last.toString("hex")}`)];
  const free = low ^ high;
  const isPrefix = (free & (free + 1n)) === 0n && (low & free) === 0n;
  return isPrefix ? 8 * first.length - free.toString(2).length : undefined;
}

function parseRange(
  type: KeyType | undefined,
  text: string,
  hasRanges: boolean,
): [Buffer, Buffer] | undefined {
  const single = type?.parse(text);
  if (single !== undefined) return [single, single];
  if (type === undefined || !hasRanges) return undefined;
  const [, address, digits] = /^(.+)\/([0-9]+)$/.exec(text) ?? [];
  if (address !== undefined)
    return type.hasPrefixes ? prefixRange(type.parse(address), Number(digits)) : undefined;
  const [low = "", high = "", ...more] = text.split("-");
  const [first, last] = [type.parse(low), type.parse(high)];
  if (first === undefined || last === undefined || more.length > 0) return undefined;
  return Buffer.compare(first, last) <= 0 ? [first, last] : undefined;
}

function prefixRange(address: Buffer | undefined, length: number): [Buffer, Buffer] | undefined {
  if (address === undefined || length > 8 * address.length) return undefined;
  const last = address.map((byte, index) => byte | (0xff >> Math.min(8, Math.max(0, length - 8 * index))));
  return [address, Buffer.from(last)];
}

import { addressBits, formatAddress, isAddress, parseAddress } from "../net/index.ts";

/** One of the data types that a set's key is made of, as far as the fake knows them. */
interface KeyType {
  readonly bytes: number;
  /** The raw bytes of a text; undefined when it is none of this type. */
  parse(text: string): Buffer | undefined;
  format(bytes: Buffer): string;
}

const PROTOCOLS = new Map([
  ["icmp", 1],
  ["tcp", 6],
  ["udp", 17],
  ["ipv6-icmp", 58],
]);

function addressType(family: 4 | 6): KeyType {
  const bytes = addressBits(family) / 8;
  return {
    bytes,
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

function keyTypes(links: ReadonlyMap<string, number>): ReadonlyMap<string, KeyType> {
  const quoted = new Map([...links].map(([name, index]) => [`"${name}"`, index]));
  return new Map([
    ["ipv4_addr", addressType(4)],
    ["ipv6_addr", addressType(6)],
    ["ifname", NAME_TYPE],
    ["iface_index", numberType(4, "host", quoted)],
    ["inet_proto", numberType(1, "host", PROTOCOLS)],
    ["inet_service", numberType(2, "network", new Map())],
    ["mark", numberType(4, "host", new Map())],
  ]);
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

/**
 * The text of a raw key of a set `type A . B`, by the links of the host; undefined when the set's types are not
 * known or the key has another length. In a concatenation every part takes a multiple of 4 bytes.
 */
export function formatKey(
  key: Uint8Array,
  type: string,
  links: ReadonlyMap<string, number>,
): string | undefined {
  const types = type.split(" . ").map((name) => keyTypes(links).get(name));
  const bytes = Buffer.from(key);
  const parts: string[] = [];
  let at = 0;
  for (const part of types) {
    if (part === undefined || at + part.bytes > bytes.length) return undefined;
    parts.push(part.format(bytes.subarray(at, at + part.bytes)));
    at += types.length === 1 ? part.bytes : padded(part.bytes);
  }
  return at === bytes.length ? parts.join(" . ") : undefined;
}

/** The text of an element in normal form, so that equal elements are equal texts; unchanged when not understood. */
export function normalElement(element: string, type: string, links: ReadonlyMap<string, number>): string {
  const [key = "", ...value] = element.split(" : ");
  const types = type.split(" . ").map((name) => keyTypes(links).get(name));
  const parts = key.split(" . ");
  if (parts.length !== types.length) return element;
  const normal = parts.map((part, index) => {
    const raw = types[index]?.parse(part);
    return raw === undefined ? part : (types[index] as KeyType).format(raw);
  });
  return [normal.join(" . "), ...value].join(" : ");
}

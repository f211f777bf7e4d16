import type { Element, KeyPart } from "./table.ts";

/** Size of an interface name in the kernel, with the zero at its end. */
const INTERFACE_NAME_BYTES = 16;

/** An element as the kernel stores it and nfnetlink carries it. */
export interface RawElement {
  readonly key: Uint8Array;
  /** Last key of a range, in each part; absent for a single key. */
  readonly keyEnd?: Uint8Array;
}

/**
 * The key of an element as the kernel stores it and nfnetlink carries it: of several parts one after another, each is
 * filled up with zeros to a multiple of four bytes (a register). Interface indices are in the byte order of
 * this machine, addresses and ports in that of the network.
 */
export function rawKey(element: Element): Uint8Array {
  return joined(element.map(partBytes));
}

/** An element as the kernel stores it, with an end when some part of it is a range. */
export function rawElement(element: Element): RawElement {
  const key = rawKey(element);
  if (!element.some((part) => "last" in part && part.last !== undefined)) return { key };
  return { key, keyEnd: joined(element.map((part) => partBytes(lastOf(part)))) };
}

function lastOf(part: KeyPart): KeyPart {
  return "last" in part && part.last !== undefined ? ({ ...part, value: part.last } as KeyPart) : part;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (only !== undefined && parts.length === 1) return only;
  const key = new Uint8Array(parts.reduce((sum, part) => sum + registerBytes(part.length), 0));
  let offset = 0;
  for (const part of parts) {
    key.set(part, offset);
    offset += registerBytes(part.length);
  }
  return key;
}

/** The elements in ascending order, part by part, so that equal sets have equal text. */
export function sortElements(elements: readonly Element[]): readonly Element[] {
  return elements.toSorted(compareElements);
}

function compareElements(a: Element, b: Element): number {
  for (const [index, { value }] of a.entries()) {
    const other = (b[index] as KeyPart).value;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

function registerBytes(length: number): number {
  return Math.ceil(length / 4) * 4;
}

function partBytes(part: KeyPart): Uint8Array {
  switch (part.type) {
    case "iface_index":
      return new Uint8Array(Uint32Array.of(part.value).buffer);
    case "ifname":
      return nameBytes(part.value);
    case "ipv4_addr":
      return bigEndian(part.value, 4);
    case "ipv6_addr":
      return bigEndian(part.value, 16);
    case "inet_proto":
    case "nf_proto":
    case "icmp_type":
    case "icmp_code":
    case "icmpv6_type":
    case "icmpv6_code":
      return Uint8Array.of(part.value);
    case "inet_service":
      return bigEndian(BigInt(part.value), 2);
  }
}

function nameBytes(name: string): Uint8Array {
  const bytes = new Uint8Array(INTERFACE_NAME_BYTES);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

function bigEndian(value: bigint, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = length - 1, rest = value; index >= 0; index--, rest >>= 8n)
    bytes[index] = Number(rest & 0xffn);
  return bytes;
}

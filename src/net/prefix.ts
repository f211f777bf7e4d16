import { type Address, addressBits, type Family, formatAddress, parseAddress } from "./address.ts";

/** A block of addresses: the first `length` bits of `value` are fixed, all others of `value` are zero. */
export interface Prefix {
  readonly family: Family;
  readonly value: bigint;
  readonly length: number;
}

/** Netmasks by length. */
const MASKS: Record<Family, readonly bigint[]> = { 4: masksOf(4), 6: masksOf(6) };

function masksOf(family: Family): bigint[] {
  const bits = addressBits(family);
  const ones = (1n << BigInt(bits)) - 1n;
  return Array.from({ length: bits + 1 }, (_, length) => ones ^ (ones >> BigInt(length)));
}

/**
 * The prefix of `length` bits that holds the address: its other bits are cleared.
 * @throws RangeError when the family has no such length.
 */
export function prefixOf(address: Address, length: number): Prefix {
  return { family: address.family, value: address.value & prefixMask(address.family, length), length };
}

/** The prefix of full length that holds just this address. */
export function addressPrefix(address: Address): Prefix {
  return { family: address.family, value: address.value, length: addressBits(address.family) };
}

/** Reads `ADDRESS/LENGTH`. @throws SyntaxError on bad text, or when bits are set behind the length. */
export function parsePrefix(text: string): Prefix {
  const match = /^([^/]+)\/(0|[1-9][0-9]{0,2})$/.exec(text);
  if (match === null) throw new SyntaxError(`"${text}" is not a prefix such as 10.0.0.0/8`);
  const address = parseAddress(match[1] as string);
  const length = Number(match[2]);
  if (length > addressBits(address.family)) {
    throw new SyntaxError(
      `"${text}" is longer than the ${addressBits(address.family)} bits of IPv${address.family}`,
    );
  }
  const prefix = prefixOf(address, length);
  if (prefix.value !== address.value) {
    throw new SyntaxError(`"${text}" has bits set behind its length; did you mean ${formatPrefix(prefix)}?`);
  }
  return prefix;
}

/** The canonical text `ADDRESS/LENGTH`. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix)}/${prefix.length}`;
}

/**
 * The netmask of a length as an integer: `length` ones, then zeros.
 * @throws RangeError when the family has no such length.
 */
export function prefixMask(family: Family, length: number): bigint {
  const mask = MASKS[family][length];
  if (mask === undefined) throw new RangeError(`/${length} is not a prefix length of IPv${family}`);
  return mask;
}

/** Number of addresses in the prefix. */
export function prefixSize(prefix: Prefix): bigint {
  return 1n << BigInt(addressBits(prefix.family) - prefix.length);
}

/** The lowest address of the prefix. */
export function firstAddress(prefix: Prefix): Address {
  return { family: prefix.family, value: prefix.value };
}

/** The highest address of the prefix. */
export function lastAddress(prefix: Prefix): Address {
  return { family: prefix.family, value: prefix.value + prefixSize(prefix) - 1n };
}

/** True when the address lies in the prefix; an address of the other family never does. */
export function prefixContains(prefix: Prefix, address: Address): boolean {
  return (
    prefix.family === address.family &&
    (address.value & prefixMask(prefix.family, prefix.length)) === prefix.value
  );
}

/** True when every address of `inner` lies in `outer`. */
export function prefixContainsPrefix(outer: Prefix, inner: Prefix): boolean {
  return outer.length <= inner.length && prefixContains(outer, inner);
}

/** True when the two prefixes share an address. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return prefixContainsPrefix(a, b) || prefixContainsPrefix(b, a);
}

/** Orders by family, then first address, then shorter length first. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  if (a.family !== b.family) return a.family - b.family;
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  return a.length - b.length;
}

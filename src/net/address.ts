/** IP version. */
export type Family = 4 | 6;

/** One IPv4 or IPv6 address. `value` is the address as an unsigned integer, most significant bit first. */
export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

const DIGIT_ZERO = "0".charCodeAt(0);
/** A hexadecimal digit stands at its value, a capital one 6 further on. */
const HEX_DIGITS = "0123456789abcdefABCDEF";
/** Length of the longest IPv6 text, `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const LONGEST_IPV6 = 45;

/** Number of bits of an address of the family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The address with the given integer value. @throws RangeError when the value does not fit the family. */
export function createAddress(family: Family, value: bigint): Address {
  if (value < 0n || value >> BigInt(addressBits(family)) !== 0n) {
    throw new RangeError(`${value} is not an IPv${family} address`);
  }
  return { family, value };
}

/**
 * Reads one address in strict text form: dotted decimal without leading zeros (RFC 6943 section 3.1.1),
 * or IPv6 (RFC 4291 section 2.2, optionally with a dotted-decimal tail; no zone).
 * @throws SyntaxError that quotes the text.
 */
export function parseAddress(text: string): Address {
  const value = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  if (value === undefined) throw new SyntaxError(`"${text}" is not an IP address`);
  return { family: text.includes(":") ? 6 : 4, value };
}

/** True when the text is an address that {@link parseAddress} accepts. */
export function isAddress(text: string): boolean {
  return (text.includes(":") ? parseIpv6(text) : parseIpv4(text)) !== undefined;
}

function parseIpv4(text: string): bigint | undefined {
  const value = readIpv4(text);
  return value === undefined ? undefined : BigInt(value);
}

/** Four octets of decimal digits without leading zeros, as one 32-bit number. */
function readIpv4(text: string): number | undefined {
  let value = 0;
  let dots = 0;
  let octet = -1;
  for (let index = 0; index < text.length; index++) {
    const digit = text.charCodeAt(index) - DIGIT_ZERO;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    } else {
      if (text[index] !== "." || octet < 0 || dots === 3) return undefined;
      value = value * 256 + octet;
      dots++;
      octet = -1;
    }
  }
  return dots === 3 && octet >= 0 ? value * 256 + octet : undefined;
}

function parseIpv6(text: string): bigint | undefined {
  if (text.length > LONGEST_IPV6) return undefined;
  const groups: number[] = [];
  /** How many groups stand before "::"; -1 while there is none. */
  let gap = -1;
  let index = 0;
  if (text.startsWith("::")) {
    gap = 0;
    index = 2;
  }
  while (index < text.length) {
    const colon = text.indexOf(":", index);
    if (colon < 0 && text.includes(".", index)) {
      const ipv4 = readIpv4(text.slice(index));
      if (ipv4 === undefined) return undefined;
      groups.push(ipv4 >>> 16, ipv4 & 0xffff);
      break;
    }
    const group = readGroup(text, index, colon < 0 ? text.length : colon);
    if (group === undefined) return undefined;
    groups.push(group);
    if (colon < 0) break;
    index = colon + 1;
    if (index === text.length) return undefined;
    if (text[index] === ":") {
      if (gap >= 0) return undefined;
      gap = groups.length;
      index++;
    }
  }
  if (gap < 0 ? groups.length !== 8 : groups.length > 7) return undefined;
  return joinGroups(groups, gap);
}

/** One to four hexadecimal digits between two positions. */
function readGroup(text: string, start: number, end: number): number | undefined {
  if (end === start || end - start > 4) return undefined;
  let value = 0;
  for (let index = start; index < end; index++) {
    const digit = HEX_DIGITS.indexOf(text[index] as string);
    if (digit < 0) return undefined;
    value = value * 16 + (digit < 16 ? digit : digit - 6);
  }
  return value;
}

/** Eight 16-bit groups as one integer; as many zero groups as are missing stand at `gap`. */
function joinGroups(groups: readonly number[], gap: number): bigint {
  const missing = 8 - groups.length;
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (const [index, group] of groups.entries()) {
    const place = gap >= 0 && index >= gap ? index + missing : index;
    words[place >> 1] = (words[place >> 1] as number) + (place % 2 === 0 ? group * 0x10000 : group);
  }
  const high = (BigInt(words[0]) << 32n) | BigInt(words[1]);
  const low = (BigInt(words[2]) << 32n) | BigInt(words[3]);
  return (high << 64n) | low;
}

/** The canonical text of an address: dotted decimal, or RFC 5952 for IPv6. */
export function formatAddress(address: Address): string {
  return address.family === 4 ? formatIpv4(address.value) : formatIpv6(address.value);
}

function formatIpv4(value: bigint): string {
  const number = Number(value);
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

function formatIpv6(value: bigint): string {
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(value & 0xffffffffn)}`;
  const groups: number[] = [];
  for (let shift = 96n; shift >= 0n; shift -= 32n) {
    const word = Number(BigInt.asUintN(32, value >> shift));
    groups.push(word >>> 16, word & 0xffff);
  }
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

/** First of the longest runs of zero groups (RFC 5952 section 4.2.3). */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}

/** Orders IPv4 before IPv6, then by value: negative, zero or positive. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

/** True when both are the same address of the same family. */
export function isSameAddress(a: Address, b: Address): boolean {
  return a.family === b.family && a.value === b.value;
}

/** The address `count` further on. @throws RangeError past either end of the address space; never wraps. */
export function addToAddress(address: Address, count: bigint): Address {
  return createAddress(address.family, address.value + count);
}

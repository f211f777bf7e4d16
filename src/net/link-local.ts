import { type Address, createAddress } from "./address.ts";

/** Length of the prefix of link-local IPv6 addresses on a link (RFC 4291 section 2.5.6). */
export const LINK_LOCAL_LENGTH = 64;

const PREFIX = 0xfe80n << 112n;
/** What stands between the halves of a MAC address in an interface identifier, and the bit that is inverted. */
const MIDDLE = 0xfffen << 24n;
const UNIVERSAL = 1n << 57n;

/**
 * The link-local IPv6 address that belongs to a MAC address `aa:bb:cc:dd:ee:ff`: `fe80::` and the modified EUI-64
 * (RFC 4291 appendix A).
 */
export function linkLocalAddress(mac: string): Address {
  const bits = BigInt(`0x${mac.replaceAll(":", "")}`);
  const identifier = ((bits >> 24n) << 40n) | MIDDLE | (bits & 0xffffffn);
  return createAddress(6, PREFIX | (identifier ^ UNIVERSAL));
}

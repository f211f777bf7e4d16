import type { Address } from "../net/index.ts";
import { ADDRESS_FAMILY } from "./netlink/constants.ts";
import { readAddress } from "./netlink/reader.ts";

/** An address with a TCP or UDP port. */
export interface SocketAddress {
  readonly address: Address;
  readonly port: number;
}

/** Bytes of the largest address that a call may return (`struct sockaddr_in6`). */
export const SOCKET_ADDRESS_BYTES = 28;

/** `struct sockaddr_in` or `sockaddr_in6`. @param link index of the link that a link-local address is on */
export function encodeSocketAddress({ address, port }: SocketAddress, link = 0): Buffer {
  const { family, value } = address;
  const bytes = Buffer.alloc(family === 4 ? 16 : SOCKET_ADDRESS_BYTES);
  bytes.writeUInt16LE(ADDRESS_FAMILY[family], 0);
  bytes.writeUInt16BE(port, 2);
  if (family === 4) {
    bytes.writeUInt32BE(Number(value), 4);
  } else {
    bytes.writeBigUInt64BE(value >> 64n, 8);
    bytes.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, 16);
    bytes.writeUInt32LE(link, 24);
  }
  return bytes;
}

/** Reads what {@link encodeSocketAddress} writes; undefined for other families. */
export function decodeSocketAddress(bytes: Buffer): SocketAddress | undefined {
  const number = bytes.readUInt16LE(0);
  const family = number === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && number !== ADDRESS_FAMILY[6]) return undefined;
  return { address: readAddress(bytes, family === 4 ? 4 : 8, family), port: bytes.readUInt16BE(2) };
}

import type { Family } from "../net/index.ts";

/** Message types of an echo, by family: ICMP (RFC 792) and ICMPv6 (RFC 4443). */
const ECHO_REQUEST: Readonly<Record<Family, number>> = { 4: 8, 6: 128 };
const ECHO_REPLY: Readonly<Record<Family, number>> = { 4: 0, 6: 129 };

const HEADER_BYTES = 8;

/** An echo reply as it was received. */
export interface EchoReply {
  readonly identifier: number;
  readonly payload: Buffer;
}

/** An echo request. Over IPv6 the kernel fills in the checksum, which covers addresses that it chooses. */
export function encodeEchoRequest(family: Family, identifier: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES + payload.length);
  bytes.writeUInt8(ECHO_REQUEST[family], 0);
  bytes.writeUInt16BE(identifier, 4);
  bytes.set(payload, HEADER_BYTES);
  if (family === 4) bytes.writeUInt16BE(checksum(bytes), 2);
  return bytes;
}

/** Reads what a raw socket received: over IPv4 with the IP header. Undefined for everything but echo replies. */
export function decodeEchoReply(family: Family, packet: Buffer): EchoReply | undefined {
  const start = family === 4 ? ((packet[0] ?? 0) & 0x0f) * 4 : 0;
  const bytes = packet.subarray(start);
  if (bytes.length < HEADER_BYTES || bytes[0] !== ECHO_REPLY[family]) return undefined;
  return { identifier: bytes.readUInt16BE(4), payload: bytes.subarray(HEADER_BYTES) };
}

/** The Internet checksum (RFC 1071). */
function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let index = 0; index < bytes.length; index += 2)
    sum += (bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

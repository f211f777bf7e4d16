import type { Address, Family } from "../net/index.ts";
import { readAddress } from "./netlink/reader.ts";

/** What the headers of an IP packet say, as far as they are there. */
export interface PacketHeader {
  readonly source: Address;
  readonly destination: Address;
  /** Number of the transport protocol; absent when the packet ends before the header that names it. */
  readonly protocol?: number;
  /** Ports of TCP, UDP, DCCP, SCTP and UDP-Lite; later fragments have none. */
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  readonly icmp?: { readonly type: number; readonly code: number };
}

/** Where the transport header begins; absent when there is none, as in later fragments. */
interface Transport {
  readonly protocol?: number;
  readonly start?: number;
}

const ADDRESSES = { 4: { source: 12, destination: 16, end: 20 }, 6: { source: 8, destination: 24, end: 40 } };
const IPV4_PROTOCOL = 9;
const IPV4_FRAGMENT = 6;
const IPV4_OFFSET_MASK = 0x1fff;
const IPV6_NEXT_HEADER = 6;
/** Extension headers as netfilter skips them; what is behind others is their own affair. */
const EXTENSION = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, AUTHENTICATION: 51, DESTINATION: 60 } as const;
const EXTENSIONS: ReadonlySet<number> = new Set(Object.values(EXTENSION));
const IPV6_OFFSET_MASK = 0xfff8;
const FRAGMENT_BYTES = 8;

const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
const ICMP: Readonly<Record<Family, number>> = { 4: 1, 6: 58 };

/**
 * Reads the headers of a packet (RFC 791, RFC 8200), of which only the beginning need be there. Later fragments have
 * no ports, and neither has anything cut off before them.
 * @returns undefined when the packet is of no known version, or ends before its addresses do
 */
export function decodePacketHeader(packet: Uint8Array): PacketHeader | undefined {
  const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
  const version = (bytes[0] ?? 0) >> 4;
  if (version !== 4 && version !== 6) return undefined;
  const at = ADDRESSES[version];
  if (bytes.length < at.end) return undefined;
  const { protocol, start } = version === 4 ? findIpv4Transport(bytes) : findIpv6Transport(bytes);
  return {
    source: readAddress(bytes, at.source, version),
    destination: readAddress(bytes, at.destination, version),
    ...(protocol === undefined ? {} : { protocol }),
    ...(protocol === undefined || start === undefined ? {} : readTransport(bytes, start, protocol, version)),
  };
}

function findIpv4Transport(bytes: Buffer): Transport {
  const protocol = bytes[IPV4_PROTOCOL] as number;
  const start = ((bytes[0] as number) & 0xf) * 4;
  const isLater = (bytes.readUInt16BE(IPV4_FRAGMENT) & IPV4_OFFSET_MASK) !== 0;
  return isLater || start < ADDRESSES[4].end ? { protocol } : { protocol, start };
}

function findIpv6Transport(bytes: Buffer): Transport {
  let protocol = bytes[IPV6_NEXT_HEADER] as number;
  let start = ADDRESSES[6].end;
  while (EXTENSIONS.has(protocol)) {
    const extension = protocol;
    if (start + 2 > bytes.length) return {};
    protocol = bytes[start] as number;
    if (extension === EXTENSION.FRAGMENT) {
      if (start + 4 > bytes.length) return {};
      const isLater = (bytes.readUInt16BE(start + 2) & IPV6_OFFSET_MASK) !== 0;
      if (isLater) return EXTENSIONS.has(protocol) ? {} : { protocol };
    }
    start += extensionBytes(extension, bytes[start + 1] as number);
  }
  return { protocol, start };
}

function extensionBytes(extension: number, length: number): number {
  if (extension === EXTENSION.FRAGMENT) return FRAGMENT_BYTES;
  return extension === EXTENSION.AUTHENTICATION ? (length + 2) * 4 : (length + 1) * 8;
}

function readTransport(
  bytes: Buffer,
  start: number,
  protocol: number,
  family: Family,
): Pick<PacketHeader, "sourcePort" | "destinationPort" | "icmp"> {
  if (WITH_PORTS.has(protocol)) {
    if (start + 2 > bytes.length) return {};
    const sourcePort = bytes.readUInt16BE(start);
    return start + 4 > bytes.length
      ? { sourcePort }
      : { sourcePort, destinationPort: bytes.readUInt16BE(start + 2) };
  }
  const isIcmp = protocol === ICMP[family] && start + 2 <= bytes.length;
  return isIcmp ? { icmp: { type: bytes[start] as number, code: bytes[start + 1] as number } } : {};
}

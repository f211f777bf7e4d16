/** Bytes of the common header (RFC 9260, 3.1) and of an INIT chunk without parameters (3.3.2). */
const HEADER_BYTES = 12;
const CHUNK_BYTES = 20;
const INIT = 1;
const WINDOW = 65_536;

/** What says which packet it is. */
export interface SctpInit {
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** Initiate tag; never 0. */
  readonly tag: number;
}

/** The first packet of an SCTP association (RFC 9260, INIT), without an IP header. */
export function encodeSctpInit({ sourcePort, destinationPort, tag }: SctpInit): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + CHUNK_BYTES);
  packet.writeUInt16BE(sourcePort, 0);
  packet.writeUInt16BE(destinationPort, 2);
  packet[HEADER_BYTES] = INIT;
  packet.writeUInt16BE(CHUNK_BYTES, HEADER_BYTES + 2);
  packet.writeUInt32BE(tag, HEADER_BYTES + 4);
  packet.writeUInt32BE(WINDOW, HEADER_BYTES + 8);
  packet.writeUInt16BE(1, HEADER_BYTES + 12);
  packet.writeUInt16BE(1, HEADER_BYTES + 14);
  packet.writeUInt32BE(tag, HEADER_BYTES + 16);
  packet.writeUInt32LE(crc32c(packet), 8);
  return packet;
}

/** Reads what a raw socket received: of IPv4 with the IP header. Undefined for anything but an INIT. */
export function decodeSctpInit(family: 4 | 6, bytes: Buffer): SctpInit | undefined {
  const packet = family === 4 ? bytes.subarray(((bytes[0] ?? 0) & 0xf) * 4) : bytes;
  if (packet.length < HEADER_BYTES + CHUNK_BYTES || packet[HEADER_BYTES] !== INIT) return undefined;
  return {
    sourcePort: packet.readUInt16BE(0),
    destinationPort: packet.readUInt16BE(2),
    tag: packet.readUInt32BE(HEADER_BYTES + 4),
  };
}

/** The checksum of SCTP (RFC 9260, appendix A). */
function crc32c(bytes: Uint8Array): number {
  const POLYNOMIAL = 0x82f63b78;
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) * POLYNOMIAL);
  }
  return ~crc >>> 0;
}

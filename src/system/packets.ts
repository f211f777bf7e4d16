import type { Address } from "../net/index.ts";

/** EtherType by IP version. */
const ETHER_TYPE = { 4: 0x0800, 6: 0x86dd } as const;
const ETHER_TYPE_ARP = 0x0806;
const ECHO_REQUEST = { 4: 8, 6: 128 } as const;
const ECHO_REPLY = { 4: 0, 6: 129 } as const;
const NEIGHBOUR_SOLICITATION = 135;
const NEIGHBOUR_ADVERTISEMENT = 136;
const BROADCAST = "ff:ff:ff:ff:ff:ff";
/** ff02::1:ff00:0/104 (RFC 4291). */
const SOLICITED_NODE = 0xff0200000000000000000001ff000000n;
/** ff02::1. */
const ALL_NODES: Address = { family: 6, value: 0xff020000000000000000000000000001n };
const HOP_LIMIT = 64;
/** What neighbour discovery must have, so that it comes from the same link. */
const ND_HOP_LIMIT = 255;

/** IP protocol numbers; ICMP by IP version. */
export const IP_PROTOCOL = { tcp: 6, udp: 17, icmp: { 4: 1, 6: 58 } } as const;

/** The Internet checksum (RFC 1071) over the parts as if they stood one behind the other at even offsets. */
export function checksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] as number) << 8) | (part[at + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** The bytes of an address in network order. */
function addressBytes({ family, value }: Address): Buffer {
  return Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, "0"), "hex");
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

/** An Ethernet frame around an IP packet of {@link encodeIp}. MAC addresses as `aa:bb:cc:dd:ee:ff`. */
export function encodeFrame(destination: string, source: string, packet: Uint8Array): Buffer {
  const family = (packet[0] as number) >> 4 === 6 ? 6 : 4;
  return ethernet(destination, source, ETHER_TYPE[family], packet);
}

function ethernet(destination: string, source: string, type: number, payload: Uint8Array): Buffer {
  const header = Buffer.concat([macBytes(destination), macBytes(source), Buffer.alloc(2)]);
  header.writeUInt16BE(type, 12);
  return Buffer.concat([header, payload]);
}

/** An ARP reply in an Ethernet frame that says that the address is at the MAC address. */
export function encodeArpReply(
  address: Address,
  mac: string,
  to: { readonly address: Address; readonly mac: string },
): Buffer {
  const operation = Buffer.from([0, 1, 8, 0, 6, 4, 0, 2]);
  const parties = [macBytes(mac), addressBytes(address), macBytes(to.mac), addressBytes(to.address)];
  return ethernet(to.mac, mac, ETHER_TYPE_ARP, Buffer.concat([operation, ...parties]));
}

/**
 * An ARP request to everybody on the link. A probe (RFC 5227, section 2.1.1) has no sender address and asks whether somebody has
 * the address; an announcement (section 2.3) says with it that it is at the MAC address.
 */
export function encodeArpRequest(type: "probe" | "announcement", address: Address, mac: string): Buffer {
  const operation = Buffer.from([0, 1, 8, 0, 6, 4, 0, 1]);
  const own = addressBytes(address);
  const parties = [macBytes(mac), type === "probe" ? Buffer.alloc(4) : own, Buffer.alloc(6), own];
  return ethernet(BROADCAST, mac, ETHER_TYPE_ARP, Buffer.concat([operation, ...parties]));
}

/** MAC address and address of the sender of an ARP packet in an Ethernet frame; undefined for anything else. */
export function decodeArpSender(
  frame: Buffer,
): { readonly mac: string; readonly address: Address } | undefined {
  if (frame.length < 42 || frame.readUInt16BE(12) !== ETHER_TYPE_ARP) return undefined;
  const mac = frame
    .subarray(22, 28)
    .toString("hex")
    .replace(/(..)(?!$)/g, "$1:");
  return { mac, address: { family: 4, value: BigInt(frame.readUInt32BE(28)) } };
}

/** A neighbour solicitation from nobody in an Ethernet frame, which asks whether somebody has the target (RFC 4862, section 5.4). */
export function encodeSolicitationProbe(target: Address, mac: string): Buffer {
  const low = target.value & 0xffffffn;
  const group: Address = { family: 6, value: SOLICITED_NODE | low };
  const message = Buffer.concat([
    Buffer.from([NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0]),
    addressBytes(target),
  ]);
  const packet = encodeIcmp({ family: 6, value: 0n }, group, message, ND_HOP_LIMIT);
  return encodeFrame(`33:33:ff${low.toString(16).padStart(6, "0").replace(/../g, ":$&")}`, mac, packet);
}

/** An unsolicited neighbour advertisement in an Ethernet frame to everybody on the link (RFC 4861, section 7.2.6). */
export function encodeUnsolicitedAdvertisement(target: Address, mac: string): Buffer {
  const message = advertisement(target, mac, 0x20);
  return encodeFrame("33:33:00:00:00:01", mac, encodeIcmp(target, ALL_NODES, message, ND_HOP_LIMIT));
}

/** Target of a neighbour advertisement that an `icmp` socket received; undefined for anything else. */
export function decodeAdvertisedTarget(message: Buffer): Address | undefined {
  if (message.length < 24 || message[0] !== NEIGHBOUR_ADVERTISEMENT) return undefined;
  return { family: 6, value: BigInt(`0x${message.subarray(8, 24).toString("hex")}`) };
}

/** An IP packet without options or extension headers. */
export function encodeIp(
  source: Address,
  destination: Address,
  protocol: number,
  payload: Uint8Array,
  hopLimit = HOP_LIMIT,
): Buffer {
  const addresses = Buffer.concat([addressBytes(source), addressBytes(destination)]);
  if (source.family === 6) {
    const header = Buffer.from([0x60, 0, 0, 0, 0, 0, protocol, hopLimit]);
    header.writeUInt16BE(payload.length, 4);
    return Buffer.concat([header, addresses, payload]);
  }
  const header = Buffer.concat([
    Buffer.from([0x45, 0, 0, 0, 0, 0, 0, 0, hopLimit, protocol, 0, 0]),
    addresses,
  ]);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(checksum(header), 10);
  return Buffer.concat([header, payload]);
}

/** What transport checksums cover beside the payload. */
function pseudoHeader(source: Address, destination: Address, protocol: number, length: number): Buffer {
  const end = Buffer.alloc(8);
  end.writeUInt32BE(length, 0);
  end.writeUInt32BE(protocol, 4);
  return Buffer.concat([addressBytes(source), addressBytes(destination), end]);
}

/** A UDP datagram in an IP packet. */
export function encodeUdp(
  source: { readonly address: Address; readonly port: number },
  destination: { readonly address: Address; readonly port: number },
  payload: Uint8Array,
): Buffer {
  const datagram = Buffer.concat([Buffer.alloc(8), payload]);
  datagram.writeUInt16BE(source.port, 0);
  datagram.writeUInt16BE(destination.port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  const covered = pseudoHeader(source.address, destination.address, IP_PROTOCOL.udp, datagram.length);
  // 0 would mean "no checksum".
  datagram.writeUInt16BE(checksum(covered, datagram) || 0xffff, 6);
  return encodeIp(source.address, destination.address, IP_PROTOCOL.udp, datagram);
}

/** An ICMP message in an IP packet, with its checksum. */
function encodeIcmp(source: Address, destination: Address, message: Buffer, hopLimit: number): Buffer {
  const protocol = IP_PROTOCOL.icmp[source.family];
  const covered =
    source.family === 6 ? pseudoHeader(source, destination, protocol, message.length) : Buffer.alloc(0);
  message.writeUInt16BE(checksum(covered, message), 2);
  return encodeIp(source, destination, protocol, message, hopLimit);
}

/** A neighbour advertisement in an IPv6 packet that says that the target is at the MAC address, overriding others. */
export function encodeNeighbourAdvertisement(
  source: Address,
  destination: Address,
  target: Address,
  mac: string,
): Buffer {
  const solicitedOverride = 0x60;
  return encodeIcmp(source, destination, advertisement(target, mac, solicitedOverride), ND_HOP_LIMIT);
}

function advertisement(target: Address, mac: string, flags: number): Buffer {
  return Buffer.concat([
    Buffer.from([NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0]),
    addressBytes(target),
    Buffer.from([2, 1]),
    macBytes(mac),
  ]);
}

/** An echo request in an IP packet, for a packet socket. */
export function encodeEcho(source: Address, destination: Address, id: number, sequence: number): Buffer {
  return encodeIcmp(source, destination, echoMessage(source.family, id, sequence), HOP_LIMIT);
}

/** An echo request for an `icmp` socket; of IPv6 without the checksum, which the kernel writes. */
export function encodeEchoRequest(family: 4 | 6, id: number, sequence: number): Buffer {
  const message = echoMessage(family, id, sequence);
  if (family === 4) message.writeUInt16BE(checksum(message), 2);
  return message;
}

function echoMessage(family: 4 | 6, id: number, sequence: number): Buffer {
  const message = Buffer.alloc(16);
  message[0] = ECHO_REQUEST[family];
  message.writeUInt16BE(id, 4);
  message.writeUInt16BE(sequence, 6);
  return message;
}

/** Id and sequence number of an echo reply that an `icmp` socket received; undefined for anything else. */
export function decodeEchoReply(
  family: 4 | 6,
  bytes: Buffer,
): { readonly id: number; readonly sequence: number } | undefined {
  const message = family === 4 ? bytes.subarray(((bytes[0] ?? 0) & 0xf) * 4) : bytes;
  if (message.length < 8 || message[0] !== ECHO_REPLY[family] || message[1] !== 0) return undefined;
  return { id: message.readUInt16BE(4), sequence: message.readUInt16BE(6) };
}

import type { Link } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import type { MessageWriter } from "./writer.ts";

/** Bytes of `struct ifinfomsg`. */
const HEADER = 16;
const IFF_UP = 1;
const IFF_LOWER_UP = 0x10000;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  LINKINFO: 18,
  AF_SPEC: 26,
  GROUP: 27,
  NET_NS_FD: 28,
  EXT_MASK: 29,
  TX_QUEUES: 31,
  RX_QUEUES: 32,
} as const;
const INET6_CONF = 2;
const INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;
/** Where `disable_ipv6` stands in the array of a device's IPv6 settings. */
const DEVCONF_DISABLE_IPV6 = 26;
const INFO_KIND = 1;
const INFO_DATA = 2;
const VETH_INFO_PEER = 1;
/** Leave the counters out: they are most of an answer. */
const SKIP_STATISTICS = 8;

/** Bytes of a MAC address `aa:bb:cc:dd:ee:ff`. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (byte) => Number.parseInt(byte, 16));
}

function formatMac(bytes: Buffer): string {
  return bytes.toString("hex").replace(/(..)(?!$)/g, "$1:");
}

function writeHeader(writer: MessageWriter, link: number, flags: number, changed: number): void {
  writer.u32(0);
  writer.u32(link);
  writer.u32(flags);
  writer.u32(changed);
}

/** What a new veth pair is made of; the peer is created inside the namespace that the descriptor stands for. */
export interface VethRequest {
  readonly name: string;
  readonly mtu?: number | undefined;
  readonly peer: { readonly name: string; readonly mac?: string | undefined; readonly namespaceFd: number };
}

/** Makes a link without settings of its own. */
export function encodeNewLink(name: string, kind: string, mac?: string): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST | FLAG.CREATE | FLAG.EXCLUSIVE, sequence);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, name);
    if (mac !== undefined) writer.attribute(IFLA.ADDRESS, macBytes(mac));
    const info = writer.beginNested(IFLA.LINKINFO);
    writer.attributeString(INFO_KIND, kind);
    writer.endNested(info);
    writer.endMessage();
  };
}

/** Makes a veth pair, both ends down: a peer that comes up before its other end is refused. */
export function encodeNewVeth(spec: VethRequest): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST | FLAG.CREATE | FLAG.EXCLUSIVE, sequence);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, spec.name);
    if (spec.mtu !== undefined) writer.attributeU32(IFLA.MTU, spec.mtu);
    writeOneQueue(writer);
    const info = writer.beginNested(IFLA.LINKINFO);
    writer.attributeString(INFO_KIND, "veth");
    const data = writer.beginNested(INFO_DATA);
    const peer = writer.beginNested(VETH_INFO_PEER);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, spec.peer.name);
    if (spec.mtu !== undefined) writer.attributeU32(IFLA.MTU, spec.mtu);
    writeOneQueue(writer);
    if (spec.peer.mac !== undefined) writer.attribute(IFLA.ADDRESS, macBytes(spec.peer.mac));
    writer.attributeU32(IFLA.NET_NS_FD, spec.peer.namespaceFd);
    writer.endNested(peer);
    writer.endNested(data);
    writer.endNested(info);
    writer.endMessage();
  };
}

/** What a veth has anyway; unasked, the kernel first makes a queue per processor, and then takes all but one away. */
function writeOneQueue(writer: MessageWriter): void {
  writer.attributeU32(IFLA.TX_QUEUES, 1);
  writer.attributeU32(IFLA.RX_QUEUES, 1);
}

/** Lets a link come up without an IPv6 address that the kernel makes for it. */
export function encodeNoGeneratedAddress(link: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, link, 0, 0);
    const families = writer.beginNested(IFLA.AF_SPEC);
    const family = writer.beginNested(ADDRESS_FAMILY[6]);
    writer.attributeU8(INET6_ADDR_GEN_MODE, ADDR_GEN_MODE_NONE);
    writer.endNested(family);
    writer.endNested(families);
    writer.endMessage();
  };
}

/** Brings a link up. */
export function encodeLinkUp(link: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, link, IFF_UP, IFF_UP);
    writer.endMessage();
  };
}

/** Gives a link this MAC address. */
export function encodeLinkMac(link: number, mac: string): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, link, 0, 0);
    writer.attribute(IFLA.ADDRESS, macBytes(mac));
    writer.endMessage();
  };
}

/** Deletes the link of this name, and with it the other end of a veth pair. */
export function encodeDeleteLink(name: string): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.DELLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, name);
    writer.endMessage();
  };
}

/** Puts the link of this name into a group. */
export function encodeLinkGroup(name: string, group: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, name);
    writer.attributeU32(IFLA.GROUP, group);
    writer.endMessage();
  };
}

/** Deletes all links of a group. */
export function encodeDeleteGroup(group: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.DELLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, 0, 0, 0);
    writer.attributeU32(IFLA.GROUP, group);
    writer.endMessage();
  };
}

/** Asks for the link of this name, or for a dump of all without one. */
export function encodeGetLink(name?: string): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.GETLINK, FLAG.REQUEST, sequence);
    writeHeader(writer, 0, 0, 0);
    if (name !== undefined) writer.attributeString(IFLA.IFNAME, name);
    writer.attributeU32(IFLA.EXT_MASK, SKIP_STATISTICS);
    writer.endMessage();
  };
}

/** The link of an `RTM_NEWLINK` or `RTM_DELLINK` message. */
export function decodeLink(bytes: Buffer, message: Message): Link {
  const attributes = new Attributes(bytes, message.start + HEADER, message.end, IFLA.LINKINFO);
  const kind = attributes.nested(IFLA.LINKINFO, INFO_DATA).string(INFO_KIND);
  const mac = bytes.subarray(attributes.start(IFLA.ADDRESS), attributes.end(IFLA.ADDRESS));
  const flags = bytes.readUInt32LE(message.start + 8);
  const isUp = (flags & IFF_UP) !== 0;
  return {
    index: bytes.readInt32LE(message.start + 4),
    name: attributes.string(IFLA.IFNAME) ?? "",
    ...(kind === undefined ? {} : { kind }),
    up: isUp,
    ...(isUp && (flags & IFF_LOWER_UP) === 0 ? { hasNoCarrier: true } : {}),
    ...(mac.length === 6 ? { mac: formatMac(mac) } : {}),
    mtu: attributes.u32(IFLA.MTU) ?? 0,
  };
}

/** True when an `RTM_NEWLINK` message says that IPv6 is switched off on the link. */
export function isIpv6Disabled(bytes: Buffer, message: Message): boolean {
  const attributes = new Attributes(bytes, message.start + HEADER, message.end, IFLA.AF_SPEC);
  const settings = attributes.nested(IFLA.AF_SPEC, ADDRESS_FAMILY[6]).nested(ADDRESS_FAMILY[6], INET6_CONF);
  const at = settings.start(INET6_CONF) + 4 * DEVCONF_DISABLE_IPV6;
  return at + 4 <= settings.end(INET6_CONF) && bytes.readInt32LE(at) !== 0;
}

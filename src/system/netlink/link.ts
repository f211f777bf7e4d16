import type { Link } from "../kernel.ts";
import { FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import type { MessageWriter } from "./writer.ts";

/** Bytes of `struct ifinfomsg`. */
const HEADER = 16;
const IFF_UP = 1;
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, LINKINFO: 18, GROUP: 27, NET_NS_FD: 28, EXT_MASK: 29 } as const;
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
    const info = writer.beginNested(IFLA.LINKINFO);
    writer.attributeString(INFO_KIND, "veth");
    const data = writer.beginNested(INFO_DATA);
    const peer = writer.beginNested(VETH_INFO_PEER);
    writeHeader(writer, 0, 0, 0);
    writer.attributeString(IFLA.IFNAME, spec.peer.name);
    if (spec.mtu !== undefined) writer.attributeU32(IFLA.MTU, spec.mtu);
    if (spec.peer.mac !== undefined) writer.attribute(IFLA.ADDRESS, macBytes(spec.peer.mac));
    writer.attributeU32(IFLA.NET_NS_FD, spec.peer.namespaceFd);
    writer.endNested(peer);
    writer.endNested(data);
    writer.endNested(info);
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
  return {
    index: bytes.readInt32LE(message.start + 4),
    name: attributes.string(IFLA.IFNAME) ?? "",
    ...(kind === undefined ? {} : { kind }),
    up: (bytes.readUInt32LE(message.start + 8) & IFF_UP) !== 0,
    ...(mac.length === 6 ? { mac: formatMac(mac) } : {}),
    mtu: attributes.u32(IFLA.MTU) ?? 0,
  };
}

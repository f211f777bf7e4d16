import type { Address, Family } from "../../net/index.ts";
import type { Flow, FlowTuple } from "../kernel.ts";
import { ADDRESS_FAMILY } from "./constants.ts";
import { beginNfnetlink, NFNETLINK_HEADER_BYTES, SUBSYSTEM } from "./nfnetlink.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import type { MessageWriter } from "./writer.ts";

/** Message types of ctnetlink (`IPCTNL_MSG_CT_…`). */
const CONNTRACK = { GET: 1, DELETE: 2 } as const;

const FLOW = { ORIGINAL: 1, REPLY: 2, STATUS: 3, MARK: 8, ID: 12, ZONE: 18 } as const;
const TUPLE = { IP: 1, PROTOCOL: 2 } as const;
const IP: Readonly<Record<Family, { readonly SOURCE: number; readonly DESTINATION: number }>> = {
  4: { SOURCE: 1, DESTINATION: 2 },
  6: { SOURCE: 3, DESTINATION: 4 },
};
const PROTOCOL = { NUMBER: 1, SOURCE_PORT: 2, DESTINATION_PORT: 3 } as const;
const ICMP: Readonly<Record<Family, { readonly ID: number; readonly TYPE: number; readonly CODE: number }>> =
  {
    4: { ID: 4, TYPE: 5, CODE: 6 },
    6: { ID: 7, TYPE: 8, CODE: 9 },
  };
const STATUS = { SEEN_REPLY: 2, ASSURED: 4 } as const;

/** Asks for a dump of the tracked flows of one family, or of both. */
export function encodeGetFlows(family: Family | undefined): RequestEncoder {
  return (writer, sequence) => {
    begin(writer, CONNTRACK.GET, family, sequence);
    writer.endMessage();
  };
}

/** The flow of an answer to {@link encodeGetFlows}; undefined for one of another address family. */
export function decodeFlow(bytes: Buffer, message: Message): Flow | undefined {
  const family = bytes[message.start] === ADDRESS_FAMILY[6] ? 6 : 4;
  if (bytes[message.start] !== ADDRESS_FAMILY[family]) return undefined;
  const flow = new Attributes(bytes, message.start + NFNETLINK_HEADER_BYTES, message.end, FLOW.ZONE);
  const original = decodeTuple(bytes, flow.nested(FLOW.ORIGINAL, TUPLE.PROTOCOL), family);
  const reply = decodeTuple(bytes, flow.nested(FLOW.REPLY, TUPLE.PROTOCOL), family);
  if (original === undefined || reply === undefined) return undefined;
  const status = flow.u32be(FLOW.STATUS) ?? 0;
  return {
    original,
    reply,
    seenReply: (status & STATUS.SEEN_REPLY) !== 0,
    assured: (status & STATUS.ASSURED) !== 0,
    mark: flow.u32be(FLOW.MARK) ?? 0,
    zone: readU16(bytes, flow, FLOW.ZONE) ?? 0,
    id: flow.u32be(FLOW.ID) ?? 0,
  };
}

/** Deletes exactly this flow, not another one between the same parties; answered by `ENOENT` when it is gone. */
export function encodeDeleteFlow({
  original,
  zone,
  id,
}: Pick<Flow, "original" | "zone" | "id">): RequestEncoder {
  return (writer, sequence) => {
    begin(writer, CONNTRACK.DELETE, original.source.family, sequence);
    encodeTuple(writer, original);
    if (zone !== 0) writeU16(writer, FLOW.ZONE, zone);
    writer.attributeU32be(FLOW.ID, id);
    writer.endMessage();
  };
}

function begin(writer: MessageWriter, type: number, family: Family | undefined, sequence: number): void {
  const number = family === undefined ? 0 : ADDRESS_FAMILY[family];
  beginNfnetlink(writer, { subsystem: SUBSYSTEM.CONNTRACK, type, family: number }, 0, sequence);
}

function decodeTuple(bytes: Buffer, tuple: Attributes, family: Family): FlowTuple | undefined {
  const addresses = tuple.nested(TUPLE.IP, IP[6].DESTINATION);
  const source = addresses.address(IP[family].SOURCE, family);
  const destination = addresses.address(IP[family].DESTINATION, family);
  const transport = tuple.nested(TUPLE.PROTOCOL, ICMP[6].CODE);
  const protocol = transport.u8(PROTOCOL.NUMBER);
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  const { ID, TYPE, CODE } = ICMP[family];
  const type = transport.u8(TYPE);
  if (type !== undefined) {
    const icmp = { type, code: transport.u8(CODE) ?? 0, id: readU16(bytes, transport, ID) ?? 0 };
    return { source, destination, protocol, icmp };
  }
  const sourcePort = readU16(bytes, transport, PROTOCOL.SOURCE_PORT);
  const destinationPort = readU16(bytes, transport, PROTOCOL.DESTINATION_PORT);
  if (sourcePort === undefined || destinationPort === undefined) return { source, destination, protocol };
  return { source, destination, protocol, sourcePort, destinationPort };
}

function encodeTuple(writer: MessageWriter, tuple: FlowTuple): void {
  const { source, destination, protocol, sourcePort, destinationPort, icmp } = tuple;
  const original = writer.beginNested(FLOW.ORIGINAL);
  const addresses = writer.beginNested(TUPLE.IP);
  encodeAddress(writer, IP[source.family].SOURCE, source);
  encodeAddress(writer, IP[source.family].DESTINATION, destination);
  writer.endNested(addresses);
  const transport = writer.beginNested(TUPLE.PROTOCOL);
  writer.attributeU8(PROTOCOL.NUMBER, protocol);
  if (sourcePort !== undefined) writeU16(writer, PROTOCOL.SOURCE_PORT, sourcePort);
  if (destinationPort !== undefined) writeU16(writer, PROTOCOL.DESTINATION_PORT, destinationPort);
  if (icmp !== undefined) {
    writeU16(writer, ICMP[source.family].ID, icmp.id);
    writer.attributeU8(ICMP[source.family].TYPE, icmp.type);
    writer.attributeU8(ICMP[source.family].CODE, icmp.code);
  }
  writer.endNested(transport);
  writer.endNested(original);
}

function encodeAddress(writer: MessageWriter, type: number, { family, value }: Address): void {
  writer.attributeAddress(type, family, value);
}

function readU16(bytes: Buffer, attributes: Attributes, type: number): number | undefined {
  const at = attributes.start(type);
  return at === 0 ? undefined : bytes.readUInt16BE(at);
}

function writeU16(writer: MessageWriter, type: number, value: number): void {
  writer.attribute(type, Uint8Array.of(value >> 8, value & 0xff));
}

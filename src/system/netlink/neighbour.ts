import type { Family } from "../../net/index.ts";
import type { Neighbour, ProxyNeighbour } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";

/** Bytes of `struct ndmsg`. */
const HEADER = 12;
const NDA = { DST: 1, LLADDR: 2 } as const;
const MAC_BYTES = 6;
const NTF_PROXY = 0x08;
const NUD_PERMANENT = 0x80;

/** Adds or deletes a proxied neighbour. */
export function encodeProxyNeighbour(type: "add" | "delete", neighbour: ProxyNeighbour): RequestEncoder {
  const { family, value } = neighbour.address;
  return (writer, sequence) => {
    if (type === "add") {
      writer.beginMessage(RTM.NEWNEIGH, FLAG.REQUEST | FLAG.CREATE | FLAG.REPLACE, sequence);
    } else {
      writer.beginMessage(RTM.DELNEIGH, FLAG.REQUEST, sequence);
    }
    writer.u32(ADDRESS_FAMILY[family]);
    writer.u32(neighbour.link);
    writer.u16(type === "add" ? NUD_PERMANENT : 0);
    writer.u8(NTF_PROXY);
    writer.u8(0);
    writer.attributeAddress(NDA.DST, family, value);
    writer.endMessage();
  };
}

/** Asks for a dump of the proxied neighbours of a family. */
export function encodeGetProxyNeighbours(family: Family): RequestEncoder {
  return encodeGet(family, NTF_PROXY);
}

/** Asks for a dump of the neighbours of a family. */
export function encodeGetNeighbours(family: Family): RequestEncoder {
  return encodeGet(family, 0);
}

function encodeGet(family: Family, flags: number): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.GETNEIGH, FLAG.REQUEST, sequence);
    writer.u32(ADDRESS_FAMILY[family]);
    writer.u32(0);
    writer.u16(0);
    writer.u8(flags);
    writer.u8(0);
    writer.endMessage();
  };
}

/** The neighbour of an `RTM_NEWNEIGH` message; undefined without an Ethernet address. */
export function decodeNeighbour(bytes: Buffer, message: Message): Neighbour | undefined {
  const { start } = message;
  const family = bytes[start] === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && bytes[start] !== ADDRESS_FAMILY[6]) return undefined;
  const attributes = new Attributes(bytes, start + HEADER, message.end, NDA.LLADDR);
  const address = attributes.address(NDA.DST, family);
  const at = attributes.start(NDA.LLADDR);
  if (address === undefined || at === 0 || attributes.end(NDA.LLADDR) - at !== MAC_BYTES) return undefined;
  const mac = [...bytes.subarray(at, at + MAC_BYTES)]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join(":");
  return { link: bytes.readUInt32LE(start + 4), address, mac };
}

/** The proxied neighbour of an `RTM_NEWNEIGH` message; undefined for any other neighbour. */
export function decodeProxyNeighbour(bytes: Buffer, message: Message): ProxyNeighbour | undefined {
  const { start } = message;
  if (((bytes[start + 10] as number) & NTF_PROXY) === 0) return undefined;
  const family = bytes[start] === ADDRESS_FAMILY[4] ? 4 : 6;
  const address = new Attributes(bytes, start + HEADER, message.end, NDA.DST).address(NDA.DST, family);
  return address === undefined ? undefined : { link: bytes.readUInt32LE(start + 4), address };
}

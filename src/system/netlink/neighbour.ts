import type { Family } from "../../net/index.ts";
import type { ProxyNeighbour } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";

/** Bytes of `struct ndmsg`. */
const HEADER = 12;
const NDA_DST = 1;
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
    writer.attributeAddress(NDA_DST, family, value);
    writer.endMessage();
  };
}

/** Asks for a dump of the proxied neighbours of a family. */
export function encodeGetProxyNeighbours(family: Family): RequestEncoder {
  return (writer, sequence) => {
    writer.beginMessage(RTM.GETNEIGH, FLAG.REQUEST, sequence);
    writer.u32(ADDRESS_FAMILY[family]);
    writer.u32(0);
    writer.u16(0);
    writer.u8(NTF_PROXY);
    writer.u8(0);
    writer.endMessage();
  };
}

/** The proxied neighbour of an `RTM_NEWNEIGH` message; undefined for any other neighbour. */
export function decodeProxyNeighbour(bytes: Buffer, message: Message): ProxyNeighbour | undefined {
  const { start } = message;
  if (((bytes[start + 10] as number) & NTF_PROXY) === 0) return undefined;
  const family = bytes[start] === ADDRESS_FAMILY[4] ? 4 : 6;
  const address = new Attributes(bytes, start + HEADER, message.end, NDA_DST).address(NDA_DST, family);
  return address === undefined ? undefined : { link: bytes.readUInt32LE(start + 4), address };
}

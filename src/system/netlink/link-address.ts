import { type LinkAddress, ROMANA_PROTOCOL } from "../kernel.ts";
import { ADDRESS_FAMILY, FLAG, RTM } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";

/** Bytes of `struct ifaddrmsg`. */
const HEADER = 8;
const IFA = { ADDRESS: 1, LOCAL: 2, CACHEINFO: 6, FLAGS: 8, PROTO: 11 } as const;
/** No duplicate address detection: the address plan allots addresses, and waiting costs a second. */
const IFA_F_NODAD = 0x02;
/** No route to the prefix. */
const IFA_F_NOPREFIXROUTE = 0x200;

/** Adds (and refuses what is there with `EEXIST`) or deletes an address. */
export function encodeLinkAddress(
  type: "add" | "delete",
  address: LinkAddress,
  withoutRoute = false,
): RequestEncoder {
  const { family, value } = address.address;
  return (writer, sequence) => {
    if (type === "add") {
      writer.beginMessage(RTM.NEWADDR, FLAG.REQUEST | FLAG.CREATE | FLAG.EXCLUSIVE, sequence);
    } else {
      writer.beginMessage(RTM.DELADDR, FLAG.REQUEST, sequence);
    }
    writer.u8(ADDRESS_FAMILY[family]);
    writer.u8(address.prefixLength);
    writer.u16(0);
    writer.u32(address.link);
    writer.attributeAddress(IFA.LOCAL, family, value);
    writer.attributeAddress(IFA.ADDRESS, family, value);
    if (type === "add" && family === 6)
      writer.attributeU32(IFA.FLAGS, IFA_F_NODAD | (withoutRoute ? IFA_F_NOPREFIXROUTE : 0));
    writer.endMessage();
  };
}

/**
 * Adds an address for so many seconds, or gives the one that is there so many from now on. It is deprecated from the start
 * (RFC 4862), so that nobody takes it for a source who does not ask for it.
 */
export function encodeLease(address: LinkAddress, seconds: number): RequestEncoder {
  const { family, value } = address.address;
  return (writer, sequence) => {
    writer.beginMessage(RTM.NEWADDR, FLAG.REQUEST | FLAG.CREATE | FLAG.REPLACE, sequence);
    writer.u8(ADDRESS_FAMILY[family]);
    writer.u8(address.prefixLength);
    writer.u16(0);
    writer.u32(address.link);
    writer.attributeAddress(IFA.LOCAL, family, value);
    writer.attributeAddress(IFA.ADDRESS, family, value);
    const lifetimes = Buffer.alloc(16);
    lifetimes.writeUInt32LE(seconds, 4);
    writer.attribute(IFA.CACHEINFO, lifetimes);
    writer.attributeU32(IFA.FLAGS, IFA_F_NODAD);
    writer.attributeU8(IFA.PROTO, ROMANA_PROTOCOL);
    writer.endMessage();
  };
}

/** Asks for a dump of all addresses. */
export const encodeGetAddresses: RequestEncoder = (writer, sequence) => {
  writer.beginMessage(RTM.GETADDR, FLAG.REQUEST, sequence);
  writer.u32(0);
  writer.u32(0);
  writer.endMessage();
};

/** The address of an `RTM_NEWADDR` or `RTM_DELADDR` message; undefined for families other than IP. */
export function decodeLinkAddress(bytes: Buffer, message: Message): LinkAddress | undefined {
  const family = bytes[message.start] === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && bytes[message.start] !== ADDRESS_FAMILY[6]) return undefined;
  const attributes = new Attributes(bytes, message.start + HEADER, message.end, IFA.PROTO);
  // On a point-to-point link "address" is the other side; IPv6 leaves "local" out elsewhere.
  const address = attributes.address(IFA.LOCAL, family) ?? attributes.address(IFA.ADDRESS, family);
  if (address === undefined) return undefined;
  return {
    link: bytes.readUInt32LE(message.start + 4),
    address,
    prefixLength: bytes[message.start + 1] as number,
    ...(attributes.u8(IFA.PROTO) === ROMANA_PROTOCOL ? { isLeased: true } : {}),
  };
}

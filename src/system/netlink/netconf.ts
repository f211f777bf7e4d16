import type { KernelEvent } from "../kernel.ts";
import { ADDRESS_FAMILY } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";

/** `struct netconfmsg`, one byte, aligned. */
const HEADER = 4;
const NETCONFA_IFINDEX = 1;
const ALL = -1;
const DEFAULT = -2;

/** The event of an `RTM_NEWNETCONF` message; undefined for families other than IP. */
export function decodeNetconf(bytes: Buffer, message: Message): KernelEvent | undefined {
  const family = bytes[message.start] === ADDRESS_FAMILY[4] ? 4 : 6;
  if (family === 6 && bytes[message.start] !== ADDRESS_FAMILY[6]) return undefined;
  const attributes = new Attributes(bytes, message.start + HEADER, message.end, NETCONFA_IFINDEX);
  const index = attributes.i32(NETCONFA_IFINDEX);
  if (index === undefined) return undefined;
  return { type: "netconf", family, link: index === ALL ? "all" : index === DEFAULT ? "default" : index };
}

import { FLAG } from "./constants.ts";
import type { MessageWriter } from "./writer.ts";

/** Subsystems of NETLINK_NETFILTER (`NFNL_SUBSYS_…`): the upper byte of a message type. */
export const SUBSYSTEM = { CONNTRACK: 1, LOG: 4, NFTABLES: 10 } as const;

/** Bytes of `struct nfgenmsg`, which stands before the attributes. */
export const NFNETLINK_HEADER_BYTES = 4;

const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const BATCH_GENERATION = 1;

/** Numbers in the header of an nfnetlink message. */
export interface NfnetlinkHeader {
  readonly subsystem: number;
  readonly type: number;
  /** `NFPROTO_…` or `AF_…`; 0 stands for all. */
  readonly family: number;
  /** What the subsystem makes of it, such as the group of a packet log. */
  readonly resource?: number;
}

/** Starts a request of a subsystem of netfilter; attributes and `endMessage()` follow. */
export function beginNfnetlink(
  writer: MessageWriter,
  { subsystem, type, family, resource = 0 }: NfnetlinkHeader,
  flags: number,
  sequence: number,
): void {
  writer.beginMessage((subsystem << 8) | type, FLAG.REQUEST | flags, sequence);
  writer.u8(family);
  writer.u8(0);
  writer.u16be(resource);
}

/**
 * Writes the message that begins a transaction of a subsystem.
 * @param generation the transaction is refused with `ERESTART` when this is not the subsystem's
 */
export function encodeBatchBegin(
  writer: MessageWriter,
  subsystem: number,
  generation: number,
  sequence: number,
): void {
  writer.beginMessage(BATCH_BEGIN, FLAG.REQUEST, sequence);
  writeBatchHeader(writer, subsystem);
  writer.attributeU32be(BATCH_GENERATION, generation);
  writer.endMessage();
}

/** Writes the message that ends a transaction of a subsystem. */
export function encodeBatchEnd(writer: MessageWriter, subsystem: number, sequence: number): void {
  writer.beginMessage(BATCH_END, FLAG.REQUEST, sequence);
  writeBatchHeader(writer, subsystem);
  writer.endMessage();
}

function writeBatchHeader(writer: MessageWriter, subsystem: number): void {
  writer.u8(0);
  writer.u8(0);
  writer.u16be(subsystem);
}

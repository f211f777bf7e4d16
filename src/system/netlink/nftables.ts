import { CONTROL, FLAG } from "./constants.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import { ATTRIBUTE_HEADER_BYTES, align, MAX_ATTRIBUTE_BYTES, type MessageWriter } from "./writer.ts";

const SUBSYSTEM = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const NFPROTO_INET = 1;
/** Bytes of `struct nfgenmsg`. */
const HEADER = 4;

/** Message types of nftables (`NFT_MSG_…`). */
const NFT = {
  GETTABLE: 1,
  NEWSETELEM: 12,
  DELSETELEM: 14,
  NEWGEN: 15,
  GETGEN: 16,
  NEWOBJ: 18,
  GETOBJ: 19,
} as const;

const TABLE_NAME = 1;
const GENERATION_ID = 1;
const ELEMENT_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
const LIST_ELEMENT = 1;
const ELEMENT_KEY = 1;
const DATA_VALUE = 1;
const OBJECT = { TABLE: 1, NAME: 2, TYPE: 3, DATA: 4 } as const;
const OBJECT_COUNTER = 1;
const COUNTER = { BYTES: 1, PACKETS: 2 } as const;

function beginMessage(writer: MessageWriter, type: number, flags: number, sequence: number): void {
  writer.beginMessage((SUBSYSTEM << 8) | type, FLAG.REQUEST | flags, sequence);
  writer.u8(NFPROTO_INET);
  writer.u8(0);
  writer.u16be(0);
}

function batchMarker(writer: MessageWriter, type: number, sequence: number): void {
  writer.beginMessage(type, FLAG.REQUEST, sequence);
  writer.u8(0);
  writer.u8(0);
  writer.u16be(SUBSYSTEM);
  writer.endMessage();
}

/** Elements to add to or delete from one set of an inet table. */
export interface ElementChange {
  readonly type: "add" | "delete";
  readonly table: string;
  readonly set: string;
  readonly keys: readonly Uint8Array[];
}

/**
 * One transaction of element changes. Only its last change asks for an answer; failures come unasked. Changes
 * without keys must have been left out.
 */
export function encodeElementBatch(
  changes: readonly ElementChange[],
): (writer: MessageWriter, nextSequence: () => number) => void {
  return (writer, nextSequence) => {
    batchMarker(writer, BATCH_BEGIN, nextSequence());
    const parts = changes.flatMap((change) =>
      splitKeys(change.keys).map((keys): ElementChange => ({ ...change, keys })),
    );
    for (const [index, part] of parts.entries()) {
      encodeElements(writer, part, nextSequence(), index === parts.length - 1 ? FLAG.ACK : 0);
    }
    batchMarker(writer, BATCH_END, nextSequence());
  };
}

function encodeElements(writer: MessageWriter, change: ElementChange, sequence: number, flags: number): void {
  const adding = change.type === "add";
  beginMessage(
    writer,
    adding ? NFT.NEWSETELEM : NFT.DELSETELEM,
    adding ? FLAG.CREATE | flags : flags,
    sequence,
  );
  writer.attributeString(ELEMENT_LIST.TABLE, change.table);
  writer.attributeString(ELEMENT_LIST.SET, change.set);
  const elements = writer.beginNested(ELEMENT_LIST.ELEMENTS);
  for (const key of change.keys) {
    const element = writer.beginNested(LIST_ELEMENT);
    const data = writer.beginNested(ELEMENT_KEY);
    writer.attribute(DATA_VALUE, key);
    writer.endNested(data);
    writer.endNested(element);
  }
  writer.endNested(elements);
  writer.endMessage();
}

/** Parts that fit the 16-bit length of the attribute which lists them. */
function splitKeys(keys: readonly Uint8Array[]): Uint8Array[][] {
  const parts: Uint8Array[][] = [];
  let room = 0;
  for (const key of keys) {
    const size = 3 * ATTRIBUTE_HEADER_BYTES + align(key.length);
    if (size > room) {
      parts.push([]);
      room = MAX_ATTRIBUTE_BYTES;
    }
    parts.at(-1)?.push(key);
    room -= size;
  }
  return parts;
}

/** Asks for a table, which is answered by `ENOENT` when there is none. */
export function encodeGetTable(name: string): RequestEncoder {
  return (writer, sequence) => {
    beginMessage(writer, NFT.GETTABLE, 0, sequence);
    writer.attributeString(TABLE_NAME, name);
    writer.endMessage();
  };
}

/** Asks for the generation of the ruleset. */
export const encodeGetGeneration: RequestEncoder = (writer, sequence) => {
  beginMessage(writer, NFT.GETGEN, 0, sequence);
  writer.endMessage();
};

/** The number of an answer to {@link encodeGetGeneration}. */
export function decodeGeneration(bytes: Buffer, message: Message): number | undefined {
  return new Attributes(bytes, message.start + HEADER, message.end, GENERATION_ID).u32be(GENERATION_ID);
}

/** Asks for a dump of the named counters of a table. */
export function encodeGetCounters(table: string): RequestEncoder {
  return (writer, sequence) => {
    beginMessage(writer, NFT.GETOBJ, 0, sequence);
    writer.attributeString(OBJECT.TABLE, table);
    writer.attributeU32be(OBJECT.TYPE, OBJECT_COUNTER);
    writer.endMessage();
  };
}

/** What one named counter has counted. */
export interface NamedCounter {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

/** The counter of an answer to {@link encodeGetCounters}. */
export function decodeCounter(bytes: Buffer, message: Message): NamedCounter {
  const object = new Attributes(bytes, message.start + HEADER, message.end, OBJECT.DATA);
  const data = object.nested(OBJECT.DATA, COUNTER.PACKETS);
  return {
    name: object.string(OBJECT.NAME) ?? "",
    packets: data.u64be(COUNTER.PACKETS) ?? 0,
    bytes: data.u64be(COUNTER.BYTES) ?? 0,
  };
}

/** What an event of nftables says: the end of a transaction, or a table in which something changed. */
export type NftablesEvent = { readonly type: "commit" } | { readonly type: "change"; readonly table: string };

/** Reads an event; undefined for a message that is none. */
export function decodeNftablesEvent(bytes: Buffer, message: Message): NftablesEvent | undefined {
  if (message.type < CONTROL.OVERRUN || message.type >> 8 !== SUBSYSTEM) return undefined;
  if ((message.type & 0xff) === NFT.NEWGEN) return { type: "commit" };
  // The first attribute of every kind of object is the name of its table.
  const table = new Attributes(bytes, message.start + HEADER, message.end, TABLE_NAME).string(TABLE_NAME);
  return table === undefined ? undefined : { type: "change", table };
}

import { CONTROL } from "./constants.ts";
import { beginNfnetlink, NFNETLINK_HEADER_BYTES, SUBSYSTEM } from "./nfnetlink.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import type { MessageWriter } from "./writer.ts";

/** Message types of nftables (`NFT_MSG_…`). */
const NFT = { GETTABLE: 1, NEWGEN: 15, GETGEN: 16, GETOBJ: 19 } as const;

const NFPROTO_INET = 1;
const TABLE_NAME = 1;
const GENERATION_ID = 1;
const OBJECT = { TABLE: 1, NAME: 2, TYPE: 3, DATA: 4 } as const;
const OBJECT_COUNTER = 1;
const COUNTER = { BYTES: 1, PACKETS: 2 } as const;

function beginMessage(writer: MessageWriter, type: number, sequence: number): void {
  beginNfnetlink(writer, { subsystem: SUBSYSTEM.NFTABLES, type, family: NFPROTO_INET }, 0, sequence);
}

/** Asks for a table, which is answered by `ENOENT` when there is none. */
export function encodeGetTable(name: string): RequestEncoder {
  return (writer, sequence) => {
    beginMessage(writer, NFT.GETTABLE, sequence);
    writer.attributeString(TABLE_NAME, name);
    writer.endMessage();
  };
}

/** Asks for the generation of the ruleset. */
export const encodeGetGeneration: RequestEncoder = (writer, sequence) => {
  beginMessage(writer, NFT.GETGEN, sequence);
  writer.endMessage();
};

/** The number of an answer to {@link encodeGetGeneration}. */
export function decodeGeneration(bytes: Buffer, message: Message): number | undefined {
  return new Attributes(bytes, message.start + NFNETLINK_HEADER_BYTES, message.end, GENERATION_ID).u32be(
    GENERATION_ID,
  );
}

/** Asks for a dump of the named counters of a table. */
export function encodeGetCounters(table: string): RequestEncoder {
  return (writer, sequence) => {
    beginMessage(writer, NFT.GETOBJ, sequence);
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
  const object = new Attributes(bytes, message.start + NFNETLINK_HEADER_BYTES, message.end, OBJECT.DATA);
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
  if (message.type < CONTROL.OVERRUN || message.type >> 8 !== SUBSYSTEM.NFTABLES) return undefined;
  if ((message.type & 0xff) === NFT.NEWGEN) return { type: "commit" };
  // The first attribute of every kind of object is the name of its table.
  const table = new Attributes(bytes, message.start + NFNETLINK_HEADER_BYTES, message.end, TABLE_NAME).string(
    TABLE_NAME,
  );
  return table === undefined ? undefined : { type: "change", table };
}

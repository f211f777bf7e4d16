import type { SetElement, TableFamily } from "../kernel.ts";
import { FLAG } from "./constants.ts";
import {
  beginNfnetlink,
  encodeBatchBegin,
  encodeBatchEnd,
  NFNETLINK_HEADER_BYTES,
  SUBSYSTEM,
} from "./nfnetlink.ts";
import { Attributes, type Message } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import {
  ATTRIBUTE_HEADER_BYTES,
  align,
  HEADER_BYTES,
  MAX_ATTRIBUTE_BYTES,
  type MessageWriter,
} from "./writer.ts";

/** Message types of nftables (`NFT_MSG_…`). */
const NFT = { GETSET: 10, NEWSETELEM: 12, GETSETELEM: 13, DELSETELEM: 14 } as const;

/** `NFPROTO_…` of the families that tables have. */
const PROTOCOL_FAMILY: Readonly<Record<TableFamily, number>> = { inet: 1, ip: 2, ip6: 10, netdev: 5 };

const SET = { TABLE: 1, NAME: 2, FLAGS: 3 } as const;
const SET_INTERVAL = 0x4;
const SET_CONCATENATED = 0x80;
const ELEMENT_LIST = { TABLE: 1, SET: 2, ELEMENTS: 3 } as const;
const LIST_ELEMENT = 1;
const ELEMENT = { KEY: 1, FLAGS: 3, EXPRESSION: 7, KEY_END: 10, EXPRESSIONS: 11 } as const;
const ELEMENT_INTERVAL_END = 1;
const DATA_VALUE = 1;
const EXPRESSION_DATA = 2;
const COUNTER = { BYTES: 1, PACKETS: 2 } as const;
const FLAGS_BYTES = ATTRIBUTE_HEADER_BYTES + 4;

/**
 * How a set stores its elements: `keys` as they are; `ranges` (concatenated keys) with a first and a last key;
 * `bounds` (single keys) as two elements, the first key and the one behind the last.
 */
export type SetLayout = "keys" | "ranges" | "bounds";

/** Names a set. */
export interface SetName {
  readonly family: TableFamily;
  readonly table: string;
  readonly set: string;
}

/** Elements to add to or delete from one set. */
export interface ElementChange extends SetName {
  readonly type: "add" | "delete";
  readonly layout: SetLayout;
  readonly elements: readonly SetElement[];
}

/** Asks for a set, which is answered by `ENOENT` when it or its table is not there. */
export function encodeGetSet({ family, table, set }: SetName): RequestEncoder {
  return (writer, sequence) => {
    begin(writer, NFT.GETSET, family, 0, sequence);
    writer.attributeString(SET.TABLE, table);
    writer.attributeString(SET.NAME, set);
    writer.endMessage();
  };
}

/** The layout of an answer to {@link encodeGetSet}. */
export function decodeSetLayout(bytes: Buffer, message: Message): SetLayout {
  const flags = attributesOf(bytes, message, SET.FLAGS).u32be(SET.FLAGS) ?? 0;
  if ((flags & SET_INTERVAL) === 0) return "keys";
  return (flags & SET_CONCATENATED) === 0 ? "bounds" : "ranges";
}

/**
 * Changes cut into such as fit one message: an attribute's length has 16 bits. Changes of no element vanish. The first
 * has one element only, since the kernel echoes it ({@link encodeElementBatch}).
 */
export function splitElementChanges(changes: readonly ElementChange[]): readonly ElementChange[] {
  const some = changes.filter(({ elements }) => elements.length > 0);
  return some.flatMap((change, index) => {
    const parts: SetElement[][] = [];
    let room = 0;
    for (const element of change.elements) {
      const size = elementBytes(element, change.layout);
      if (size > room || (index === 0 && parts.length === 1)) {
        parts.push([]);
        room = MAX_ATTRIBUTE_BYTES;
      }
      parts.at(-1)?.push(element);
      room -= size;
    }
    return parts.map((elements): ElementChange => ({ ...change, elements }));
  });
}

/**
 * One transaction of changes that {@link splitElementChanges} returned: change N is its message N + 1. Only the last
 * one asks for an answer; failures come unasked. The first one makes the kernel tell the new generation, if anything
 * has changed.
 * @param generation of the ruleset that the changes were made for; that of another is refused with `ERESTART`
 */
export function encodeElementBatch(
  changes: readonly ElementChange[],
  generation: number,
): (writer: MessageWriter, nextSequence: () => number) => void {
  return (writer, nextSequence) => {
    encodeBatchBegin(writer, SUBSYSTEM.NFTABLES, generation, nextSequence());
    for (const [index, change] of changes.entries()) {
      const flags = (index === 0 ? FLAG.ECHO : 0) | (index === changes.length - 1 ? FLAG.ACK : 0);
      encodeElements(writer, change, nextSequence(), flags);
    }
    encodeBatchEnd(writer, SUBSYSTEM.NFTABLES, nextSequence());
  };
}

/** The element that stands at an offset of the message of a change; undefined when none does. */
export function elementAtOffset(change: ElementChange, offset: number): SetElement | undefined {
  let at =
    HEADER_BYTES +
    NFNETLINK_HEADER_BYTES +
    textBytes(change.table) +
    textBytes(change.set) +
    ATTRIBUTE_HEADER_BYTES;
  if (offset < at) return undefined;
  return change.elements.find((element) => {
    at += elementBytes(element, change.layout);
    return offset < at;
  });
}

/** Asks for a dump of the elements of a set. */
export function encodeGetElements({ family, table, set }: SetName): RequestEncoder {
  return (writer, sequence) => {
    begin(writer, NFT.GETSETELEM, family, 0, sequence);
    writer.attributeString(ELEMENT_LIST.TABLE, table);
    writer.attributeString(ELEMENT_LIST.SET, set);
    writer.endMessage();
  };
}

/** An element as a dump tells it. */
export interface DumpedElement {
  readonly key: Uint8Array;
  readonly keyEnd?: Uint8Array;
  /** True when it ends the range before it (`bounds`); the key is then the first that is outside. */
  readonly isEnd: boolean;
  readonly packets: number;
  readonly bytes: number;
}

/** The elements of one message of an answer to {@link encodeGetElements}; without a counter they have counted nothing. */
export function decodeElements(bytes: Buffer, message: Message): readonly DumpedElement[] {
  const list = attributesOf(bytes, message, ELEMENT_LIST.ELEMENTS);
  const elements: DumpedElement[] = [];
  const end = list.end(ELEMENT_LIST.ELEMENTS);
  for (let at = list.start(ELEMENT_LIST.ELEMENTS); at + ATTRIBUTE_HEADER_BYTES <= end; ) {
    const size = bytes.readUInt16LE(at);
    if (size < ATTRIBUTE_HEADER_BYTES || at + size > end) break;
    const element = new Attributes(bytes, at + ATTRIBUTE_HEADER_BYTES, at + size, ELEMENT.EXPRESSIONS);
    const key = dataOf(bytes, element, ELEMENT.KEY);
    if (key !== undefined) elements.push(decodeElement(bytes, element, key));
    at += align(size);
  }
  return elements;
}

function decodeElement(bytes: Buffer, element: Attributes, key: Uint8Array): DumpedElement {
  const keyEnd = dataOf(bytes, element, ELEMENT.KEY_END);
  // With several expressions they come as a list, of which the first is the set's own.
  const counter = (
    element.has(ELEMENT.EXPRESSION)
      ? element.nested(ELEMENT.EXPRESSION, EXPRESSION_DATA)
      : element.nested(ELEMENT.EXPRESSIONS, LIST_ELEMENT).nested(LIST_ELEMENT, EXPRESSION_DATA)
  ).nested(EXPRESSION_DATA, COUNTER.PACKETS);
  return {
    key,
    ...(keyEnd === undefined ? {} : { keyEnd }),
    isEnd: ((element.u32be(ELEMENT.FLAGS) ?? 0) & ELEMENT_INTERVAL_END) !== 0,
    packets: counter.u64be(COUNTER.PACKETS) ?? 0,
    bytes: counter.u64be(COUNTER.BYTES) ?? 0,
  };
}

function dataOf(bytes: Buffer, element: Attributes, type: number): Uint8Array | undefined {
  if (!element.has(type)) return undefined;
  const data = element.nested(type, DATA_VALUE);
  return Uint8Array.from(bytes.subarray(data.start(DATA_VALUE), data.end(DATA_VALUE)));
}

function begin(
  writer: MessageWriter,
  type: number,
  family: TableFamily,
  flags: number,
  sequence: number,
): void {
  const header = { subsystem: SUBSYSTEM.NFTABLES, type, family: PROTOCOL_FAMILY[family] };
  beginNfnetlink(writer, header, flags, sequence);
}

function attributesOf(bytes: Buffer, message: Message, max: number): Attributes {
  return new Attributes(bytes, message.start + NFNETLINK_HEADER_BYTES, message.end, max);
}

function encodeElements(writer: MessageWriter, change: ElementChange, sequence: number, flags: number): void {
  const adding = change.type === "add";
  const type = adding ? NFT.NEWSETELEM : NFT.DELSETELEM;
  begin(writer, type, change.family, adding ? FLAG.CREATE | flags : flags, sequence);
  writer.attributeString(ELEMENT_LIST.TABLE, change.table);
  writer.attributeString(ELEMENT_LIST.SET, change.set);
  const elements = writer.beginNested(ELEMENT_LIST.ELEMENTS);
  for (const { key, keyEnd } of change.elements) {
    const inside = change.layout === "ranges" ? keyEnd : undefined;
    encodeElement(writer, key, inside, false);
    const behind = change.layout === "bounds" ? keyBehind(keyEnd ?? key) : undefined;
    if (behind !== undefined) encodeElement(writer, behind, undefined, true);
  }
  writer.endNested(elements);
  writer.endMessage();
}

function encodeElement(
  writer: MessageWriter,
  key: Uint8Array,
  keyEnd: Uint8Array | undefined,
  isEnd: boolean,
): void {
  const element = writer.beginNested(LIST_ELEMENT);
  encodeKey(writer, ELEMENT.KEY, key);
  if (isEnd) writer.attributeU32be(ELEMENT.FLAGS, ELEMENT_INTERVAL_END);
  if (keyEnd !== undefined) encodeKey(writer, ELEMENT.KEY_END, keyEnd);
  writer.endNested(element);
}

function encodeKey(writer: MessageWriter, type: number, key: Uint8Array): void {
  const data = writer.beginNested(type);
  writer.attribute(DATA_VALUE, key);
  writer.endNested(data);
}

/** Bytes that {@link encodeElements} writes for an element. */
function elementBytes({ key, keyEnd }: SetElement, layout: SetLayout): number {
  const keyBytes = 2 * ATTRIBUTE_HEADER_BYTES + align(key.length);
  const single = ATTRIBUTE_HEADER_BYTES + keyBytes;
  if (layout === "ranges" && keyEnd !== undefined) return single + keyBytes;
  const hasEnd = layout === "bounds" && keyBehind(keyEnd ?? key) !== undefined;
  return hasEnd ? 2 * single + FLAGS_BYTES : single;
}

function textBytes(text: string): number {
  return ATTRIBUTE_HEADER_BYTES + align(Buffer.byteLength(text) + 1);
}

/** The key that follows; undefined behind the last one there is. */
function keyBehind(key: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(key);
  for (let index = next.length - 1; index >= 0; index--) {
    next[index] = ((next[index] as number) + 1) & 0xff;
    if (next[index] !== 0) return next;
  }
  return undefined;
}

/** The key before one that is not the first. */
function keyBefore(key: Uint8Array): Uint8Array {
  const previous = Uint8Array.from(key);
  for (let index = previous.length - 1; index >= 0; index--) {
    previous[index] = ((previous[index] as number) - 1) & 0xff;
    if (previous[index] !== 0xff) break;
  }
  return previous;
}

/** Joins the two elements of each range of a set whose layout is `bounds`; a range without an end goes to the last key. */
export function joinBounds(elements: readonly DumpedElement[]): readonly DumpedElement[] {
  const sorted = elements.toSorted(
    (a, b) => Buffer.compare(a.key, b.key) || Number(b.isEnd) - Number(a.isEnd),
  );
  return sorted.flatMap((element, index) => {
    if (element.isEnd) return [];
    const next = sorted[index + 1];
    const last = next === undefined ? new Uint8Array(element.key.length).fill(0xff) : keyBefore(next.key);
    const isSingle = Buffer.compare(last, element.key) === 0;
    return [isSingle ? element : { ...element, keyEnd: last }];
  });
}

import type { Address, Family } from "../../net/index.ts";
import { ATTRIBUTE_HEADER_BYTES, align, HEADER_BYTES } from "./writer.ts";

/** Where one message stands in a buffer, and its header. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Port id of the socket whose request caused it; 0 when the kernel itself did. */
  readonly port: number;
  /** Payload: from here … */
  readonly start: number;
  /** … to here, exclusive. */
  readonly end: number;
}

/** The attribute number without the flags "nested" and "big-endian". */
const TYPE_MASK = 0x3fff;

/** The messages of a datagram. A truncated one ends the list: the kernel never sends one. */
export function* readMessages(bytes: Buffer, length: number): Generator<Message, void, undefined> {
  let at = 0;
  while (at + HEADER_BYTES <= length) {
    const size = bytes.readUInt32LE(at);
    if (size < HEADER_BYTES || at + size > length) return;
    yield {
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      port: bytes.readUInt32LE(at + 12),
      start: at + HEADER_BYTES,
      end: at + size,
    };
    at += align(size);
  }
}

/** Positions of the attributes of one level, by attribute number. */
export class Attributes {
  readonly #bytes: Buffer;
  readonly #positions: number[];

  /** Finds the attributes up to number `max` between two positions; the last one of a number counts. */
  constructor(bytes: Buffer, start: number, end: number, max: number) {
    this.#bytes = bytes;
    // A plain array: a typed one costs more to make than all the rest of this.
    this.#positions = [];
    for (let type = 0; type <= max; type++) this.#positions.push(0);
    let at = start;
    while (at + ATTRIBUTE_HEADER_BYTES <= end) {
      const size = bytes.readUInt16LE(at);
      if (size < ATTRIBUTE_HEADER_BYTES || at + size > end) return;
      const type = bytes.readUInt16LE(at + 2) & TYPE_MASK;
      if (type <= max) this.#positions[type] = at + ATTRIBUTE_HEADER_BYTES;
      at += align(size);
    }
  }

  has(type: number): boolean {
    return this.start(type) !== 0;
  }

  /** Where the payload starts; 0 when the attribute is not there. */
  start(type: number): number {
    return this.#positions[type] ?? 0;
  }

  /** Where the payload ends, exclusive. */
  end(type: number): number {
    const start = this.start(type);
    return start === 0 ? 0 : start + this.#bytes.readUInt16LE(start - 4) - ATTRIBUTE_HEADER_BYTES;
  }

  /** Attributes inside an attribute; none when it is not there. */
  nested(type: number, max: number): Attributes {
    return new Attributes(this.#bytes, this.start(type), this.end(type), max);
  }

  u8(type: number): number | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : this.#bytes[at];
  }

  u32(type: number): number | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : this.#bytes.readUInt32LE(at);
  }

  i32(type: number): number | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : this.#bytes.readInt32LE(at);
  }

  u32be(type: number): number | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : this.#bytes.readUInt32BE(at);
  }

  u64be(type: number): number | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : Number(this.#bytes.readBigUInt64BE(at));
  }

  /** A text up to its zero byte. */
  string(type: number): string | undefined {
    const start = this.start(type);
    if (start === 0) return undefined;
    const text = this.#bytes.toString("utf8", start, this.end(type));
    const zero = text.indexOf("\0");
    return zero < 0 ? text : text.slice(0, zero);
  }

  address(type: number, family: Family): Address | undefined {
    const at = this.start(type);
    return at === 0 ? undefined : readAddress(this.#bytes, at, family);
  }
}

/** The address whose bytes stand at a position in network order. */
export function readAddress(bytes: Buffer, at: number, family: Family): Address {
  if (family === 4) return { family, value: BigInt(bytes.readUInt32BE(at)) };
  return { family, value: (bytes.readBigUInt64BE(at) << 64n) | bytes.readBigUInt64BE(at + 8) };
}

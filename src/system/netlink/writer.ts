/** Bytes of a netlink message header (`struct nlmsghdr`). */
export const HEADER_BYTES = 16;

/** Bytes of an attribute header (`struct nlattr`). */
export const ATTRIBUTE_HEADER_BYTES = 4;

/** Flag of an attribute that holds attributes. */
const NESTED = 0x8000;

/** The largest payload of one attribute: its length field has 16 bits. */
export const MAX_ATTRIBUTE_BYTES = 0xffff - ATTRIBUTE_HEADER_BYTES;

/** `length` rounded up to netlink's alignment of 4. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Writes netlink messages one behind the other into a buffer that it owns, grows and uses again. Numbers are
 * little-endian, as on every machine that Node's Linux builds run on, unless the name says big-endian.
 */
export class MessageWriter {
  #bytes: Buffer;
  #length = 0;
  #message = 0;

  /** @param capacity first size of the buffer in bytes. */
  constructor(capacity = 16_384) {
    this.#bytes = Buffer.alloc(capacity);
  }

  /** The messages written since the last {@link reset}; valid until the next write. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  reset(): void {
    this.#length = 0;
  }

  /** Starts a message; {@link endMessage} sets its length. */
  beginMessage(type: number, flags: number, sequence: number): void {
    this.#message = this.#reserve(HEADER_BYTES);
    this.#bytes.writeUInt16LE(type, this.#message + 4);
    this.#bytes.writeUInt16LE(flags, this.#message + 6);
    this.#bytes.writeUInt32LE(sequence, this.#message + 8);
  }

  endMessage(): void {
    this.#bytes.writeUInt32LE(this.#length - this.#message, this.#message);
  }

  /** Adds flags to the header of the message begun last. */
  addFlags(flags: number): void {
    this.#bytes.writeUInt16LE(this.#bytes.readUInt16LE(this.#message + 6) | flags, this.#message + 6);
  }

  u8(value: number): void {
    const at = this.#extend(1);
    this.#bytes[at] = value;
  }

  u16(value: number): void {
    const at = this.#extend(2);
    this.#bytes.writeUInt16LE(value, at);
  }

  u16be(value: number): void {
    const at = this.#extend(2);
    this.#bytes.writeUInt16BE(value, at);
  }

  u32(value: number): void {
    const at = this.#extend(4);
    this.#bytes.writeUInt32LE(value, at);
  }

  /** An attribute with these bytes. @throws RangeError when they do not fit the 16-bit length. */
  attribute(type: number, value: Uint8Array): void {
    const at = this.#attribute(type, value.length);
    this.#bytes.set(value, at);
  }

  attributeU8(type: number, value: number): void {
    const at = this.#attribute(type, 1);
    this.#bytes[at] = value;
  }

  attributeU32(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#bytes.writeUInt32LE(value, at);
  }

  attributeU32be(type: number, value: number): void {
    const at = this.#attribute(type, 4);
    this.#bytes.writeUInt32BE(value, at);
  }

  /** A 32-bit big-endian value as a bigint: an IPv4 address. */
  attributeAddress(type: number, family: 4 | 6, value: bigint): void {
    if (family === 4) {
      this.attributeU32be(type, Number(value));
    } else {
      const at = this.#attribute(type, 16);
      this.#bytes.writeBigUInt64BE(value >> 64n, at);
      this.#bytes.writeBigUInt64BE(value & 0xffff_ffff_ffff_ffffn, at + 8);
    }
  }

  /** A text with the zero byte that ends it. */
  attributeString(type: number, value: string): void {
    const at = this.#attribute(type, Buffer.byteLength(value) + 1);
    this.#bytes.write(value, at);
  }

  /** Starts an attribute that holds attributes and returns what {@link endNested} needs. */
  beginNested(type: number): number {
    const at = this.#reserve(ATTRIBUTE_HEADER_BYTES);
    this.#bytes.writeUInt16LE(type | NESTED, at + 2);
    return at;
  }

  /** @throws RangeError when the nested attributes do not fit the 16-bit length. */
  endNested(at: number): void {
    this.#bytes.writeUInt16LE(this.#length - at, at);
  }

  /** Header and zeroed payload of an attribute; returns where the payload is. */
  #attribute(type: number, length: number): number {
    const at = this.#reserve(ATTRIBUTE_HEADER_BYTES + align(length));
    this.#bytes.writeUInt16LE(ATTRIBUTE_HEADER_BYTES + length, at);
    this.#bytes.writeUInt16LE(type, at + 2);
    return at + ATTRIBUTE_HEADER_BYTES;
  }

  /** Zeroed room at the end. */
  #reserve(length: number): number {
    const at = this.#extend(length);
    this.#bytes.fill(0, at, at + length);
    return at;
  }

  /** Room at the end; may put another buffer in the place of this one, so look at the buffer only after it. */
  #extend(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = Buffer.alloc(2 * this.#length);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    return at;
  }
}

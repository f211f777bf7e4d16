/**
 * A message of protocol buffers without its schema: values by field number. A list is a repeated field, an object a message
 * inside. https://protobuf.dev/programming-guides/encoding
 */
export type Message = { readonly [field: number]: Value | readonly Value[] | undefined };

type Value = string | number | boolean | Uint8Array | Message;

/** Fields of a message as they came, in order. Numbers of wire type 0, bytes of wire type 2. */
export type Fields = ReadonlyMap<number, readonly (bigint | Buffer)[]>;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

/** The bytes of a message. */
export function encodeMessage(message: Message): Buffer {
  return Buffer.concat(
    Object.entries(message).flatMap(([field, value]) =>
      (Array.isArray(value) ? (value as readonly Value[]) : [value as Value | undefined])
        .filter((one) => one !== undefined)
        .map((one) => encodeField(Number(field), one)),
    ),
  );
}

/** A map field: entries with key 1 and value 2. */
export function encodeMap(map: Readonly<Record<string, string>> = {}): readonly Message[] {
  return Object.entries(map).map(([key, value]) => ({ 1: key, 2: value }));
}

/** The fields of a message. @throws RangeError for wire types other than 0 and 2 */
export function decodeMessage(bytes: Buffer): Fields {
  const fields = new Map<number, (bigint | Buffer)[]>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("the message is cut short");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const values = fields.get(tag >> 3) ?? [];
    fields.set(tag >> 3, values);
    if ((tag & 7) === VARINT) values.push(varint());
    else if ((tag & 7) === LENGTH_DELIMITED) {
      const length = Number(varint());
      values.push(bytes.subarray(at, at + length));
      at += length;
    } else throw new RangeError(`unknown wire type ${tag & 7}`);
  }
  return fields;
}

/** The only value of a text field; empty when it is not there. */
export function textOf(fields: Fields, field: number): string {
  return bytesOf(fields, field).toString("utf8");
}

/** The only value of a number field; 0 when it is not there. */
export function numberOf(fields: Fields, field: number): number {
  const value = fields.get(field)?.at(-1);
  return typeof value === "bigint" ? Number(value) : 0;
}

/** The only message of a field; one without fields when it is not there. */
export function messageOf(fields: Fields, field: number): Fields {
  return decodeMessage(bytesOf(fields, field));
}

/** All messages of a repeated field. */
export function messagesOf(fields: Fields, field: number): readonly Fields[] {
  return (fields.get(field) ?? []).map((value) => decodeMessage(value as Buffer));
}

/** A map field. */
export function mapOf(fields: Fields, field: number): ReadonlyMap<string, string> {
  return new Map(messagesOf(fields, field).map((entry) => [textOf(entry, 1), textOf(entry, 2)]));
}

function bytesOf(fields: Fields, field: number): Buffer {
  const value = fields.get(field)?.at(-1);
  return Buffer.isBuffer(value) ? value : Buffer.alloc(0);
}

function encodeField(field: number, value: Value): Buffer {
  if (typeof value === "number" || typeof value === "boolean") {
    return Buffer.concat([encodeVarint(field << 3), encodeVarint(Number(value))]);
  }
  const bytes =
    typeof value === "string"
      ? Buffer.from(value)
      : value instanceof Uint8Array
        ? Buffer.from(value)
        : encodeMessage(value);
  return Buffer.concat([encodeVarint((field << 3) | LENGTH_DELIMITED), encodeVarint(bytes.length), bytes]);
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}

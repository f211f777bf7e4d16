import { describe, expect, test } from "vitest";
import {
  decodeCounter,
  decodeGeneration,
  decodeNftablesEvent,
  type ElementChange,
  encodeElementBatch,
  encodeGetCounters,
  encodeGetGeneration,
  encodeGetTable,
} from "./nftables.ts";
import { type Message, readMessages } from "./reader.ts";
import { MessageWriter } from "./writer.ts";

function batch(changes: readonly ElementChange[]): Buffer {
  const writer = new MessageWriter();
  let sequence = 6;
  encodeElementBatch(changes)(writer, () => ++sequence);
  return Buffer.from(writer.bytes);
}

/** Bytes as hexadecimal text, one message a line: type and flags, sequence number, payload. */
function lines(bytes: Buffer): string[] {
  return [...readMessages(bytes, bytes.length)].map(
    ({ type, flags, sequence, start, end }) =>
      `${type.toString(16)} ${flags.toString(16)} ${sequence} ${bytes.subarray(start, end).toString("hex")}`,
  );
}

function message(type: number, payload: string): [Buffer, Message] {
  const body = Buffer.from(payload.replaceAll(" ", ""), "hex");
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  const bytes = Buffer.concat([header, body]);
  return [bytes, [...readMessages(bytes, bytes.length)][0] as Message];
}

test("the generation of the ruleset is asked for and read", () => {
  const writer = new MessageWriter();
  encodeGetGeneration(writer, 7);
  expect(lines(Buffer.from(writer.bytes))).toEqual(["a10 1 7 01000000"]);
  expect(decodeGeneration(...message(0xa0f, "00000007 0800010000000107 0800020000000001"))).toBe(263);
  expect(decodeGeneration(...message(0xa0f, "00000007"))).toBeUndefined();
});

describe("encodeElementBatch()", () => {
  test("writes one transaction of which the last change is answered", () => {
    const key = Uint8Array.of(10, 1, 1, 27);
    const changes: ElementChange[] = [
      { type: "add", table: "t", set: "s", keys: [key] },
      { type: "delete", table: "t", set: "s", keys: [key] },
    ];
    const elements =
      "01000000" +
      "0600010074000000" +
      "0600020073000000" +
      "14000380" +
      "10000180" +
      "0c000180" +
      "080001000a01011b";
    expect(lines(batch(changes))).toEqual([
      "10 1 7 0000000a",
      `a0c 401 8 ${elements}`,
      `a0e 5 9 ${elements}`,
      "11 1 10 0000000a",
    ]);
  });
  test("splits what one attribute cannot hold, each key once and in order", () => {
    const keys = Array.from({ length: 5_000 }, (_, index) => {
      const key = Buffer.alloc(4);
      key.writeUInt32BE(index);
      return key;
    });
    const bytes = batch([{ type: "add", table: "t", set: "s", keys }]);
    const parts = [...readMessages(bytes, bytes.length)].filter(({ type }) => type === 0xa0c);
    expect(parts.map(({ start, end }) => end - start)).toEqual([65_544, 14_504]);
    expect(parts.map(({ flags }) => flags)).toEqual([0x401, 0x405]);
    const found = parts.flatMap(({ start, end }) =>
      Array.from({ length: (end - start - 24) / 16 }, (_, index) =>
        bytes.readUInt32BE(start + 24 + index * 16 + 12),
      ),
    );
    expect(found).toEqual(keys.map((key) => key.readUInt32BE()));
  });
});

test("requests name the table", () => {
  const writer = new MessageWriter();
  encodeGetTable("t")(writer, 1);
  encodeGetCounters("t")(writer, 2);
  expect(lines(writer.bytes)).toEqual([
    "a01 1 1 010000000600010074000000",
    "a13 1 2 0100000006000100740000000800030000000001",
  ]);
});

test("decodeCounter()", () => {
  const payload =
    "01000001 06000100 74000000 0a000200 64726f707300 0000 08000300 00000001" +
    "1c000480 0c000100 0000000100000000 0c000200 0000000000000003";
  expect(decodeCounter(...message(0xa12, payload))).toEqual({ name: "drops", bytes: 2 ** 32, packets: 3 });
});

test.each<[string, number, string, object | undefined]>([
  ["a new table", 0xa00, "01000001 06000100 74000000", { type: "change", table: "t" }],
  ["deleted elements", 0xa0e, "01000001 06000100 74000000 06000200 73000000", { type: "change", table: "t" }],
  ["the end of a transaction", 0xa0f, "00000001 08000100 00000007 08000200 00001234", { type: "commit" }],
  ["an error", 2, "00000000", undefined],
  ["another subsystem", 0x100, "02000000 06000100 74000000", undefined],
  ["no table", 0xa00, "01000001", undefined],
])("decodeNftablesEvent() of %s", (_, type, payload, expected) => {
  expect(decodeNftablesEvent(...message(type, payload))).toEqual(expected);
});

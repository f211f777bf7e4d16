import { expect, test } from "vitest";
import {
  decodeCounter,
  decodeGeneration,
  decodeNftablesEvent,
  encodeGetCounters,
  encodeGetGeneration,
  encodeGetTable,
} from "./nftables.ts";
import { type Message, readMessages } from "./reader.ts";
import { MessageWriter } from "./writer.ts";

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

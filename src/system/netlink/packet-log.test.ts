import { expect, test } from "vitest";
import { decodeLoggedPacket, encodeBindLog } from "./packet-log.ts";
import { type Message, readMessages } from "./reader.ts";
import { MessageWriter } from "./writer.ts";

function message(type: number, payload: string): [Buffer, Message] {
  const body = Buffer.from(payload.replaceAll(" ", ""), "hex");
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  const bytes = Buffer.concat([header, body]);
  return [bytes, [...readMessages(bytes, bytes.length)][0] as Message];
}

test("encodeBindLog() asks for everything at once", () => {
  const writer = new MessageWriter();
  encodeBindLog(0x0105, { copyBytes: 128, threshold: 64, bufferBytes: 32_768, timeout: 1 })(writer, 7);
  const [{ type, flags, sequence, start, end }] = [...readMessages(writer.bytes, writer.length)] as [Message];
  expect([type, flags, sequence]).toEqual([0x401, 1, 7]);
  expect(writer.bytes.subarray(start, end).toString("hex")).toBe(
    "00000105" +
      "0500010001000000" +
      "0a000200000000800200" +
      "0000" +
      "0800030000008000" +
      "0800040000000001" +
      "0800050000000040" +
      "0600060000010000",
  );
});

test.each<[string, string, object]>([
  [
    "all there is",
    "08000200 00000005 08000400 00000007 08000500 00000008 07000900 450001 00 08000a00 64726f00 08000c00 00000102",
    {
      number: 258,
      packet: {
        type: "packet",
        prefix: "dro",
        inputDevice: 7,
        outputDevice: 8,
        mark: 5,
        packet: Uint8Array.of(0x45, 0, 1),
      },
    },
  ],
  ["nothing", "", { number: 0, packet: { type: "packet", prefix: "", packet: Uint8Array.of() } }],
])("decodeLoggedPacket() of %s", (_, attributes, expected) => {
  expect(decodeLoggedPacket(...message(0x400, `02000005 ${attributes}`))).toEqual(expected);
});

test.each([0x401, 0x003, 0xa00])("decodeLoggedPacket() of message type %i is nothing", (type) => {
  expect(decodeLoggedPacket(...message(type, "02000005"))).toBeUndefined();
});

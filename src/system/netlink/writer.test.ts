import { describe, expect, test } from "vitest";
import { MessageWriter } from "./writer.ts";

/** Bytes of one message of type 1 and sequence number 2, after its header. */
function payload(write: (writer: MessageWriter) => void, capacity?: number): string {
  const writer = new MessageWriter(capacity);
  writer.beginMessage(1, 0, 2);
  write(writer);
  writer.endMessage();
  return writer.bytes.subarray(16).toString("hex");
}

describe("MessageWriter", () => {
  test("writes header, length and flags of each message", () => {
    const writer = new MessageWriter();
    writer.beginMessage(0x1234, 0x0501, 0x0a0b0c0d);
    writer.u32(1);
    writer.endMessage();
    writer.beginMessage(2, 0, 3);
    writer.endMessage();
    writer.addFlags(4);
    expect(writer.bytes.toString("hex")).toBe(
      "14000000" +
        "3412" +
        "0105" +
        "0d0c0b0a" +
        "00000000" +
        "01000000" +
        "10000000" +
        "0200" +
        "0400" +
        "03000000" +
        "00000000",
    );
  });
  test.each<[string, (writer: MessageWriter) => void, string]>([
    [
      "u8, u16, big-endian u16, u32",
      (w) => {
        w.u8(1);
        w.u8(2);
        w.u16(0x0304);
        w.u16be(0x0506);
        w.u16(0);
        w.u32(0x0708090a);
      },
      "01020403050600000a090807",
    ],
    [
      "an attribute, padded to four bytes behind its length",
      (w) => w.attribute(9, Uint8Array.of(1, 2, 3)),
      "0700090001020300",
    ],
    ["an empty attribute", (w) => w.attribute(9, new Uint8Array()), "04000900"],
    ["an 8-bit attribute", (w) => w.attributeU8(2, 255), "05000200ff000000"],
    ["a 32-bit attribute", (w) => w.attributeU32(2, 0xfffffffe), "08000200feffffff"],
    ["a big-endian 32-bit attribute", (w) => w.attributeU32be(2, 0xfffffffe), "08000200fffffffe"],
    ["a text with its zero", (w) => w.attributeString(3, "lo"), "070003006c6f0000"],
    ["a text in UTF-8", (w) => w.attributeString(3, "é"), "07000300c3a90000"],
    ["an IPv4 address", (w) => w.attributeAddress(1, 4, 0x0a01011bn), "080001000a01011b"],
    [
      "an IPv6 address",
      (w) => w.attributeAddress(1, 6, (0xfd00n << 112n) + 0x27n),
      "14000100fd000000000000000000000000000027",
    ],
    [
      "nested attributes, marked so",
      (w) => {
        const outer = w.beginNested(18);
        w.attributeU8(1, 7);
        const inner = w.beginNested(2);
        w.attributeU8(3, 8);
        w.endNested(inner);
        w.endNested(outer);
      },
      "18001280" + "0500010007000000" + "0c000280" + "0500030008000000",
    ],
  ])("writes %s", (_, write, expected) => {
    expect(payload(write)).toBe(expected);
    // Again with a buffer that has to grow again and again.
    expect(payload(write, 1)).toBe(expected);
  });
  test("starts over after reset(), on clean ground", () => {
    const writer = new MessageWriter();
    writer.beginMessage(1, 0, 1);
    writer.attribute(1, new Uint8Array(60).fill(0xff));
    writer.endMessage();
    writer.reset();
    writer.beginMessage(1, 0, 2);
    writer.attributeU8(1, 1);
    writer.endMessage();
    expect(writer.bytes.toString("hex")).toBe(
      "18000000" + "0100" + "0000" + "02000000" + "00000000" + "0500010001000000",
    );
  });
  test("refuses an attribute that its 16-bit length cannot say", () => {
    expect(() => payload((writer) => writer.attribute(1, new Uint8Array(65_532)))).toThrow(RangeError);
    expect(payload((writer) => writer.attribute(1, new Uint8Array(65_531))).slice(0, 8)).toBe("ffff0100");
  });
});

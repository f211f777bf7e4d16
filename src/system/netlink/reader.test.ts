import { describe, expect, test } from "vitest";
import { Attributes, readMessages } from "./reader.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("readMessages()", () => {
  const first = "14000000 1800 0200 07000000 2a000000 01000000";
  const second = "11000000 1900 0000 08000000 00000000 ff";
  test("finds each message, also when the first needs padding", () => {
    const bytes = hex(`${second} 000000 ${first}`);
    expect([...readMessages(bytes, bytes.length)]).toEqual([
      { type: 25, flags: 0, sequence: 8, port: 0, start: 16, end: 17 },
      { type: 24, flags: 2, sequence: 7, port: 42, start: 36, end: 40 },
    ]);
  });
  test.each([
    ["nothing", ""],
    ["less than a header", "14000000 1800 0200"],
    ["a length longer than the datagram", "15000000 1800 0200 07000000 2a000000 01000000"],
    ["a length shorter than the header", "0f000000 1800 0200 07000000 2a000000 01000000"],
    ["a length of zero", "00000000 1800 0200 07000000 2a000000 01000000"],
  ])("ends at %s", (_, text) => {
    const bytes = hex(text);
    expect([...readMessages(bytes, bytes.length)]).toEqual([]);
  });
});

describe("Attributes", () => {
  const bytes = hex(
    "0800 0100 0a01011b" + // 1: address, or number
      "0700 0200 6c6f00 00" + // 2: text
      "0500 0300 07 000000" + // 3: byte
      "0c00 0400 0000000100000002" + // 4: 64 bits
      "1000 0580 0800 0100 2a000000 0400 0200" + // 5: nested, marked so
      "0800 0900 ffffffff", // 9: beyond the maximum
  );
  const attributes = new Attributes(bytes, 0, bytes.length, 6);
  test("are read by type", () => {
    expect(attributes.address(1, 4)).toEqual({ family: 4, value: 0x0a01011bn });
    expect(attributes.u32(1)).toBe(0x1b01010a);
    expect(attributes.u32be(1)).toBe(0x0a01011b);
    expect(attributes.string(2)).toBe("lo");
    expect(attributes.u8(3)).toBe(7);
    expect(attributes.u64be(4)).toBe(2 ** 32 + 2);
    expect(attributes.nested(5, 2).u32(1)).toBe(42);
    expect(attributes.nested(5, 2).string(2)).toBe("");
  });
  test("that are not there are undefined", () => {
    expect([attributes.has(6), attributes.u8(6), attributes.u32(6), attributes.string(6)]).toEqual([
      false,
      undefined,
      undefined,
      undefined,
    ]);
    expect(attributes.address(6, 6)).toBeUndefined();
    expect(attributes.nested(6, 2).has(1)).toBe(false);
    expect(attributes.has(9)).toBe(false);
  });
  test("read negative numbers", () => {
    expect(new Attributes(hex("0800 0100 feffffff"), 0, 8, 1).i32(1)).toBe(-2);
  });
  test.each([
    ["a length of zero", "0000 0100 00000000"],
    ["a length beyond the end", "0c00 0100 00000000"],
    ["half a header", "0800"],
  ])("end at %s", (_, text) => {
    const cut = hex(text);
    expect(new Attributes(cut, 0, cut.length, 1).has(1)).toBe(false);
  });
});

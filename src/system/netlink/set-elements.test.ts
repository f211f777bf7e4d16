import { describe, expect, test } from "vitest";
import type { SetElement } from "../kernel.ts";
import { type Message, readMessages } from "./reader.ts";
import {
  type DumpedElement,
  decodeElements,
  decodeSetLayout,
  type ElementChange,
  elementAtOffset,
  encodeElementBatch,
  encodeGetElements,
  encodeGetSet,
  joinBounds,
  type SetLayout,
  splitElementChanges,
} from "./set-elements.ts";
import { MessageWriter } from "./writer.ts";

const NAME = { family: "inet", table: "t", set: "s" } as const;

function change(type: "add" | "delete", layout: SetLayout, elements: readonly SetElement[]): ElementChange {
  return { ...NAME, type, layout, elements };
}

function batch(changes: readonly ElementChange[]): Buffer {
  const writer = new MessageWriter();
  let sequence = 6;
  encodeElementBatch(splitElementChanges(changes), 7)(writer, () => ++sequence);
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
  const body = hex(payload);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  const bytes = Buffer.concat([header, body]);
  return [bytes, [...readMessages(bytes, bytes.length)][0] as Message];
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const range = (first: string, last?: string): SetElement =>
  last === undefined ? { key: hex(first) } : { key: hex(first), keyEnd: hex(last) };
const numbered = (count: number): SetElement[] =>
  Array.from({ length: count }, (_, index) => range(index.toString(16).padStart(8, "0")));

describe("encodeElementBatch()", () => {
  const names = "01000000 0600010074000000 0600020073000000".replaceAll(" ", "");
  test("writes one transaction of which the first change is echoed and the last is answered", () => {
    const elements = `${names}14000380100001800c000180080001000a01011b`;
    const one = [range("0a01011b")];
    expect(lines(batch([change("add", "keys", one), change("delete", "keys", one)]))).toEqual([
      "10 1 7 0000000a0800010000000007",
      `a0c 409 8 ${elements}`,
      `a0e 5 9 ${elements}`,
      "11 1 10 0000000a",
    ]);
  });
  test.each<[SetLayout, SetElement, string]>([
    ["ranges", range("0a000001"), "14000380 10000180 0c000180 080001000a000001"],
    [
      "ranges",
      range("0a000001", "0a000009"),
      "20000380 1c000180 0c000180 080001000a000001 0c000a80 080001000a000009",
    ],
    [
      "bounds",
      range("0a000001"),
      "2c000380 10000180 0c000180 080001000a000001 18000180 0c000180 080001000a000002 0800030000000001",
    ],
    [
      "bounds",
      range("0a000000", "0a0000ff"),
      "2c000380 10000180 0c000180 080001000a000000 18000180 0c000180 080001000a000100 0800030000000001",
    ],
    ["bounds", range("ff000000", "ffffffff"), "14000380 10000180 0c000180 08000100ff000000"],
    ["keys", range("0050", "0050"), "14000380 10000180 0c000180 0600010000500000"],
  ])("writes an element of a set of %s", (layout, element, expected) => {
    const [, line = ""] = lines(batch([change("add", layout, [element])]));
    expect(line).toBe(`a0c 40d 8 ${names}${expected.replaceAll(" ", "")}`);
  });
  test("names the family of the table", () => {
    const changes = (["inet", "ip", "ip6", "netdev"] as const).map((family) => ({
      ...change("add", "keys", [range("00")]),
      family,
    }));
    const found = lines(batch(changes)).map((line) => line.split(" ")[3]?.slice(0, 8));
    expect(found).toEqual(["0000000a", "01000000", "02000000", "0a000000", "05000000", "0000000a"]);
  });
  test("splits what is echoed and what one attribute cannot hold, each key once and in order", () => {
    const elements = numbered(5_000);
    const bytes = batch([change("add", "keys", elements)]);
    const parts = [...readMessages(bytes, bytes.length)].filter(({ type }) => type === 0xa0c);
    expect(parts.map(({ start, end }) => end - start)).toEqual([40, 65_544, 14_488]);
    expect(parts.map(({ flags }) => flags)).toEqual([0x409, 0x401, 0x405]);
    const found = parts.flatMap(({ start, end }) =>
      Array.from({ length: (end - start - 24) / 16 }, (_, index) =>
        bytes.readUInt32BE(start + 24 + index * 16 + 12),
      ),
    );
    expect(found).toEqual(elements.map((_, index) => index));
  });
  test.each<SetLayout>(["ranges", "bounds"])("no message of %s is longer than its length field", (layout) => {
    const elements = numbered(4_000).map(({ key }) => ({ key, keyEnd: key }));
    const bytes = batch([change("add", layout, elements)]);
    const parts = [...readMessages(bytes, bytes.length)].filter(({ type }) => type === 0xa0c);
    expect(parts).toHaveLength(layout === "ranges" ? 3 : 4);
    for (const { start, end } of parts) expect(bytes.readUInt16LE(start + 20)).toBe(end - start - 20);
  });
});

test("splitElementChanges() leaves out changes of nothing", () => {
  expect(splitElementChanges([change("add", "keys", []), change("delete", "keys", numbered(1))])).toEqual([
    change("delete", "keys", numbered(1)),
  ]);
});

test.each<[SetLayout, number, number | undefined]>([
  ["keys", 0, undefined],
  ["keys", 39, undefined],
  ["keys", 40, 0],
  ["keys", 56, 1],
  ["keys", 72, 2],
  ["keys", 88, undefined],
  ["bounds", 56, 0],
  ["bounds", 80, 1],
  ["ranges", 56, 1],
])("elementAtOffset() of %s at %i", (layout, offset, expected) => {
  const elements = numbered(3);
  const found = elementAtOffset(change("add", layout, elements), offset);
  expect(found).toBe(expected === undefined ? undefined : elements[expected]);
});

test("requests name table and set", () => {
  const writer = new MessageWriter();
  encodeGetSet(NAME)(writer, 1);
  encodeGetElements({ ...NAME, family: "ip6" })(writer, 2);
  expect(lines(writer.bytes)).toEqual([
    "a0a 1 1 0100000006000100740000000600020073000000",
    "a0d 1 2 0a00000006000100740000000600020073000000",
  ]);
});

test.each([
  ["00000000", "keys"],
  ["00000004", "bounds"],
  ["00000084", "ranges"],
  ["00000080", "keys"],
])("decodeSetLayout() of flags %s is %s", (flags, expected) => {
  expect(decodeSetLayout(...message(0xa09, `01000001 06000100 74000000 0800 0300 ${flags}`))).toBe(expected);
});

describe("decodeElements()", () => {
  const key = "0c000180 08000100 0a000001";
  const counter = "0c000100 636f756e74657200 1c000280 0c000100 0000000000000200 0c000200 0000000000000003";
  test.each<[string, string, Partial<DumpedElement>]>([
    ["a key", `10000180 ${key}`, {}],
    ["a range", `1c000180 ${key} 0c000a80 08000100 0a000009`, { keyEnd: Uint8Array.from(hex("0a000009")) }],
    ["an end", `18000180 ${key} 08000300 00000001`, { isEnd: true }],
    ["a counter", `3c000180 ${key} 2c000780 ${counter}`, { packets: 3, bytes: 512 }],
    ["a list of counters", `40000180 ${key} 30000b80 2c000180 ${counter}`, { packets: 3, bytes: 512 }],
  ])("reads %s", (_, element, expected) => {
    const size = hex(element).length + 4;
    const list = `${Buffer.from([size & 255, size >> 8]).toString("hex")}0380`;
    const names = "01000001 06000100 74000000 06000200 73000000";
    expect(decodeElements(...message(0xa0c, `${names} ${list} ${element}`))).toEqual([
      { key: Uint8Array.from(hex("0a000001")), isEnd: false, packets: 0, bytes: 0, ...expected },
    ]);
  });
  test("reads nothing from what is cut off", () => {
    expect(decodeElements(...message(0xa0c, `01000001 18000380 20000180 ${key}`))).toEqual([]);
    expect(decodeElements(...message(0xa0c, "01000001 06000100 74000000"))).toEqual([]);
  });
});

test("joinBounds() joins starts with ends, whatever their order", () => {
  const bound = (text: string, isEnd: boolean, packets = 0): DumpedElement => ({
    key: hex(text),
    isEnd,
    packets,
    bytes: 0,
  });
  const dumped = [
    bound("f0000000", false, 9),
    bound("0b000000", true),
    bound("0a000000", false, 7),
    bound("0b000000", false, 8),
    bound("0b000001", true),
    bound("0d000000", true),
    bound("0c0000ff", false),
  ];
  const texts = joinBounds(dumped).map(
    ({ key, keyEnd, packets }) =>
      `${Buffer.from(key).toString("hex")} ${Buffer.from(keyEnd ?? []).toString("hex")} ${packets}`,
  );
  expect(texts).toEqual(["0a000000 0affffff 7", "0b000000  8", "0c0000ff 0cffffff 0", "f0000000 ffffffff 9"]);
});

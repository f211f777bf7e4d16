import { describe, expect, test } from "vitest";
import { parseAddress } from "../../net/index.ts";
import type { Flow, FlowTuple } from "../kernel.ts";
import { decodeFlow, encodeDeleteFlow, encodeGetFlows } from "./conntrack.ts";
import { type Message, readMessages } from "./reader.ts";
import type { RequestEncoder } from "./socket.ts";
import { MessageWriter } from "./writer.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

function message(payload: string): [Buffer, Message] {
  const body = hex(payload);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(0x100, 4);
  const bytes = Buffer.concat([header, body]);
  return [bytes, [...readMessages(bytes, bytes.length)][0] as Message];
}

function written(encode: RequestEncoder): string {
  const writer = new MessageWriter();
  encode(writer, 7);
  const [{ type, flags, sequence, start, end }] = [...readMessages(writer.bytes, writer.length)] as [Message];
  return `${type.toString(16)} ${flags} ${sequence} ${writer.bytes.subarray(start, end).toString("hex")}`;
}

const UDP: FlowTuple = {
  source: parseAddress("10.1.1.1"),
  destination: parseAddress("10.1.2.2"),
  protocol: 17,
  sourcePort: 40_001,
  destinationPort: 53,
};
const PING: FlowTuple = {
  source: parseAddress("fd00::1"),
  destination: parseAddress("fd00::2"),
  protocol: 58,
  icmp: { type: 128, code: 0, id: 258 },
};
const UDP_BYTES =
  "34000180 14000180 08000100 0a010101 08000200 0a010202 1c000280 05000100 11000000 06000200 9c410000 06000300 00350000";
const PING_BYTES =
  "54000180 2c000180 14000300 fd000000000000000000000000000001 14000400 fd000000000000000000000000000002 " +
  "24000280 05000100 3a000000 06000700 01020000 05000800 80000000 05000900 00000000";

test.each<[4 | 6 | undefined, string]>([
  [undefined, "101 1 7 00000000"],
  [4, "101 1 7 02000000"],
  [6, "101 1 7 0a000000"],
])("encodeGetFlows(%s)", (family, expected) => {
  expect(written(encodeGetFlows(family))).toBe(expected);
});

test.each<[string, FlowTuple, number, string]>([
  ["UDP", UDP, 0, `02000000 ${UDP_BYTES} 08000c00 00000009`],
  ["an echo in a zone", PING, 260, `0a000000 ${PING_BYTES} 06001200 01040000 08000c00 00000009`],
  [
    "another protocol",
    { source: UDP.source, destination: UDP.destination, protocol: 50 },
    0,
    "02000000 24000180 14000180 08000100 0a010101 08000200 0a010202 0c000280 05000100 32000000 08000c00 00000009",
  ],
])("encodeDeleteFlow() of %s names exactly this flow", (_, original, zone, expected) => {
  expect(written(encodeDeleteFlow({ original, zone, id: 9 }))).toBe(
    `102 1 7 ${expected.replaceAll(" ", "")}`,
  );
});

describe("decodeFlow()", () => {
  const reply = (bytes: string): string => bytes.replace("0180", "0280");
  const base = { seenReply: false, assured: false, mark: 0, zone: 0, id: 0 };

  test.each<[string, string, Flow]>([
    [
      "nothing but addresses",
      `02000000 ${UDP_BYTES} ${reply(UDP_BYTES)}`,
      { ...base, original: UDP, reply: UDP },
    ],
    [
      "all there is",
      `0a000000 ${PING_BYTES} ${reply(PING_BYTES)} 08000300 0000018e 08000800 00000005 08000c00 80000001 06001200 01040000`,
      { original: PING, reply: PING, seenReply: true, assured: true, mark: 5, zone: 260, id: 0x8000_0001 },
    ],
    [
      "one that saw an answer",
      `02000000 ${UDP_BYTES} ${reply(UDP_BYTES)} 08000300 0000000a`,
      { ...base, original: UDP, reply: UDP, seenReply: true },
    ],
  ])("reads %s", (_, payload, expected) => {
    expect(decodeFlow(...message(payload))).toEqual(expected);
  });
  test.each([
    ["another family", `07000000 ${UDP_BYTES} ${reply(UDP_BYTES)}`],
    ["no reply", `02000000 ${UDP_BYTES}`],
    ["addresses of another family", `0a000000 ${UDP_BYTES} ${reply(UDP_BYTES)}`],
  ])("reads nothing of %s", (_, payload) => {
    expect(decodeFlow(...message(payload))).toBeUndefined();
  });
});

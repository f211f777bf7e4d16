import { expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import {
  checksum,
  decodeEchoReply,
  encodeArpReply,
  encodeEcho,
  encodeEchoRequest,
  encodeFrame,
  encodeNeighbourAdvertisement,
  encodeUdp,
} from "./packets.ts";

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");
const ipv4 = { source: parseAddress("10.1.1.27"), destination: parseAddress("10.1.2.18") };
const ipv6 = { source: parseAddress("fd00::1"), destination: parseAddress("fd00::2") };

test.each([
  // The example of RFC 1071 section 3.
  ["0001 f203 f4f5 f6f7", 0x220d],
  ["", 0xffff],
  ["ffff", 0],
  ["01", 0xfeff],
])("checksum() of %s", (text, expected) => {
  expect(checksum(hex(text))).toBe(expected);
});

test("encodeUdp() of IPv4", () => {
  const packet = encodeUdp(
    { address: ipv4.source, port: 1000 },
    { address: ipv4.destination, port: 53 },
    Buffer.from("hi"),
  );
  expect(packet.toString("hex")).toBe(
    "4500001e00000000401163a10a01011b0a010212" + "03e80035000a7c25" + "6869",
  );
});

test("encodeUdp() of IPv6", () => {
  const packet = encodeUdp(
    { address: ipv6.source, port: 1000 },
    { address: ipv6.destination, port: 53 },
    Buffer.from("hi"),
  );
  expect(packet.toString("hex")).toBe(
    "60000000000a1140" +
      "fd000000000000000000000000000001" +
      "fd000000000000000000000000000002" +
      "03e80035000a994f" +
      "6869",
  );
});

test.each([
  [ipv4, "4500002400000000400163ab0a01011b0a010212", "0800ebf300070c050000000000000000"],
  [
    ipv6,
    "6000000000103a40fd000000000000000000000000000001fd000000000000000000000000000002",
    "800079a400070c050000000000000000",
  ],
])("encodeEcho() %#", ({ source, destination }, header, message) => {
  expect(encodeEcho(source, destination, 7, 0x0c05).toString("hex")).toBe(header + message);
});

test.each([
  [4, "0800ebf3 0007 0c05 0000000000000000"],
  [6, "80000000 0007 0c05 0000000000000000"],
] as const)("encodeEchoRequest() of IPv%i", (family, expected) => {
  expect(encodeEchoRequest(family, 7, 0x0c05)).toEqual(hex(expected));
});

test.each([
  [4, `45${"00".repeat(19)} 0000 0000 0007 0c05`, { id: 7, sequence: 0x0c05 }],
  [4, `46${"00".repeat(23)} 0000 0000 0007 0c05`, { id: 7, sequence: 0x0c05 }],
  [4, `45${"00".repeat(19)} 0800 0000 0007 0c05`, undefined],
  [4, `45${"00".repeat(19)} 0000`, undefined],
  [4, "", undefined],
  [6, "8100 0000 0007 0c05", { id: 7, sequence: 0x0c05 }],
  [6, "8000 0000 0007 0c05", undefined],
] as const)("decodeEchoReply() of IPv%i %s", (family, text, expected) => {
  expect(decodeEchoReply(family, hex(text))).toEqual(expected);
});

test("encodeArpReply()", () => {
  const frame = encodeArpReply(parseAddress("10.1.0.1"), "02:00:00:00:00:01", {
    address: parseAddress("10.1.1.27"),
    mac: "02:00:00:00:00:02",
  });
  expect(frame.toString("hex")).toBe(
    "020000000002020000000001" +
      "0806" +
      "0001080006040002" +
      "0200000000010a010001" +
      "0200000000020a01011b",
  );
});

test("encodeNeighbourAdvertisement() in a frame", () => {
  const packet = encodeNeighbourAdvertisement(
    ipv6.source,
    ipv6.destination,
    parseAddress("fd00::9"),
    "02:00:00:00:00:01",
  );
  expect(encodeFrame("02:00:00:00:00:02", "02:00:00:00:00:01", packet).toString("hex")).toBe(
    "020000000002020000000001" +
      "86dd" +
      "6000000000203aff" +
      "fd000000000000000000000000000001" +
      "fd000000000000000000000000000002" +
      "88001c9460000000" +
      "fd000000000000000000000000000009" +
      "0201020000000001",
  );
});

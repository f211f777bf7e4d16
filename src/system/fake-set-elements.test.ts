import { describe, expect, test } from "vitest";
import { createElementCodec } from "./fake-set-elements.ts";

const LINKS = new Map([["rom0", 7]]);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("format()", () => {
  test.each([
    ["ipv4_addr", "0a01011b", "10.1.1.27"],
    ["ipv6_addr", "fd000000000000000000000000000027", "fd00::27"],
    ["ifname", "726f6d30000000000000000000000000", '"rom0"'],
    ["iface_index", "07000000", '"rom0"'],
    ["iface_index . ipv4_addr", "09000000 0a01011b", "9 . 10.1.1.27"],
    ["inet_proto . inet_service", "06000000 00500000", "tcp . 80"],
    ["inet_proto . inet_service", "84000000 1f900000", "sctp . 8080"],
    ["icmpv6_type . inet_proto", "87000000 09000000", "nd-neighbor-solicit . 9"],
    ["mark", "0a000000", "10"],
    ["ipv4_addr", "0a01011b00", undefined],
    ["ipv4_addr", "0a0101", undefined],
    ["ether_addr", "020000000001", undefined],
  ])("%s %s is %s", (type, key, expected) => {
    expect(createElementCodec(type, LINKS, false).format({ key: hex(key) })).toBe(expected);
  });
  test.each([
    ["ipv4_addr", "0a000000", "0a0000ff", "10.0.0.0/24"],
    ["ipv4_addr", "0a000001", "0a0000ff", "10.0.0.1-10.0.0.255"],
    ["ipv4_addr", "00000000", "ffffffff", "0.0.0.0/0"],
    ["ipv4_addr", "0a000002", "0a000003", "10.0.0.2/31"],
    ["inet_service", "0050", "0051", "80-81"],
    [
      "ipv4_addr . inet_proto . inet_service",
      "0a000000060000000050ffff",
      "0affffff06000000005affff",
      "10.0.0.0/8 . tcp . 80-90",
    ],
    ["mark . ipv4_addr", "00000005 0a000001", "00000005 0a000001", "5 . 10.0.0.1"],
    ["ipv4_addr", "0a000000", "0a00", undefined],
  ])("%s %s-%s is %s", (type, key, keyEnd, expected) => {
    const element = { key: hex(key), keyEnd: hex(keyEnd) };
    expect(createElementCodec(type, LINKS, true).format(element)).toBe(expected);
  });
});

describe("parse()", () => {
  test.each([
    ["ipv6_addr", "fd00:0:0:0::27", "fd000000000000000000000000000027"],
    ["iface_index . ipv4_addr", "7 . 10.1.1.27", "070000000a01011b"],
    ["iface_index . ipv4_addr", '"rom0" . 10.1.1.27', "070000000a01011b"],
    ["ifname", "rom0", "726f6d30000000000000000000000000"],
    ["inet_proto . inet_service", "6 . 80", "0600000000500000"],
    ["inet_proto . inet_service", "tcp . 80", "0600000000500000"],
    ["ipv4_addr", "10.0.0.0/8", undefined],
    ["ipv4_addr", "fd00::1", undefined],
    ["ipv4_addr", "1 . 2", undefined],
    ["inet_service", "70000", undefined],
    ["inet_service", "80-90", undefined],
  ])("%s: %s is %s", (type, text, expected) => {
    const found = createElementCodec(type, LINKS, false).parse(text);
    expect(found && Buffer.from(found.key).toString("hex")).toBe(expected);
  });
  test.each([
    ["ipv4_addr", "10.0.0.0/8", "0a000000", "0affffff"],
    ["ipv4_addr", "10.0.0.0/30", "0a000000", "0a000003"],
    ["ipv4_addr", "0.0.0.0/0", "00000000", "ffffffff"],
    ["ipv4_addr", "10.0.0.1-10.0.0.9", "0a000001", "0a000009"],
    ["ipv4_addr", "10.0.0.1", "0a000001", undefined],
    [
      "ipv4_addr . inet_proto . inet_service",
      "10.0.0.0/8 . tcp . 80-90",
      "0a0000000600000000500000",
      "0affffff06000000005a0000",
    ],
    ["mark . ipv4_addr", "5 . 10.0.0.1", "000000050a000001", undefined],
  ])("%s with ranges: %s is %s to %s", (type, text, key, keyEnd) => {
    const found = createElementCodec(type, LINKS, true).parse(text);
    expect(found && Buffer.from(found.key).toString("hex")).toBe(key);
    expect(found?.keyEnd && Buffer.from(found.keyEnd).toString("hex")).toBe(keyEnd);
  });
  test.each([
    ["ipv4_addr", "10.0.0.9-10.0.0.1"],
    ["ipv4_addr", "10.0.0.0/33"],
    ["ipv4_addr", "10.0.0.1-10.0.0.2-10.0.0.3"],
    ["inet_service", "80/8"],
    ["ether_addr", "1-2"],
  ])("%s with ranges: %s is none", (type, text) => {
    expect(createElementCodec(type, LINKS, true).parse(text)).toBeUndefined();
  });
});

test.each([
  ["0a000005 0050", true],
  ["0a000005 005a", true],
  ["0a000005 005b", false],
  ["0b000000 0050", false],
  ["09ffffff 0055", false],
])("holds() looks at every part of %s", (key, expected) => {
  const codec = createElementCodec("ipv4_addr . inet_service", LINKS, true);
  const range = { key: hex("0a000000 00500000"), keyEnd: hex("0affffff 005a0000") };
  expect(codec.holds(range, hex(`${key}0000`))).toBe(expected);
});

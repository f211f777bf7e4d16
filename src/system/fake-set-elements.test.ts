import { describe, expect, test } from "vitest";
import { formatKey, normalElement } from "./fake-set-elements.ts";

const LINKS = new Map([["rom0", 7]]);
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("formatKey()", () => {
  test.each([
    ["ipv4_addr", "0a01011b", "10.1.1.27"],
    ["ipv6_addr", "fd000000000000000000000000000027", "fd00::27"],
    ["ifname", "726f6d30000000000000000000000000", '"rom0"'],
    ["iface_index", "07000000", '"rom0"'],
    ["iface_index . ipv4_addr", "09000000 0a01011b", "9 . 10.1.1.27"],
    ["inet_proto . inet_service", "06000000 00500000", "tcp . 80"],
    ["inet_proto . inet_service", "84000000 1f900000", "132 . 8080"],
    ["mark", "0a000000", "10"],
    ["ipv4_addr", "0a01011b00", undefined],
    ["ipv4_addr", "0a0101", undefined],
    ["ether_addr", "020000000001", undefined],
  ])("%s %s is %s", (type, key, expected) => {
    expect(formatKey(hex(key), type, LINKS)).toBe(expected);
  });
});

describe("normalElement()", () => {
  test.each([
    ["ipv6_addr", "fd00:0:0:0::27", "fd00::27"],
    ["iface_index . ipv4_addr", "7 . 10.1.1.27", '"rom0" . 10.1.1.27'],
    ["iface_index . ipv4_addr", '"rom0" . 10.1.1.27', '"rom0" . 10.1.1.27'],
    ["ifname", "rom0", '"rom0"'],
    ["inet_proto . inet_service", "6 . 80", "tcp . 80"],
    ["inet_proto . inet_service", "tcp . 80 : accept", "tcp . 80 : accept"],
    ["ipv4_addr", "10.0.0.0/8", "10.0.0.0/8"],
    ["ipv4_addr", "fd00::1", "fd00::1"],
    ["ipv4_addr", "1 . 2", "1 . 2"],
    ["inet_service", "70000", "70000"],
  ])("%s: %s is %s", (type, element, expected) => {
    expect(normalElement(element, type, LINKS)).toBe(expected);
  });
});

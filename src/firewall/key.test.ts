import { describe, expect, test } from "vitest";
import { parseAddress } from "../net/index.ts";
import { rawKey, sortElements } from "./key.ts";
import type { Element } from "./table.ts";

const ipv4 = (text: string) => ({ type: "ipv4_addr", value: parseAddress(text).value }) as const;
const ipv6 = (text: string) => ({ type: "ipv6_addr", value: parseAddress(text).value }) as const;
const index = (value: number) => ({ type: "iface_index", value }) as const;

const port = (value: number) => ({ type: "inet_service", value }) as const;
const [tcp, udp] = [
  { type: "inet_proto", value: 6 },
  { type: "inet_proto", value: 17 },
] as const;

describe("rawKey()", () => {
  // The index is in the byte order of the machine: these bytes are those of a little-endian one.
  test.each<[string, Element, string]>([
    ["index . IPv4", [index(7), ipv4("10.1.1.27")], "07000000 0a01011b"],
    ["large index . IPv4", [index(0x01020304), ipv4("255.0.0.1")], "04030201 ff000001"],
    ["index . IPv6", [index(7), ipv6("fd00:10::b")], "07000000 fd000010 00000000 00000000 0000000b"],
    ["name", [{ type: "ifname", value: "rom0a01011b" }], "726f6d30 61303130 31316200 00000000"],
    ["protocol . port", [udp, port(53)], "11000000 00350000"],
    ["protocol alone", [tcp], "06"],
    ["family alone", [{ type: "nf_proto", value: 10 }], "0a"],
    ["port alone", [port(80)], "0050"],
    ["protocol . last port", [tcp, port(65535)], "06000000 ffff0000"],
  ])("%s", (_, element, hex) => {
    expect(Buffer.from(rawKey(element)).toString("hex")).toBe(hex.replaceAll(" ", ""));
  });
});

describe("sortElements()", () => {
  test("by index, then by address as a number", () => {
    const sorted = [
      [index(1), ipv4("10.0.0.3")],
      [index(8), ipv4("9.255.255.255")],
      [index(8), ipv4("10.0.0.1")],
      [index(256), ipv4("1.0.0.0")],
    ];
    expect(sortElements([2, 3, 0, 1].map((place) => sorted[place] as Element))).toEqual(sorted);
  });
});

import { describe, expect, test } from "vitest";
import { parseAddress, parsePrefix } from "../../net/index.ts";
import type { KernelRoute, KernelRule } from "../kernel.ts";
import {
  decodeLink,
  encodeDeleteGroup,
  encodeDeleteLink,
  encodeGetLink,
  encodeLinkGroup,
  encodeLinkMac,
  encodeLinkUp,
  encodeNewLink,
  encodeNewVeth,
  encodeNoGeneratedAddress,
  isIpv6Disabled,
} from "./link.ts";
import { decodeLinkAddress, encodeGetAddresses, encodeLinkAddress } from "./link-address.ts";
import {
  decodeNeighbour,
  decodeProxyNeighbour,
  encodeGetNeighbours,
  encodeGetProxyNeighbours,
  encodeProxyNeighbour,
} from "./neighbour.ts";
import { decodeNetconf } from "./netconf.ts";
import { type Message, readMessages } from "./reader.ts";
import { decodeRoute, encodeGetRoutes, encodeRoute } from "./route.ts";
import { decodeRule, encodeGetRules, encodeRule } from "./rule.ts";
import type { RequestEncoder } from "./socket.ts";
import { MessageWriter } from "./writer.ts";

/** Type and flags of the request in hexadecimal, then its payload. */
function encoded(encode: RequestEncoder): string[] {
  const writer = new MessageWriter();
  encode(writer, 7);
  const { bytes } = writer;
  expect(bytes.readUInt32LE(0)).toBe(bytes.length);
  expect(bytes.readUInt32LE(8)).toBe(7);
  return [bytes.readUInt16LE(4), bytes.readUInt16LE(6)]
    .map((number) => number.toString(16))
    .concat(bytes.subarray(16).toString("hex"));
}

function decoded<T>(decode: (bytes: Buffer, message: Message) => T, type: number, payload: string): T {
  const body = Buffer.from(payload.replaceAll(" ", ""), "hex");
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(type, 4);
  const bytes = Buffer.concat([header, body]);
  const [message] = [...readMessages(bytes, bytes.length)];
  return decode(bytes, message as Message);
}

const spaced = (text: string): string => text.replaceAll(" ", "");

describe("links", () => {
  test.each<[string, RequestEncoder, string, string, string]>([
    [
      "a new bridge",
      encodeNewLink("br0", "bridge", "02:00:00:00:00:0a"),
      "10",
      "601",
      "00000000 00000000 00000000 00000000" +
        "08000300 62723000" +
        "0a000100 02000000000a 0000" +
        "10001280 0b000100 627269646765 00 00",
    ],
    [
      "a new veth pair",
      encodeNewVeth({ name: "a", mtu: 1400, peer: { name: "b", mac: "02:00:00:00:00:0b", namespaceFd: 5 } }),
      "10",
      "601",
      "00000000 00000000 00000000 00000000" +
        "06000300 6100 0000" +
        "08000400 78050000" +
        "08001f00 01000000 08002000 01000000" +
        "5c001280 09000100 7665746800 000000" +
        "4c000280 48000180" +
        "00000000 00000000 00000000 00000000" +
        "06000300 6200 0000" +
        "08000400 78050000" +
        "08001f00 01000000 08002000 01000000" +
        "0a000100 02000000000b 0000" +
        "08001c00 05000000",
    ],
    [
      "a veth pair without wishes",
      encodeNewVeth({ name: "a", peer: { name: "b", namespaceFd: 5 } }),
      "10",
      "601",
      "00000000 00000000 00000000 00000000" +
        "06000300 6100 0000" +
        "08001f00 01000000 08002000 01000000" +
        "48001280 09000100 7665746800 000000" +
        "38000280 34000180" +
        "00000000 00000000 00000000 00000000" +
        "06000300 6200 0000" +
        "08001f00 01000000 08002000 01000000" +
        "08001c00 05000000",
    ],
    [
      "no generated address",
      encodeNoGeneratedAddress(9),
      "10",
      "1",
      "00000000 09000000 00000000 00000000" + "10001a80 0c000a80 05000800 01000000",
    ],
    ["up", encodeLinkUp(9), "10", "1", "00000000 09000000 01000000 01000000"],
    [
      "a MAC address",
      encodeLinkMac(9, "02:00:00:00:00:0a"),
      "10",
      "1",
      "00000000 09000000 00000000 00000000" + "0a000100 02000000000a 0000",
    ],
    [
      "into a group",
      encodeLinkGroup("br0", 7),
      "10",
      "1",
      "00000000 00000000 00000000 00000000" + "08000300 62723000" + "08001b00 07000000",
    ],
    [
      "deletion of a group",
      encodeDeleteGroup(7),
      "11",
      "1",
      "00000000 00000000 00000000 00000000" + "08001b00 07000000",
    ],
    [
      "deletion",
      encodeDeleteLink("br0"),
      "11",
      "1",
      "00000000 00000000 00000000 00000000" + "08000300 62723000",
    ],
    [
      "a question for one",
      encodeGetLink("br0"),
      "12",
      "1",
      "00000000 00000000 00000000 00000000" + "08000300 62723000" + "08001d00 08000000",
    ],
    [
      "a question for all",
      encodeGetLink(),
      "12",
      "1",
      "00000000 00000000 00000000 00000000" + "08001d00 08000000",
    ],
  ])("%s", (_, encode, type, flags, payload) => {
    expect(encoded(encode)).toEqual([type, flags, spaced(payload)]);
  });
  test.each([
    [
      "a bridge that is up",
      "00000100 09000000 43100100 00000000 08000300 62723000 08000400 dc050000 0a000100 02000000000a 0000 10001280 0b000100 627269646765 00 00",
      { index: 9, name: "br0", kind: "bridge", up: true, mac: "02:00:00:00:00:0a", mtu: 1500 },
    ],
    [
      "hardware that is down, without a MAC address",
      "00000100 02000000 02100000 00000000 09000300 70703000 61000000 08000400 dc050000",
      { index: 2, name: "pp0", up: false, mtu: 1500 },
    ],
  ])("decodeLink() of %s", (_, payload, expected) => {
    expect(decoded(decodeLink, 16, payload)).toEqual(expected);
  });
  test.each([
    ["switched off", "01000000", true],
    ["on", "00000000", false],
    ["of a kernel that says less", "", false],
  ])("isIpv6Disabled() of IPv6 that is %s", (_, value, expected) => {
    // The 27th of the settings of family 10, whose length is that of all.
    const settings = "ffffffff".repeat(26) + value;
    const bytes = settings.length / 2;
    const header = (length: number, type: string): string =>
      `${length.toString(16).padStart(2, "0")}00${type}`;
    const payload = `${header(bytes + 12, "1a00")}${header(bytes + 8, "0a00")}${header(bytes + 4, "0200")}${settings}`;
    expect(decoded(isIpv6Disabled, 16, `00000100 09000000 00000000 00000000 ${payload}`)).toBe(expected);
  });
  test("isIpv6Disabled() of a link without IPv6", () => {
    expect(decoded(isIpv6Disabled, 16, "00000100 09000000 00000000 00000000 08000400 dc050000")).toBe(false);
  });
});

describe("addresses", () => {
  const ipv4 = { link: 9, address: parseAddress("10.1.0.1"), prefixLength: 32 };
  const ipv6 = { link: 9, address: parseAddress("fd00::1"), prefixLength: 64 };
  const FD00 = "fd000000000000000000000000000001";
  test.each<[string, RequestEncoder, string, string, string]>([
    [
      "add IPv4",
      encodeLinkAddress("add", ipv4),
      "14",
      "601",
      "02200000 09000000 08000200 0a010001 08000100 0a010001",
    ],
    [
      "add IPv6 without duplicate address detection",
      encodeLinkAddress("add", ipv6),
      "14",
      "601",
      `0a400000 09000000 14000200 ${FD00} 14000100 ${FD00} 08000800 02000000`,
    ],
    [
      "delete IPv4",
      encodeLinkAddress("delete", ipv4),
      "15",
      "1",
      "02200000 09000000 08000200 0a010001 08000100 0a010001",
    ],
    [
      "delete IPv6",
      encodeLinkAddress("delete", ipv6),
      "15",
      "1",
      `0a400000 09000000 14000200 ${FD00} 14000100 ${FD00}`,
    ],
    ["a question for all", encodeGetAddresses, "16", "1", "00000000 00000000"],
  ])("%s", (_, encode, type, flags, payload) => {
    expect(encoded(encode)).toEqual([type, flags, spaced(payload)]);
  });
  test.each([
    ["IPv4", "02208000 09000000 08000100 0a010001 08000200 0a010001", ipv4],
    [
      "IPv4 of a point-to-point link: not the other side's",
      "02208000 09000000 08000100 0a0100ff 08000200 0a010001",
      ipv4,
    ],
    ["IPv6", `0a408000 09000000 14000100 ${FD00}`, ipv6],
    ["another family", "07408000 09000000 08000100 0a010001", undefined],
    ["no address", "02208000 09000000", undefined],
  ])("decodeLinkAddress() of %s", (_, payload, expected) => {
    expect(decoded(decodeLinkAddress, 20, payload)).toEqual(expected);
  });
});

describe("routes", () => {
  const base = { type: "unicast", table: 254, metric: 0, protocol: 114 } as const;
  const viaIpv4: KernelRoute = {
    ...base,
    destination: parsePrefix("10.2.0.0/16"),
    gateway: parseAddress("192.168.0.2"),
    device: 5,
    source: parseAddress("10.1.0.1"),
    metric: 7,
  };
  const deviceIpv4: KernelRoute = { ...base, destination: parsePrefix("10.1.1.27/32"), device: 5 };
  const holeIpv4: KernelRoute = { ...base, type: "blackhole", destination: parsePrefix("10.1.0.0/16") };
  const defaultIpv6: KernelRoute = {
    ...base,
    destination: parsePrefix("::/0"),
    gateway: parseAddress("fd00::1"),
    device: 5,
    table: 1000,
  };
  const FD00 = "fd000000000000000000000000000001";
  test.each<[string, RequestEncoder, string, string, string]>([
    [
      "via a gateway",
      encodeRoute("replace", viaIpv4),
      "18",
      "501",
      "02100000 fe720001 00000000 08000100 0a020000 08000f00 fe000000 08000500 c0a80002 08000400 05000000 08000700 0a010001 08000600 07000000",
    ],
    [
      "to a device: scope link",
      encodeRoute("replace", deviceIpv4),
      "18",
      "501",
      "02200000 fe72fd01 00000000 08000100 0a01011b 08000f00 fe000000 08000400 05000000",
    ],
    [
      "a blackhole: scope universe",
      encodeRoute("replace", holeIpv4),
      "18",
      "501",
      "02100000 fe720006 00000000 08000100 0a010000 08000f00 fe000000",
    ],
    [
      "IPv6, default, in a table beyond 255",
      encodeRoute("replace", defaultIpv6),
      "18",
      "501",
      `0a000000 00720001 00000000 08000f00 e8030000 14000500 ${FD00} 08000400 05000000`,
    ],
    [
      "deletion: of any scope",
      encodeRoute("delete", deviceIpv4),
      "19",
      "1",
      "02200000 fe72ff01 00000000 08000100 0a01011b 08000f00 fe000000 08000400 05000000",
    ],
    [
      "a question for a table and protocol",
      encodeGetRoutes(4, 254, 114),
      "1a",
      "1",
      "02000000 fe720000 00000000 08000f00 fe000000",
    ],
    [
      "a question for a table beyond 255",
      encodeGetRoutes(6, 1000, 0),
      "1a",
      "1",
      "0a000000 00000000 00000000 08000f00 e8030000",
    ],
  ])("%s", (_, encode, type, flags, payload) => {
    expect(encoded(encode)).toEqual([type, flags, spaced(payload)]);
  });
  test.each<[string, string, KernelRoute | undefined]>([
    [
      "via a gateway",
      "02100000 fe720001 00000000 08000f00 fe000000 08000100 0a020000 08000600 07000000 08000700 0a010001 08000500 c0a80002 08000400 05000000",
      viaIpv4,
    ],
    [
      "to a device",
      "02200000 fe72fd01 00000000 08000f00 fe000000 08000100 0a01011b 08000400 05000000",
      deviceIpv4,
    ],
    ["a blackhole", "02100000 fe720006 00000000 08000f00 fe000000 08000100 0a010000", holeIpv4],
    [
      "IPv6, default, in a table beyond 255",
      `0a000000 fc720001 00000000 08000f00 e8030000 14000500 ${FD00} 08000400 05000000`,
      defaultIpv6,
    ],
    [
      "a blackhole of IPv6, which hangs on the loopback device",
      `0a300000 fe720006 00000000 08000f00 fe000000 14000100 fd000001000000000000000000000000 08000600 00040000 08000400 01000000`,
      { ...base, type: "blackhole", destination: parsePrefix("fd00:1::/48"), metric: 1024 },
    ],
    [
      "IPv4 via IPv6",
      `02100000 fe720001 00000000 08000f00 fe000000 08000100 0a020000 08000400 05000000 16001200 0a00 ${FD00} 0000`,
      { ...base, destination: parsePrefix("10.2.0.0/16"), gateway: parseAddress("fd00::1"), device: 5 },
    ],
    [
      "several ways: neither gateway nor device",
      "02100000 fe720001 00000000 08000f00 fe000000 08000100 0a020000 14000900 10000000 05000000 08000500 c0a80002",
      { ...base, destination: parsePrefix("10.2.0.0/16") },
    ],
    [
      "prohibit",
      "02100000 fe040008 00000000 08000f00 fe000000 08000100 0a020000",
      { ...base, type: "prohibit", protocol: 4, destination: parsePrefix("10.2.0.0/16") },
    ],
    ["without a table attribute", "02100000 fe720006 00000000 08000100 0a010000", holeIpv4],
    [
      "an own address (local)",
      "02200000 ff02fe02 00000000 08000f00 ff000000 08000100 0a010001 08000400 05000000",
      undefined,
    ],
    ["another family", "1c100000 fe720006 00000000", undefined],
  ])("decodeRoute() of %s", (_, payload, expected) => {
    expect(decoded(decodeRoute, 24, payload)).toEqual(expected);
  });
});

describe("proxied neighbours", () => {
  const ipv4 = { link: 9, address: parseAddress("10.1.0.1") };
  const ipv6 = { link: 9, address: parseAddress("fd00::1") };
  const FD00 = "fd000000000000000000000000000001";
  test.each<[string, RequestEncoder, string, string, string]>([
    ["add", encodeProxyNeighbour("add", ipv6), "1c", "501", `0a000000 09000000 80000800 14000100 ${FD00}`],
    [
      "delete",
      encodeProxyNeighbour("delete", ipv4),
      "1d",
      "1",
      "02000000 09000000 00000800 08000100 0a010001",
    ],
    ["a question for all", encodeGetProxyNeighbours(6), "1e", "1", "0a000000 00000000 00000800"],
  ])("%s", (_, encode, type, flags, payload) => {
    expect(encoded(encode)).toEqual([type, flags, spaced(payload)]);
  });
  test.each([
    ["one of IPv4", "02000000 09000000 80000805 08000100 0a010001", ipv4],
    ["one of IPv6", `0a000000 09000000 80000805 14000100 ${FD00}`, ipv6],
    ["a neighbour that is not proxied", "02000000 09000000 02000001 08000100 0a010001", undefined],
    ["none", "02000000 09000000 80000805", undefined],
  ])("decodeProxyNeighbour() of %s", (_, payload, expected) => {
    expect(decoded(decodeProxyNeighbour, 28, payload)).toEqual(expected);
  });
});

describe("netconf", () => {
  test.each([
    ["a link", "02000000 08000100 05000000 08000300 01000000", { type: "netconf", family: 4, link: 5 }],
    [
      "all links",
      "0a000000 08000100 ffffffff 08000200 01000000",
      { type: "netconf", family: 6, link: "all" },
    ],
    ["links to come", "02000000 08000100 feffffff", { type: "netconf", family: 4, link: "default" }],
    ["another family (MPLS)", "1c000000 08000100 05000000", undefined],
    ["no link", "02000000", undefined],
  ])("decodeNetconf() of %s", (_, payload, expected) => {
    expect(decoded(decodeNetconf, 80, payload)).toEqual(expected);
  });
});

describe("routing policy rules", () => {
  const rule: KernelRule = {
    family: 6,
    priority: 11_400,
    mark: 0x50000,
    mask: 0xfff0000,
    table: 1_140_005,
    protocol: 114,
  };
  const ATTRIBUTES =
    "08000600 882c0000 08000a00 00000500 08001000 0000ff0f 08000f00 25651100 05001500 72000000";
  test.each<[string, RequestEncoder, string, string, string]>([
    ["a new one", encodeRule("add", rule), "20", "601", `0a000000 00000001 00000000 ${ATTRIBUTES}`],
    ["a deletion", encodeRule("delete", rule), "21", "1", `0a000000 00000001 00000000 ${ATTRIBUTES}`],
    ["a question", encodeGetRules(4), "22", "1", "02000000 00000000 00000000"],
  ])("%s", (_, encode, type, flags, payload) => {
    expect(encoded(encode)).toEqual([type, flags, spaced(payload)]);
  });
  test.each<[string, string, KernelRule | undefined]>([
    ["one as it was written", `0a000000 00000001 00000000 ${ATTRIBUTES}`, rule],
    ["one without a mark", "02000000 fe000001 00000000 08000f00 fe000000", undefined],
    ["one that leads to no table", `0a000000 00000006 00000000 ${ATTRIBUTES}`, undefined],
    ["one of another family", `80000000 00000001 00000000 ${ATTRIBUTES}`, undefined],
  ])("decodeRule() of %s", (_, payload, expected) => {
    expect(decoded(decodeRule, 32, payload)).toEqual(expected);
  });
});

describe("neighbours", () => {
  const IPV4 = "08000100 c0a84d02";
  const MAC = "0a000200 02000000 00090000";
  test("are asked for without the flag of proxied ones", () => {
    expect(encoded(encodeGetNeighbours(4))).toEqual(["1e", "1", spaced("02000000 00000000 00000000")]);
  });
  test.each<[string, string, unknown]>([
    [
      "one that answered",
      `02000000 05000000 02000001 ${IPV4} ${MAC}`,
      { link: 5, address: parseAddress("192.168.77.2"), mac: "02:00:00:00:00:09" },
    ],
    ["one that did not", `02000000 05000000 20000001 ${IPV4}`, undefined],
    ["one without an Ethernet address", `02000000 05000000 02000001 ${IPV4} 04000200`, undefined],
    ["one of a bridge", `07000000 05000000 02000001 ${MAC}`, undefined],
  ])("decodeNeighbour() of %s", (_, payload, expected) => {
    expect(decoded(decodeNeighbour, 28, payload)).toEqual(expected);
  });
});

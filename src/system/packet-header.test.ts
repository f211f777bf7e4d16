import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress, parseAddress } from "../net/index.ts";
import { decodePacketHeader } from "./packet-header.ts";
import { encodeEcho, encodeUdp } from "./packets.ts";

const FOUR = "0a010101 0a010202";
const SIX = "fd000000000000000000000000000001 fd000000000000000000000000000002";
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** Header fields as one text. */
function headerText(packet: Uint8Array): string | undefined {
  const header = decodePacketHeader(packet);
  if (header === undefined) return undefined;
  const { source, destination, protocol, sourcePort, destinationPort, icmp } = header;
  return [
    formatAddress(source),
    formatAddress(destination),
    protocol ?? "-",
    ...(sourcePort === undefined ? [] : [sourcePort]),
    ...(destinationPort === undefined ? [] : [destinationPort]),
    ...(icmp === undefined ? [] : [`icmp ${icmp.type}/${icmp.code}`]),
  ].join(" ");
}

describe("decodePacketHeader()", () => {
  const ipv4 = (protocol: string, fragment = "0000", first = "45"): string =>
    `${first}00 0054 0000 ${fragment} 40 ${protocol} 0000 ${FOUR}`;
  const ipv6 = (next: string): string => `60000000 0040 ${next} 40 ${SIX}`;
  const ends = "10.1.1.1 10.1.2.2";
  const ends6 = "fd00::1 fd00::2";

  test.each([
    ["TCP", `${ipv4("06")} 9c41 0050 00000000`, `${ends} 6 40001 80`],
    ["UDP", `${ipv4("11")} 9c41 0035`, `${ends} 17 40001 53`],
    ["SCTP", `${ipv4("84")} 9c41 0035`, `${ends} 132 40001 53`],
    ["ICMP", `${ipv4("01")} 0301`, `${ends} 1 icmp 3/1`],
    ["ICMP of the other version", `${ipv4("3a")} 0301`, `${ends} 58`],
    ["GRE", `${ipv4("2f")} 00000800`, `${ends} 47`],
    ["options", `${ipv4("11", "0000", "46")} 01010101 9c41 0035`, `${ends} 17 40001 53`],
    ["options that are cut off", `${ipv4("11", "0000", "4f")} 01010101`, `${ends} 17`],
    ["a header that is too short", `${ipv4("11", "0000", "44")} 9c41 0035`, `${ends} 17`],
    ["a first fragment", `${ipv4("11", "2000")} 9c41 0035`, `${ends} 17 40001 53`],
    ["a packet that may not be split", `${ipv4("11", "4000")} 9c41 0035`, `${ends} 17 40001 53`],
    ["a later fragment", `${ipv4("11", "2001")} 9c41 0035`, `${ends} 17`],
    ["a fragment far behind", `${ipv4("11", "1000")} 9c41 0035`, `${ends} 17`],
    ["the last fragment", `${ipv4("11", "00b9")} 9c41 0035`, `${ends} 17`],
    ["no ports", ipv4("11"), `${ends} 17`],
    ["one port", `${ipv4("11")} 9c41`, `${ends} 17 40001`],
    ["half a port", `${ipv4("11")} 9c41 00`, `${ends} 17 40001`],
    ["half an ICMP header", `${ipv4("01")} 03`, `${ends} 1`],
    ["TCP over IPv6", `${ipv6("06")} 9c41 0050`, `${ends6} 6 40001 80`],
    ["ICMPv6", `${ipv6("3a")} 8700`, `${ends6} 58 icmp 135/0`],
    ["ICMP over IPv6", `${ipv6("01")} 0800`, `${ends6} 1`],
    ["hop-by-hop options", `${ipv6("00")} 3a00 050200000000 8f00`, `${ends6} 58 icmp 143/0`],
    [
      "a chain of extension headers",
      `${ipv6("00")} 3c00 000000000000 2b01 ${"00".repeat(14)} 0600 000000000000 9c41 0050`,
      `${ends6} 6 40001 80`,
    ],
    ["an authentication header", `${ipv6("33")} 1101 ${"00".repeat(10)} 9c41 0035`, `${ends6} 17 40001 53`],
    ["an encrypted payload", `${ipv6("32")} 9c41 0035 1100`, `${ends6} 50`],
    ["nothing behind the header", `${ipv6("3b")} 9c41 0035`, `${ends6} 59`],
    ["a first fragment over IPv6", `${ipv6("2c")} 1100 0001 00000000 9c41 0035`, `${ends6} 17 40001 53`],
    ["a later fragment over IPv6", `${ipv6("2c")} 1100 0008 00000000 9c41 0035`, `${ends6} 17`],
    ["a later fragment of an extension header", `${ipv6("2c")} 3c00 0008 00000000 1100`, `${ends6} -`],
    ["half a fragment header", `${ipv6("2c")} 1100`, `${ends6} -`],
    ["an extension header that is cut off", `${ipv6("00")} 11`, `${ends6} -`],
    ["an extension header without an end", `${ipv6("00")} 1105 0000`, `${ends6} 17`],
    ["no transport over IPv6", ipv6("11"), `${ends6} 17`],
    ["no whole addresses", ipv4("11").slice(0, -2), undefined],
    ["no whole addresses of IPv6", ipv6("11").slice(0, -2), undefined],
    ["another version", ipv4("11").replace("45", "55"), undefined],
    ["nothing", "", undefined],
  ])("reads %s", (_, text, expected) => {
    expect(headerText(hex(text))).toBe(expected);
  });

  test.each([4, 6] as const)("reads what packets of IPv%i are made of", (family) => {
    const value = fc.bigInt({ min: 0n, max: family === 4 ? 2n ** 32n - 1n : 2n ** 128n - 1n });
    const party = fc.record({
      address: value.map((bits) => ({ family, value: bits })),
      port: fc.nat(65_535),
    });
    fc.assert(
      fc.property(party, party, (from, to) => {
        expect(decodePacketHeader(encodeUdp(from, to, new Uint8Array(3)))).toEqual({
          source: from.address,
          destination: to.address,
          protocol: 17,
          sourcePort: from.port,
          destinationPort: to.port,
        });
      }),
    );
  });
  test("reads an echo request", () => {
    const packet = encodeEcho(parseAddress("fd00::1"), parseAddress("fd00::2"), 7, 1);
    expect(decodePacketHeader(packet)?.icmp).toEqual({ type: 128, code: 0 });
  });

  const anything = fc.uint8Array({ maxLength: 128 });
  /** Bytes that look like a packet with extension headers for longer than chance would have it. */
  const likely = fc
    .record({
      first: fc.constantFrom(0x45, 0x46, 0x4f, 0x60),
      rest: fc.array(fc.constantFrom(0, 1, 6, 17, 43, 44, 51, 58, 60, 255), { maxLength: 127 }),
    })
    .map(({ first, rest }) => Uint8Array.of(first, ...rest));
  test("takes any bytes, and says less of fewer but nothing else", () => {
    fc.assert(
      fc.property(fc.oneof(anything, likely), fc.nat(128), (bytes, length) => {
        const whole = decodePacketHeader(bytes);
        const part = decodePacketHeader(bytes.subarray(0, length));
        if (part !== undefined) expect(whole).toMatchObject(part);
      }),
      { numRuns: 2_000 },
    );
  });
});

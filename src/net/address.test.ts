import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addToAddress,
  addressBits,
  compareAddresses,
  createAddress,
  formatAddress,
  isAddress,
  isSameAddress,
  parseAddress,
} from "./address.ts";

const V4_LAST = 2n ** 32n - 1n;
const V6_LAST = 2n ** 128n - 1n;

const ipv4 = fc.bigInt({ min: 0n, max: V4_LAST }).map((value) => createAddress(4, value));
const ipv6 = fc.bigInt({ min: 0n, max: V6_LAST }).map((value) => createAddress(6, value));
/** IPv6 addresses with many zero groups, where the text form is hard. */
const sparseIpv6 = fc
  .array(fc.constantFrom(0n, 0n, 0n, 1n, 0xffffn), { minLength: 8, maxLength: 8 })
  .map((groups) =>
    createAddress(
      6,
      groups.reduce<bigint>((value, group) => value * 0x10000n + group, 0n),
    ),
  );
const anyAddress = fc.oneof(ipv4, ipv6, sparseIpv6);

describe("parseAddress() reads", () => {
  const cases: [string, 4 | 6, bigint][] = [
    ["0.0.0.0", 4, 0n],
    ["0.0.0.1", 4, 1n],
    ["10.1.1.27", 4, 0x0a01011bn],
    ["127.0.0.1", 4, 0x7f000001n],
    ["255.255.255.255", 4, V4_LAST],
    ["::", 6, 0n],
    ["::1", 6, 1n],
    ["1::", 6, 1n << 112n],
    ["fd00::1", 6, (0xfd00n << 112n) | 1n],
    ["FD00::A", 6, (0xfd00n << 112n) | 10n],
    ["0001:0002:0003:0004:0005:0006:0007:0008", 6, 0x00010002000300040005000600070008n],
    ["1:2:3:4:5:6:7::", 6, 0x00010002000300040005000600070000n],
    ["::2:3:4:5:6:7:8", 6, 0x00000002000300040005000600070008n],
    ["1:2:3::7:8", 6, 0x00010002000300000000000000070008n],
    ["::10.1.1.27", 6, 0x0a01011bn],
    ["64:ff9b::192.0.2.33", 6, 0x0064ff9b0000000000000000c0000221n],
    ["1:2:3:4:5:6:1.2.3.4", 6, 0x00010002000300040005000601020304n],
    ["ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", 6, V6_LAST],
    ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 6, V6_LAST],
  ];
  test.each(cases)("%s", (text, family, value) => {
    expect(parseAddress(text)).toEqual({ family, value });
    expect(isAddress(text)).toBe(true);
  });
});

describe("parseAddress() refuses", () => {
  const cases: [string, string][] = [
    ["", "nothing"],
    [" ", "a space"],
    ["10", "a number"],
    ["10.1", "two octets (inet_aton would read 10.0.0.1)"],
    ["10.1.1", "three octets"],
    ["10.1.1.27.1", "five octets"],
    ["1..2.3", "an empty octet (Number would read it as 0)"],
    [".1.2.3", "an empty first octet"],
    ["1.2.3.", "an empty last octet"],
    ["...", "four empty octets"],
    ["010.0.0.1", "a leading zero (octal 8 for some)"],
    ["10.0.0.01", "a leading zero in the last octet"],
    ["00.0.0.0", "two zeros"],
    ["256.0.0.1", "an octet past 255"],
    ["1.2.3.999", "three nines"],
    ["1.2.3.4294967296", "an octet of 2^32"],
    ["0x0a.0.0.1", "a hexadecimal octet"],
    ["0x0a000001", "a hexadecimal number"],
    ["167837979", "the integer of 10.1.1.27"],
    ["1e1.0.0.1", "an exponent"],
    ["-1.2.3.4", "a sign"],
    ["+1.2.3.4", "a plus sign"],
    [" 10.1.1.27", "a space before"],
    ["10.1.1.27 ", "a space behind"],
    ["10.1. 1.27", "a space inside"],
    ["10.1.1.27\n", "a newline behind"],
    ["10.1.1.27\0", "a null character"],
    ["10.1.1.27/32", "a prefix"],
    ["10.1.1.27:80", "an address with a port"],
    ["10,1,1,27", "commas"],
    ["１０.1.1.27", "full-width digits"],
    ["١.1.1.27", "Arabic digits"],
    ["localhost", "a name"],
    ["__proto__", "a key of every object"],
    [":", "a colon"],
    [":::", "three colons"],
    ["1:2", "two groups"],
    ["1:2:3:4:5:6:7", "seven groups"],
    ["1:2:3:4:5:6:7:8:9", "nine groups"],
    ["1:2:3:4:5:6:7:8::", "eight groups and a gap"],
    ["::1:2:3:4:5:6:7:8", "a gap and eight groups"],
    ["1::2::3", "two gaps"],
    ["::1::", "two gaps at the ends"],
    [":1::2", "a single colon before"],
    ["1::2:", "a single colon behind"],
    ["1:::2", "a gap of three colons"],
    ["12345::", "five digits"],
    ["g::", "a letter past f"],
    ["0x1::", "a hexadecimal prefix"],
    ["-1::", "a sign in IPv6"],
    ["fe80::1%eth0", "a zone"],
    ["[::1]", "brackets"],
    ["::1 ", "a space behind IPv6"],
    [" ::1", "a space before IPv6"],
    ["::1/128", "an IPv6 prefix"],
    ["::1.2.3", "three octets in the tail"],
    ["::1.2.3.256", "an octet past 255 in the tail"],
    ["::01.2.3.4", "a leading zero in the tail"],
    ["1.2.3.4::", "dotted decimal before the gap"],
    ["1.2.3.4:1::", "dotted decimal as a group"],
    ["1:2:3:4:5:6:7:1.2.3.4", "seven groups and a tail"],
    ["::1.2.3.4:5", "a group behind the tail"],
    ["0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0", "far too many groups"],
  ];
  test.each(cases)("%j: %s", (text) => {
    expect(isAddress(text)).toBe(false);
    expect(() => parseAddress(text)).toThrow(new SyntaxError(`"${text}" is not an IP address`));
  });
});

describe("formatAddress() writes canonical text (RFC 5952)", () => {
  const cases: [string, string, string][] = [
    ["10.1.1.27", "10.1.1.27", "dotted decimal"],
    ["2001:0DB8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1", "4.1 no leading zeros, 4.3 lower case"],
    ["2001:db8:0:0:0:0:2:1", "2001:db8::2:1", "4.2.1 shorten as much as possible"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "4.2.2 no gap for one group"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "4.2.3 the longest run"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "4.2.3 the first of equal runs"],
    ["0:0:0:0:0:0:0:0", "::", "all zero"],
    ["0:0:0:0:0:0:0:1", "::1", "a run at the start"],
    ["1:0:0:0:0:0:0:0", "1::", "a run at the end"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::", "a run of two at the end"],
    ["0:1:2:3:4:5:6:7", "0:1:2:3:4:5:6:7", "one zero group at the start"],
    ["1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0", "one zero group at the end"],
    ["0:0:1:0:0:0:0:1", "0:0:1::1", "a shorter run first"],
    ["::ffff:0a01:011b", "::ffff:10.1.1.27", "5 IPv4-mapped"],
    ["::0a01:011b", "::a01:11b", "not IPv4-mapped"],
    ["fd00:1234:5678:1:1:1:0:b", "fd00:1234:5678:1:1:1:0:b", "an endpoint"],
  ];
  test.each(cases)("%s → %s (%s)", (text, canonical) => {
    expect(formatAddress(parseAddress(text))).toBe(canonical);
  });

  test("and parseAddress() reads it back", () => {
    fc.assert(
      fc.property(anyAddress, (address) => {
        expect(parseAddress(formatAddress(address))).toEqual(address);
      }),
      { numRuns: 2000 },
    );
  });
});

test("parseAddress() accepts what Node accepts, apart from zones", () => {
  const part = fc.constantFrom(
    "0",
    "1",
    "00",
    "01",
    "ab",
    "ffff",
    "12345",
    ":",
    "::",
    ".",
    "255",
    "256",
    "%e",
    "",
  );
  const text = fc.array(part, { maxLength: 20 }).map((parts) => parts.join(""));
  const near = fc.tuple(anyAddress, fc.nat(), part).map(([address, at, piece]) => {
    const whole = formatAddress(address);
    const cut = at % (whole.length + 1);
    return whole.slice(0, cut) + piece + whole.slice(cut);
  });
  fc.assert(
    fc.property(fc.oneof(text, near), (candidate) => {
      const known = isIPv4(candidate) || (isIPv6(candidate) && !candidate.includes("%"));
      expect(isAddress(candidate)).toBe(known);
    }),
    { numRuns: 20_000 },
  );
});

describe("the ends of the address space", () => {
  const lastIpv6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  const inside: [string, bigint, string][] = [
    ["0.0.0.0", V4_LAST, "255.255.255.255"],
    ["10.1.0.255", 1n, "10.1.1.0"],
    ["::ffff:ffff", 1n, "::1:0:0"],
    [lastIpv6, -V6_LAST, "::"],
  ];
  test.each(inside)("addToAddress(%s, %s) is %s", (address, count, outcome) => {
    expect(formatAddress(addToAddress(parseAddress(address), count))).toBe(outcome);
  });

  const past: [string, bigint, string][] = [
    ["255.255.255.255", 1n, "4294967296 is not an IPv4 address"],
    ["0.0.0.0", -1n, "-1 is not an IPv4 address"],
    ["::", -1n, "-1 is not an IPv6 address"],
    [lastIpv6, 1n, `${2n ** 128n} is not an IPv6 address`],
  ];
  test.each(past)("addToAddress(%s, %s) throws: %s", (address, count, message) => {
    expect(() => addToAddress(parseAddress(address), count)).toThrow(new RangeError(message));
  });

  test.each([
    [4, V4_LAST + 1n],
    [4, -1n],
    [6, V6_LAST + 1n],
    [6, -1n],
  ] as const)("createAddress(%i, %s) throws RangeError", (family, value) => {
    expect(() => createAddress(family, value)).toThrow(RangeError);
  });

  test("addressBits() is 32 or 128", () => {
    expect([addressBits(4), addressBits(6)]).toEqual([32, 128]);
  });
});

describe("order", () => {
  test("IPv4 stands before IPv6, then by value", () => {
    const texts = ["::1", "10.0.0.1", "9.255.255.255", "::", "255.255.255.255"];
    expect(texts.map(parseAddress).toSorted(compareAddresses).map(formatAddress)).toEqual([
      "9.255.255.255",
      "10.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
    ]);
  });

  test("0.0.0.0 and :: are two addresses", () => {
    expect(isSameAddress(parseAddress("0.0.0.0"), parseAddress("::"))).toBe(false);
    expect(isSameAddress(parseAddress("::0"), parseAddress("::"))).toBe(true);
  });

  test("compareAddresses() is 0 exactly for the same address", () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(compareAddresses(a, b) === 0).toBe(isSameAddress(a, b));
        expect(Math.sign(compareAddresses(a, b)) + Math.sign(compareAddresses(b, a))).toBe(0);
        expect(compareAddresses(a, a)).toBe(0);
      }),
    );
  });
});

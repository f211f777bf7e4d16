import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addressBits, createAddress, formatAddress, parseAddress } from "./address.ts";
import {
  addressPrefix,
  comparePrefixes,
  firstAddress,
  formatPrefix,
  lastAddress,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixContainsPrefix,
  prefixesOverlap,
  prefixMask,
  prefixOf,
  prefixSize,
} from "./prefix.ts";

const anyPrefix: fc.Arbitrary<Prefix> = fc
  .constantFrom(4 as const, 6 as const)
  .chain((family) =>
    fc
      .tuple(
        fc.bigInt({ min: 0n, max: 2n ** BigInt(addressBits(family)) - 1n }),
        fc.nat({ max: addressBits(family) }),
      )
      .map(([value, length]) => prefixOf(createAddress(family, value), length)),
  );
/** Prefixes of the last 3 bits of one /29, so that many overlap and touch. */
const nearPrefix = fc
  .tuple(fc.nat({ max: 7 }), fc.integer({ min: 29, max: 32 }))
  .map(([value, length]) => prefixOf(createAddress(4, 0x0a000000n + BigInt(value)), length));

describe("parsePrefix() reads", () => {
  const cases: [string, string][] = [
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["10.1.1.27/32", "10.1.1.27/32"],
    ["::/0", "::/0"],
    ["FD00:1234:5678::/48", "fd00:1234:5678::/48"],
    ["::ffff:0.0.0.0/96", "::ffff:0.0.0.0/96"],
    ["fd00:0:0:0::1/128", "fd00::1/128"],
  ];
  test.each(cases)("%s", (text, canonical) => {
    expect(formatPrefix(parsePrefix(text))).toBe(canonical);
  });
});

describe("parsePrefix() refuses", () => {
  const cases: [string, string][] = [
    ["", '"" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0", '"10.0.0.0" is not a prefix such as 10.0.0.0/8'],
    ["/8", '"/8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/", '"10.0.0.0/" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/08", '"10.0.0.0/08" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/+8", '"10.0.0.0/+8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/-8", '"10.0.0.0/-8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/8.0", '"10.0.0.0/8.0" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/0x8", '"10.0.0.0/0x8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/8/8", '"10.0.0.0/8/8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/8 ", '"10.0.0.0/8 " is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/ 8", '"10.0.0.0/ 8" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/255.0.0.0", '"10.0.0.0/255.0.0.0" is not a prefix such as 10.0.0.0/8'],
    ["10.0.0.0/33", '"10.0.0.0/33" is longer than the 32 bits of IPv4'],
    ["fd00::/129", '"fd00::/129" is longer than the 128 bits of IPv6'],
    ["10.0.0/8", '"10.0.0" is not an IP address'],
    ["10/8", '"10" is not an IP address'],
    ["fe80::%eth0/64", '"fe80::%eth0" is not an IP address'],
    ["10.1.0.0/8", '"10.1.0.0/8" has bits set behind its length; did you mean 10.0.0.0/8?'],
    ["fd00::1/64", '"fd00::1/64" has bits set behind its length; did you mean fd00::/64?'],
    ["0.0.0.1/0", '"0.0.0.1/0" has bits set behind its length; did you mean 0.0.0.0/0?'],
  ];
  test.each(cases)("%j", (text, message) => {
    expect(() => parsePrefix(text)).toThrow(new SyntaxError(message));
  });
});

test("formatPrefix() and parsePrefix() are inverses", () => {
  fc.assert(
    fc.property(anyPrefix, (prefix) => {
      expect(parsePrefix(formatPrefix(prefix))).toEqual(prefix);
    }),
    { numRuns: 1000 },
  );
});

describe("prefixMask()", () => {
  const cases: [4 | 6, number, string][] = [
    [4, 0, "0.0.0.0"],
    [4, 1, "128.0.0.0"],
    [4, 8, "255.0.0.0"],
    [4, 28, "255.255.255.240"],
    [4, 32, "255.255.255.255"],
    [6, 0, "::"],
    [6, 48, "ffff:ffff:ffff::"],
    [6, 65, "ffff:ffff:ffff:ffff:8000::"],
    [6, 128, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ];
  test.each(cases)("of IPv%i /%i is %s", (family, length, text) => {
    expect(formatAddress(createAddress(family, prefixMask(family, length)))).toBe(text);
  });

  test.each([
    [4, 33],
    [4, -1],
    [4, 1.5],
    [4, Number.NaN],
    [6, 129],
    [6, -1],
  ] as const)("of IPv%i /%f throws RangeError", (family, length) => {
    const message = `/${length} is not a prefix length of IPv${family}`;
    expect(() => prefixMask(family, length)).toThrow(new RangeError(message));
    expect(() => prefixOf(createAddress(family, 0n), length)).toThrow(new RangeError(message));
  });
});

describe("first and last address and size", () => {
  const cases: [string, string, string, bigint][] = [
    ["10.1.1.16/28", "10.1.1.16", "10.1.1.31", 16n],
    ["0.0.0.0/0", "0.0.0.0", "255.255.255.255", 2n ** 32n],
    ["255.255.255.255/32", "255.255.255.255", "255.255.255.255", 1n],
    ["::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2n ** 128n],
    ["fd00::/64", "fd00::", "fd00::ffff:ffff:ffff:ffff", 2n ** 64n],
  ];
  test.each(cases)("%s", (text, first, last, size) => {
    const prefix = parsePrefix(text);
    expect(formatAddress(firstAddress(prefix))).toBe(first);
    expect(formatAddress(lastAddress(prefix))).toBe(last);
    expect(prefixSize(prefix)).toBe(size);
  });
});

describe("prefixContains()", () => {
  const cases: [string, string, boolean][] = [
    ["10.1.1.16/28", "10.1.1.27", true],
    ["10.1.1.16/28", "10.1.1.16", true],
    ["10.1.1.16/28", "10.1.1.31", true],
    ["10.1.1.16/28", "10.1.1.15", false],
    ["10.1.1.16/28", "10.1.1.32", false],
    ["0.0.0.0/0", "255.255.255.255", true],
    ["0.0.0.0/0", "::", false],
    ["::/0", "10.0.0.1", false],
    ["::/0", "::1", true],
  ];
  test.each(cases)("%s %s %s", (prefix, address, outcome) => {
    expect(prefixContains(parsePrefix(prefix), parseAddress(address))).toBe(outcome);
  });
});

describe("prefixContainsPrefix() and prefixesOverlap()", () => {
  const cases: [string, string, boolean, boolean][] = [
    ["10.0.0.0/8", "10.1.0.0/16", true, true],
    ["10.1.0.0/16", "10.0.0.0/8", false, true],
    ["10.1.0.0/16", "10.1.0.0/16", true, true],
    ["10.1.0.0/16", "10.2.0.0/16", false, false],
    ["0.0.0.0/0", "::/0", false, false],
  ];
  test.each(cases)("%s %s", (a, b, contains, overlap) => {
    expect(prefixContainsPrefix(parsePrefix(a), parsePrefix(b))).toBe(contains);
    expect(prefixesOverlap(parsePrefix(a), parsePrefix(b))).toBe(overlap);
  });

  test("agree with looking at every address", () => {
    const addresses = (prefix: Prefix): bigint[] =>
      Array.from({ length: Number(prefixSize(prefix)) }, (_, index) => prefix.value + BigInt(index));
    fc.assert(
      fc.property(nearPrefix, nearPrefix, (a, b) => {
        const inA = new Set(addresses(a));
        expect(prefixContainsPrefix(a, b)).toBe(addresses(b).every((value) => inA.has(value)));
        expect(prefixesOverlap(a, b)).toBe(addresses(b).some((value) => inA.has(value)));
      }),
      { numRuns: 500 },
    );
  });
});

test("addressPrefix() has full length", () => {
  expect(formatPrefix(addressPrefix(parseAddress("10.1.1.27")))).toBe("10.1.1.27/32");
  expect(formatPrefix(addressPrefix(parseAddress("fd00::1")))).toBe("fd00::1/128");
});

test("comparePrefixes() orders by family, first address, then shorter first", () => {
  const texts = ["::/0", "10.1.0.0/24", "10.1.0.0/16", "10.0.0.0/8", "9.0.0.0/32"];
  expect(texts.map(parsePrefix).toSorted(comparePrefixes).map(formatPrefix)).toEqual([
    "9.0.0.0/32",
    "10.0.0.0/8",
    "10.1.0.0/16",
    "10.1.0.0/24",
    "::/0",
  ]);
});

import { describe, expect, test } from "vitest";
import type { RuleEntry } from "../rules/index.ts";
import { combine, fieldsOf, typesOf, wideFields } from "./shape.ts";
import type { Side } from "./sides.ts";

const ANY: Side = { class: "address", form: "none", mask: 0n, first: 0n, last: 0n };
const ONE: Side = { class: "identity", form: "masked", mask: 0xffn, first: 7n, last: 7n };
const SOME: Side = { class: "address", form: "range", mask: 0n, first: 16n, last: 31n };

describe("combine()", () => {
  test.each<[string, Side, Side, RuleEntry["traffic"], string[], string]>([
    ["everything", ANY, ANY, {}, ["2-2"], "nf_proto"],
    ["a side", ONE, ANY, {}, ["7-7"], "ipv4_addr"],
    ["two sides", ONE, ONE, {}, ["7-7", "7-7"], "ipv4_addr ipv4_addr"],
    ["a protocol", ONE, ANY, { protocol: 6 }, ["6-6", "7-7"], "inet_proto ipv4_addr"],
    [
      "a port",
      ONE,
      ANY,
      { protocol: 6, ports: { first: 80, last: 80 } },
      ["6-6", "80-80", "7-7"],
      "inet_proto inet_service ipv4_addr",
    ],
    [
      "ports",
      ANY,
      ANY,
      { protocol: 17, ports: { first: 80, last: 90 } },
      ["17-17", "80-90"],
      "inet_proto inet_service ranges",
    ],
    ["a prefix", ONE, SOME, {}, ["0-255", "7-7", "16-31"], "inet_proto ipv4_addr ipv4_addr ranges"],
    [
      "a prefix and a protocol",
      SOME,
      ONE,
      { protocol: 132 },
      ["132-132", "16-31", "7-7"],
      "inet_proto ipv4_addr ipv4_addr ranges",
    ],
    [
      "a type of ICMP",
      ANY,
      ANY,
      { protocol: 1, icmp: { type: 8 } },
      ["8-8", "0-255"],
      "icmp_type icmp_code ranges",
    ],
    [
      "a code of ICMP",
      ANY,
      ANY,
      { protocol: 1, icmp: { type: 3, code: 0 } },
      ["3-3", "0-0"],
      "icmp_type icmp_code ranges",
    ],
  ])("%s", (_, subject, peer, traffic, ranges, types) => {
    const combination = combine(4, subject, peer, traffic);
    if (combination === undefined) throw new Error("nothing");
    const { shape } = combination;
    expect(combination.ranges.map(([first, last]) => `${first}-${last}`)).toEqual(ranges);
    expect([...typesOf(shape), ...(shape.hasRanges ? ["ranges"] : [])].join(" ")).toBe(types);
    expect(fieldsOf(shape, "source")).toHaveLength(ranges.length);
  });

  test("a family has no ICMP of the other one", () => {
    expect(combine(4, ANY, ANY, { protocol: 58 })).toBeUndefined();
    expect(combine(6, ANY, ANY, { protocol: 1, icmp: { type: 8 } })).toBeUndefined();
  });
});

describe("wideFields()", () => {
  test.each<[string, Side, Side, RuleEntry["traffic"], number[]]>([
    ["exact keys", ONE, ONE, { protocol: 6 }, []],
    ["a prefix with any protocol", ONE, SOME, {}, [0, 2]],
    ["two prefixes with a port", SOME, SOME, { protocol: 6, ports: { first: 1, last: 1 } }, [1, 2, 3]],
    ["ports", ONE, ANY, { protocol: 6, ports: { first: 1, last: 2 } }, [1]],
  ])("%s", (_, subject, peer, traffic, expected) => {
    const combination = combine(4, subject, peer, traffic);
    expect(combination && wideFields(combination.shape)).toEqual(expected);
  });
});

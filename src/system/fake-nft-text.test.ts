import { describe, expect, test } from "vitest";
import { type NftCommand, NftSyntaxError, parseNftText } from "./fake-nft-text.ts";

describe("parseNftText()", () => {
  test.each<[string, readonly NftCommand[]]>([
    ["", []],
    ["# nothing\n\n  # at all\n", []],
    ["add table inet t", [{ verb: "add", noun: "table", table: "t", objects: [] }]],
    [
      "create table inet t; delete table inet t;",
      [
        { verb: "create", noun: "table", table: "t", objects: [] },
        { verb: "delete", noun: "table", table: "t" },
      ],
    ],
    [
      "flush table inet t\nflush ruleset",
      [
        { verb: "flush", noun: "table", table: "t" },
        { verb: "flush", noun: "ruleset" },
      ],
    ],
    ["table inet t {\n}", [{ verb: "add", noun: "table", table: "t", objects: [] }]],
    [
      'table inet t {\n  set s {\n    type ifname; comment "a { b; c"\n    elements = {\n      "a",\n      "b",\n    }\n  }\n}',
      [
        {
          verb: "add",
          noun: "table",
          table: "t",
          objects: [
            {
              kind: "set",
              name: "s",
              lines: ["type ifname", 'comment "a { b; c"'],
              elements: ['"a"', '"b"'],
            },
          ],
        },
      ],
    ],
    [
      "table inet t {\n  chain c {\n    type filter hook input priority 0; policy drop;\n    tcp dport { 22,\n 80 } accept\n  }\n}",
      [
        {
          verb: "add",
          noun: "table",
          table: "t",
          objects: [
            {
              kind: "chain",
              name: "c",
              elements: [],
              lines: ["type filter hook input priority 0", "policy drop", "tcp dport { 22, 80 } accept"],
            },
          ],
        },
      ],
    ],
    [
      "add chain inet t c",
      [
        {
          verb: "add",
          noun: "object",
          table: "t",
          object: { kind: "chain", name: "c", lines: [], elements: [] },
        },
      ],
    ],
    [
      "add set inet t s { type ipv4_addr; }",
      [
        {
          verb: "add",
          noun: "object",
          table: "t",
          object: { kind: "set", name: "s", lines: ["type ipv4_addr"], elements: [] },
        },
      ],
    ],
    [
      "delete chain inet t c\nflush set inet t s",
      [
        { verb: "delete", noun: "object", table: "t", kind: "chain", name: "c" },
        { verb: "flush", noun: "object", table: "t", kind: "set", name: "s" },
      ],
    ],
    [
      "add rule inet t c ip saddr 10.0.0.1 accept",
      [{ verb: "add", noun: "rule", table: "t", chain: "c", rule: "ip saddr 10.0.0.1 accept" }],
    ],
    [
      "delete element inet t s { 1 . 10.0.0.1, 2 . 10.0.0.2 }",
      [{ verb: "delete", noun: "element", table: "t", set: "s", elements: ["1 . 10.0.0.1", "2 . 10.0.0.2"] }],
    ],
  ])("reads %j", (text, expected) => {
    expect(parseNftText(text)).toEqual(expected);
  });
  test.each([
    ["foo bar", 1],
    ["add table inet t\n\nfoo bar", 3],
    ["destroy table inet t", 1],
    ["add rule inet t c", 1],
    ["add table inet t\ntable inet t {\n  chain c {\n", 4],
    ['add table inet "t', 1],
  ])("refuses %j with the line", (text, line) => {
    expect(() => parseNftText(text)).toThrow(NftSyntaxError);
    expect(() => parseNftText(text)).toThrow(`line ${line}: syntax error`);
  });
});

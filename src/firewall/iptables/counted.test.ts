import { describe, expect, test } from "vitest";
import { canonicalSets, readCountedChains, readCountedSets } from "./counted.ts";
import type { CountedRules } from "./input.ts";

const [A, B] = [
  { policy: "a", rule: 0 },
  { policy: "b", rule: -1 },
];

const COUNTED: CountedRules = {
  sets: new Map([
    ["CN0", new Map([["10.1.0.0/16", A]])],
    [
      "CP1",
      new Map([
        ["10.1.2.3,tcp:80", B],
        ["::c000:201,udp:53", A],
      ]),
    ],
  ]),
  chains: new Map([["ROMANA-INGRESS-STD", [A, undefined, B]]]),
};

function chains(...rules: readonly string[]): string {
  return [
    "*raw",
    "[7:70] -A ROMANA-INGRESS-STD -j RETURN",
    "COMMIT",
    "*filter",
    ":ROMANA-INGRESS-STD - [0:0]",
    "[9:90] -A ROMANA-OTHER -j RETURN",
    ...rules.map((rule) => rule.replace("-A", "-A ROMANA-INGRESS-STD")),
    "COMMIT",
    "",
  ].join("\n");
}

describe("readCountedChains()", () => {
  test.each([
    ["rules that counted", ["[3:180] -A -j X", "[5:300] -A -j Y", "[1:60] -A -g Z"], [3, 1]],
    ["a rule that counted nothing", ["[0:0] -A -j X", "[5:300] -A -j Y", "[1:60] -A -g Z"], [1]],
    ["a listing without counters", ["-A -j X", "-A -j Y", "-A -g Z"], []],
    [
      "a chain with another rule",
      ["[3:180] -A -j X", "[3:180] -A -j X", "[5:300] -A -j Y", "[1:60] -A -g Z"],
      [],
    ],
    ["an empty chain", [], []],
  ])("%s", (_, rules, packets) => {
    expect(readCountedChains(chains(...rules), COUNTED).map((tally) => tally.packets)).toEqual(packets);
  });

  test("says for whom and where", () => {
    expect(readCountedChains(chains("[0:0] -A -j X", "[5:300] -A -j Y", "[1:60] -A -g Z"), COUNTED)).toEqual([
      { place: "ROMANA-INGRESS-STD 2", by: B, packets: 1, bytes: 60 },
    ]);
  });
});

describe("readCountedSets()", () => {
  test.each([
    ["an element", "add ROMANA-A4CN0 10.1.0.0/16 packets 3 bytes 180", [3]],
    ["an element that counted nothing", "add ROMANA-A4CN0 10.1.0.0/16 packets 0 bytes 0", []],
    ["an element with a port", "add ROMANA-A4CP1 10.1.2.3,tcp:80 packets 3 bytes 180", [3]],
    ["an element as ipset writes it", "add ROMANA-A4CP1 ::192.0.2.1,udp:53 packets 3 bytes 180", [3]],
    ["somebody else's element", "add ROMANA-A4CN0 10.2.0.0/16 packets 3 bytes 180", []],
    ["a set of the other generation", "add ROMANA-B4CN0 10.1.0.0/16 packets 3 bytes 180", []],
    ["a set of the other family", "add ROMANA-A6CN0 10.1.0.0/16 packets 3 bytes 180", []],
    ["a set that does not count", "add ROMANA-A4N0 10.1.0.0/16", []],
  ])("%s", (_, line, packets) => {
    const tallies = readCountedSets(`create X hash:net\n${line}\n`, COUNTED, 4, "A");
    expect(tallies.map((tally) => tally.packets)).toEqual(packets);
  });
});

describe("canonicalSets()", () => {
  const MADE = [
    "create ROMANA-A6CN0 hash:net family inet6 maxelem 1048576 counters -exist",
    "flush ROMANA-A6CN0",
    "add ROMANA-A6CN0 2001:db8::/32",
    "add ROMANA-A6CN0 ::c000:200/120",
    "create ROMANA-B6N0 hash:net family inet6 maxelem 1048576 -exist",
  ];
  const SAVED = [
    "create ROMANA-A6CN0 hash:net family inet6 hashsize 1024 maxelem 1048576 counters bucketsize 12 initval 0x1",
    "add ROMANA-A6CN0 ::192.0.2.0/120 packets 1 bytes 60",
    "add ROMANA-A6CN0 2001:db8::/32 packets 0 bytes 0",
  ];
  const names = new Set(["ROMANA-A6CN0"]);
  const text = (lines: readonly string[]): string => canonicalSets(lines.join("\n"), names);

  test("is the same of what is to be made and what was made", () => {
    expect(text(SAVED)).toBe(text(MADE));
  });

  test.each([
    ["an element less", SAVED.slice(0, 2)],
    ["an element more", [...SAVED, "add ROMANA-A6CN0 2001:db9::/32 packets 0 bytes 0"]],
    ["another type", [SAVED[0]?.replace("hash:net", "hash:ip") ?? "", ...SAVED.slice(1)]],
    ["no set", []],
  ])("differs with %s", (_, lines) => {
    expect(text(lines)).not.toBe(text(MADE));
  });
});

import { describe, expect, test } from "vitest";
import { parsePrefix } from "../../net/index.ts";
import { type Clause, clauseRules } from "./clause.ts";
import { type Pattern, prefixPattern } from "./pattern.ts";
import { SetBook } from "./set-book.ts";
import { trafficText } from "./traffic.ts";

const GAPPED: Pattern = { family: 4, value: 0x0a000110n, mask: 0xff00fff0n };
const HTTP = { protocol: 6, ports: { first: 80, last: 80 } };
const WIDE = { protocol: 6, ports: { first: 1000, last: 2000 } };

function clause(
  subject: string | undefined,
  peer: string | Pattern | undefined,
  traffic: Parameters<typeof trafficText>[0] = {},
): Clause {
  const pattern = (text: string): Pattern => prefixPattern(parsePrefix(text));
  return {
    subject: subject === undefined ? undefined : pattern(subject),
    peer: typeof peer === "string" ? pattern(peer) : peer,
    traffic: trafficText(traffic, 4) ?? { words: "" },
    extra: "",
  };
}

/** Rules and the elements of sets, in their order. */
function shown(direction: "ingress" | "egress", clauses: readonly Clause[]): readonly string[] {
  const sets = new SetBook(4, "A");
  const rules = clauseRules(sets, direction, clauses);
  const added = sets.text().match(/(?<=^add ROMANA-)A4.*/gm) ?? [];
  return [...rules.map(({ text }) => text), ...added];
}

test("a rule without a set counts for its first clause, one with a set lets elements count", () => {
  const sets = new SetBook(4, "A");
  const by = (policy: string, one: Clause): Clause => ({ ...one, by: { policy, rule: 1 } });
  const clauses = [
    by("a", clause("10.1.2.0/24", GAPPED)),
    by("b", clause("10.1.2.0/24", GAPPED)),
    by("c", clause("10.1.2.0/24", undefined)),
    by("d", clause("10.1.3.0/24", undefined)),
  ];
  expect(clauseRules(sets, "ingress", clauses)).toEqual([
    { text: "-d 10.1.2.0/24 -s 10.0.1.16/255.0.255.240", by: { policy: "a", rule: 1 } },
    { text: "-m set --match-set ROMANA-A4CN0 dst" },
  ]);
  expect(sets.counted).toEqual(
    new Map([
      [
        "CN0",
        new Map([
          ["10.1.2.0/24", { policy: "c", rule: 1 }],
          ["10.1.3.0/24", { policy: "d", rule: 1 }],
        ]),
      ],
    ]),
  );
});

test("sets are shared by those who count for the same rules", () => {
  const sets = new SetBook(4, "A");
  const by = (rule: number) => new Map([["10.1.2.0/24", { policy: "a", rule }]]);
  const names = [undefined, by(0), by(1), by(0), undefined].map((rules) =>
    sets.nameOf("hash:net", ["10.1.2.0/24"], rules),
  );
  expect(names).toEqual(["ROMANA-A4N0", "ROMANA-A4CN1", "ROMANA-A4CN2", "ROMANA-A4CN1", "ROMANA-A4N0"]);
  expect(sets.text().match(/^create .*/gm)).toEqual([
    "create ROMANA-A4N0 hash:net family inet maxelem 1048576 -exist",
    "create ROMANA-A4CN1 hash:net family inet maxelem 1048576 counters -exist",
    "create ROMANA-A4CN2 hash:net family inet maxelem 1048576 counters -exist",
  ]);
});

describe("clauseRules()", () => {
  test.each<[string, "ingress" | "egress", readonly Clause[], readonly string[]]>([
    ["nothing", "ingress", [], []],
    ["everything", "ingress", [clause(undefined, undefined)], [""]],
    [
      "one clause is in the rule itself, masks with gaps too",
      "ingress",
      [clause("10.1.2.0/24", GAPPED, HTTP)],
      ["-d 10.1.2.0/24 -s 10.0.1.16/255.0.255.240 -p tcp -m tcp --dport 80"],
    ],
    [
      "in egress the subject is the source",
      "egress",
      [clause("10.1.2.0/24", "192.0.2.1/32", WIDE)],
      ["-s 10.1.2.0/24 -d 192.0.2.1 -p tcp -m tcp --dport 1000:2000"],
    ],
    [
      "subjects and ports of one peer are a set",
      "ingress",
      [clause("10.1.2.0/24", GAPPED, HTTP), clause("10.1.3.0/24", GAPPED, { ...HTTP, protocol: 17 })],
      [
        "-s 10.0.1.16/255.0.255.240 -m set --match-set ROMANA-A4P0 dst,dst",
        "A4P0 10.1.2.0/24,tcp:80",
        "A4P0 10.1.3.0/24,udp:80",
      ],
    ],
    [
      "wide ranges stay in the rule",
      "egress",
      [clause("10.1.2.0/24", GAPPED, WIDE), clause("10.1.3.0/24", GAPPED, WIDE)],
      [
        "-d 10.0.1.16/255.0.255.240 -p tcp -m tcp --dport 1000:2000 -m set --match-set ROMANA-A4N0 src",
        "A4N0 10.1.2.0/24",
        "A4N0 10.1.3.0/24",
      ],
    ],
    [
      "many peers of one subject are a set when they are prefixes",
      "ingress",
      [clause("10.1.2.0/24", "192.0.2.0/24", HTTP), clause("10.1.2.0/24", "198.51.100.0/24", HTTP)],
      [
        "-d 10.1.2.0/24 -m set --match-set ROMANA-A4P0 src,dst",
        "A4P0 192.0.2.0/24,tcp:80",
        "A4P0 198.51.100.0/24,tcp:80",
      ],
    ],
    [
      "a subject that is everybody is in no set",
      "ingress",
      [clause(undefined, GAPPED, HTTP), clause("10.1.2.0/24", GAPPED, HTTP)],
      [
        "-s 10.0.1.16/255.0.255.240 -p tcp -m tcp --dport 80",
        "-d 10.1.2.0/24 -s 10.0.1.16/255.0.255.240 -p tcp -m tcp --dport 80",
      ],
    ],
    [
      "the same twice is one rule",
      "ingress",
      [clause("10.1.2.0/24", GAPPED), clause("10.1.2.0/24", GAPPED)],
      ["-d 10.1.2.0/24 -s 10.0.1.16/255.0.255.240"],
    ],
  ])("%s", (_, direction, clauses, expected) => {
    expect(shown(direction, clauses)).toEqual(expected);
  });
});

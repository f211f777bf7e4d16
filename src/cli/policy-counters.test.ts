import { describe, expect, test } from "vitest";
import type { Screen } from "./format.ts";
import {
  coverageText,
  dropsText,
  hostCountersText,
  ruleCountersText,
  sumOfRules,
} from "./policy-counters.ts";

const SCREEN: Screen = { wide: false, columns: 100, unicode: true, paint: (_, text) => text };
const RULES = [
  { packets: 3, bytes: 180 },
  { rule: 0, packets: 12, bytes: 720 },
];

describe("what rules have decided", () => {
  test("of a policy, the isolation first", () => {
    expect(ruleCountersText(SCREEN, { policy: "p", rules: RULES }).split("\n")).toEqual([
      "RULE       PACKETS  BYTES",
      "isolation        3    180",
      "rules[0]        12    720",
    ]);
    expect(ruleCountersText(SCREEN, { policy: "p", rules: [] })).toBe("No rule has decided anything yet");
  });
  test("on a host, by policy", () => {
    const rows = RULES.map((rule, index) => ({ policy: `p${index}`, ...rule }));
    expect(hostCountersText(SCREEN, rows).split("\n")).toEqual([
      "POLICY  RULE       PACKETS  BYTES",
      "p0      isolation        3    180",
      "p1      rules[0]        12    720",
    ]);
  });
  test("as sums", () => {
    expect(sumOfRules({ policy: "p", rules: RULES })).toEqual({ packets: 15, bytes: 900 });
    expect(sumOfRules(undefined)).toEqual({ packets: 0, bytes: 0 });
  });
});

test.each([
  [[], "Dropped packets: none"],
  [
    [
      { reason: "denied", packets: 2, bytes: 1 },
      { reason: "to-host", packets: 1, bytes: 1 },
    ],
    "Dropped packets: 2 denied, 1 to-host",
  ],
])("dropped packets %j", (drops, words) => {
  expect(dropsText(drops)).toBe(words);
});

test.each([
  [{ hosts: 1, omitted: 0 }, "First packets of connections, as 1 host reported them"],
  [
    { hosts: 3, omitted: 2 },
    "First packets of connections, as 3 hosts reported them; 2 rules left out by hosts with very many",
  ],
])("coverage %j", (counters, words) => {
  expect(coverageText(counters)).toBe(words);
});

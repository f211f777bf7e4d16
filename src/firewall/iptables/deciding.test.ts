import { describe, expect, test } from "vitest";
import { parsePrefix } from "../../net/index.ts";
import { type AskedElement, decidingRules } from "./deciding.ts";

function asked(net: string, policy: string | undefined, port?: string): AskedElement {
  return {
    net: parsePrefix(net),
    ...(port !== undefined && { port }),
    ...(policy !== undefined && { by: { policy, rule: 0 } }),
  };
}

describe("decidingRules()", () => {
  test.each<[string, readonly AskedElement[], Readonly<Record<string, string>>]>([
    ["nothing", [], {}],
    ["an element that nobody asks to be counted", [asked("10.0.0.0/8", undefined)], {}],
    [
      "the first of those that say the same",
      [asked("10.0.0.0/8", "a"), asked("10.0.0.0/8", "b")],
      { "10.0.0.0/8": "a" },
    ],
    [
      "a wide prefix that comes first decides for those in it",
      [
        asked("10.0.0.0/8", "wide"),
        asked("10.1.0.0/16", "in"),
        asked("10.1.2.3/32", "in"),
        asked("11.0.0.0/16", "out"),
      ],
      { "10.0.0.0/8": "wide", "10.1.0.0/16": "wide", "10.1.2.3": "wide", "11.0.0.0/16": "out" },
    ],
    [
      "a narrow prefix that comes first decides for itself only",
      [asked("10.1.0.0/16", "in"), asked("10.0.0.0/8", "wide"), asked("10.1.2.3/32", "late")],
      { "10.0.0.0/8": "wide", "10.1.0.0/16": "in", "10.1.2.3": "in" },
    ],
    [
      "other ports are others' affair",
      [
        asked("10.0.0.0/8", "a", "tcp:80"),
        asked("10.1.0.0/16", "b", "tcp:80"),
        asked("10.1.0.0/16", "c", "udp:80"),
      ],
      { "10.0.0.0/8,tcp:80": "a", "10.1.0.0/16,tcp:80": "a", "10.1.0.0/16,udp:80": "c" },
    ],
    [
      "IPv6",
      [asked("2001:db8::/32", "wide"), asked("2001:db8::1/128", "in")],
      { "2001:db8::/32": "wide", "2001:db8::1": "wide" },
    ],
  ])("%s", (_, elements, expected) => {
    const deciding = [...decidingRules(elements)].map(([element, { policy }]) => [element, policy]);
    expect(Object.fromEntries(deciding)).toEqual(expected);
  });
});

import { describe, expect, test } from "vitest";
import type { Cell, PingReport } from "../lab/index.ts";
import { parseAddress } from "../net/index.ts";
import type { Screen } from "./format.ts";
import { encodeMatrix, markOf, renderMatrix } from "./matrix.ts";

const SCREEN: Screen = { wide: false, columns: 80, unicode: true, paint: (_, text) => text };

type Result = Cell["results"][number];

const STATION = { name: "s", namespace: "/run/netns/s", serves: true };

/** Results written short: `t4 accept answered`. */
function results(...texts: string[]): Result[] {
  return texts.map((text) => {
    const [kind = "", verdict, observed] = text.split(" ");
    const isOpen = verdict === "accept";
    return {
      cell: { from: "a", to: "b" },
      from: STATION,
      to: STATION,
      protocol: ({ t: "tcp", u: "udp", i: "icmp" } as const)[kind[0] as "t"],
      address: parseAddress(kind[1] === "4" ? "10.1.1.17" : "fd00::1"),
      expected: isOpen
        ? { verdict: "accept", reason: "same-segment" }
        : { verdict: "drop", reason: "isolation" },
      observed: observed as Result["observed"],
      elapsed: 1.25,
      isAsExpected: isOpen ? observed === "answered" : ["silent", "unreachable"].includes(observed ?? ""),
    };
  });
}

function cell(from: string, to: string, ...texts: string[]): Cell {
  const own = results(...texts);
  return { from, to, results: own, isAsExpected: own.every(({ isAsExpected }) => isAsExpected) };
}

describe("markOf()", () => {
  test.each<[string, string[]]>([
    [".", ["t4 accept answered", "t6 accept answered"]],
    [".:t4,t6", ["t4 accept answered", "t6 accept answered", "u4 drop silent"]],
    ["X", ["t4 drop silent", "u6 drop unreachable"]],
    ["OPEN", ["t4 accept answered", "u4 drop answered"]],
    ["OPEN", ["t4 drop answered", "u4 drop refused"]],
    ["OPEN:i6", ["t4 drop silent", "i6 drop answered"]],
    ["LOST", ["t4 accept silent", "i4 accept silent"]],
    ["LOST:t4,u6", ["t4 accept refused", "u6 accept silent", "i4 accept answered"]],
  ])("%s", (mark, texts) => {
    expect(markOf(cell("a", "b", ...texts))).toBe(mark);
  });
});

const GOOD: PingReport = {
  lab: "demo",
  port: 80,
  hosts: ["h1"],
  endpoints: [
    { name: "web", host: "h1" },
    { name: "db", host: "h1" },
  ],
  cells: [
    cell("h1", "web", "t4 accept answered"),
    cell("h1", "db", "t4 accept answered"),
    cell("web", "db", "t4 drop silent", "i6 drop silent"),
    cell("db", "web", "t4 accept answered"),
    cell("web", "h1", "i4 accept answered"),
    cell("db", "h1", "i4 accept answered"),
  ],
  missing: [],
  probes: 7,
  elapsed: 1234,
  isAsExpected: true,
};

const LEGEND = [
  "",
  ". reached, .:t4 only by this, X not reached: all as expected",
  "OPEN reached but should not be, LOST not reached but should be (t, u, i = TCP, UDP, ICMP; 4, 6 = IPv4, IPv6)",
];

test("renderMatrix() has a row per sender and a column per endpoint", () => {
  expect(renderMatrix(SCREEN, GOOD)).toBe(
    [
      "#  FROM  ON  1  2  GATEWAY",
      "   h1        .  .  -",
      "1  web   h1  -  X  .",
      "2  db    h1  .  -  .",
      ...LEGEND,
      "6 of 6 cells as expected, 7 probes (TCP and UDP port 80) in 1.2 s",
    ].join("\n"),
  );
});

test("renderMatrix() is loud about what is not as expected", () => {
  const cells = [
    ...GOOD.cells.slice(0, 2),
    cell("web", "db", "t4 drop answered", "i6 drop silent"),
    cell("db", "web", "t4 accept silent"),
  ];
  const report: PingReport = { ...GOOD, cells, missing: ["cache"], isAsExpected: false };
  expect(
    renderMatrix({ ...SCREEN, paint: (tone, text) => (tone === "bad" ? `!${text}!` : text) }, report),
  ).toBe(
    [
      "#  FROM  ON  1       2          GATEWAY",
      "   h1        .       .          -",
      "1  web   h1  -       !OPEN:t4!  -",
      "2  db    h1  !LOST!  -          -",
      ...LEGEND,
      "!cache is not attached: it has no address!",
      "!web to db: tcp to 10.1.1.17 was answered, should not arrive (isolation)!",
      "!db to web: tcp to 10.1.1.17 got no answer, should be answered (same-segment)!",
      "!2 of 4 cells as expected!, 7 probes (TCP and UDP port 80) in 1.2 s",
    ].join("\n"),
  );
});

test("renderMatrix() does not list thousands of probes", () => {
  const cells = Array.from({ length: 42 }, () => cell("web", "db", "t4 drop answered"));
  const text = renderMatrix(SCREEN, { ...GOOD, cells, isAsExpected: false });
  expect(text).toContain("\nand 2 more (-o json lists all)\n");
});

test("encodeMatrix() names every probe with what was expected and seen", () => {
  expect(
    encodeMatrix({ ...GOOD, cells: [cell("web", "db", "i6 drop answered")], isAsExpected: false }),
  ).toEqual({
    ...GOOD,
    isAsExpected: false,
    cells: [
      {
        from: "web",
        to: "db",
        isAsExpected: false,
        probes: [
          {
            protocol: "icmp",
            address: "fd00::1",
            expected: "drop",
            reason: "isolation",
            observed: "answered",
            milliseconds: 1.25,
            isAsExpected: false,
          },
        ],
      },
    ],
  });
});

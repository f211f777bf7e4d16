import { describe, expect, test } from "vitest";

import type { SetChange, SetElement } from "./kernel.ts";
import { type KernelScene, thrown } from "./kernel-scene.case.ts";

/** Laws of sets with ranges and counters. */
export function setCases(scene: KernelScene): void {
  describe("sets", () => {
    const TABLE = [
      "table inet romana {",
      "  set plain {",
      "    type ipv4_addr . inet_service",
      "    counter",
      "    elements = { 10.1.1.1 . 80 counter packets 5 bytes 500, 10.1.1.2 . 80 }",
      "  }",
      "  set prefixes {",
      "    type ipv4_addr",
      "    flags interval",
      "    counter",
      "    elements = { 10.0.0.0/8 counter packets 7 bytes 700, 11.0.0.1, 255.0.0.0/8 }",
      "  }",
      "  set ranges {",
      "    type ipv4_addr . inet_proto . inet_service",
      "    flags interval",
      "    counter",
      "    elements = { 10.0.0.0/8 . tcp . 80-90 counter packets 9 bytes 900, 11.0.0.1 . udp . 53 }",
      "  }",
      "}",
      "",
    ].join("\n");

    const change = (set: string, type: "add" | "remove", elements: readonly SetElement[]): void => {
      const none: SetChange = { table: "romana", set, add: [], remove: [] };
      scene.kernel.changeSets([{ ...none, [type]: elements }]);
    };
    const counted = (set: string): string[] =>
      scene.kernel
        .readSetCounters("romana", set)
        .map(({ packets, bytes, ...element }) => `${elementText(element)} ${packets} ${bytes}`)
        .toSorted();

    test("counters of elements are read", () => {
      scene.kernel.runNft(TABLE);
      expect(counted("plain")).toEqual(["0a010101 00500000 5 500", "0a010102 00500000 0 0"]);
      expect(counted("prefixes")).toEqual([
        "0a000000-0affffff 7 700",
        "0b000001 0 0",
        "ff000000-ffffffff 0 0",
      ]);
      expect(counted("ranges")).toEqual([
        "0a000000 06000000 00500000-0affffff 06000000 005a0000 9 900",
        "0b000001 11000000 00350000 0 0",
      ]);
      expect(counted("nothere")).toEqual([]);
      expect(scene.kernel.readSetCounters("nothere", "plain")).toEqual([]);
    });
    test("an element that is added counts from 0, and keeps its count when added again", () => {
      scene.kernel.runNft(TABLE);
      change("plain", "add", [element("0a010101 00500000"), element("0a010103 00500000")]);
      expect(counted("plain")).toEqual([
        "0a010101 00500000 5 500",
        "0a010102 00500000 0 0",
        "0a010103 00500000 0 0",
      ]);
    });
    test.each<[string, string, string?]>([
      ["prefixes", "0c000000-0cffffff"],
      ["prefixes", "0c000001"],
      ["prefixes", "0affffff-0affffff", "0a000000-0affffff"],
      ["prefixes", "0b000000-0b000000"],
      ["ranges", "0c000000 06000000 00000000-0cffffff 06000000 ffff0000"],
      ["ranges", "0c000000 06000000 00500000"],
      ["ranges", "0a000000 06000000 005b0000-0affffff 06000000 00600000"],
    ])("in %s, %s comes and goes, and twice is fine", (set, text, instead) => {
      scene.kernel.runNft(TABLE);
      if (instead !== undefined) change(set, "remove", [element(instead)]);
      const before = [scene.kernel.listTable("romana"), counted(set)];
      change(set, "add", [element(text)]);
      change(set, "add", [element(text)]);
      const [first = "", last = first] = text.split("-");
      expect(counted(set)).toContain(`${first === last ? first : text} 0 0`);
      change(set, "remove", [element(text)]);
      change(set, "remove", [element(text)]);
      expect([scene.kernel.listTable("romana"), counted(set)]).toEqual(before);
    });
    test.each([
      ["prefixes", "0a000005"],
      ["prefixes", "09000000-0a000000"],
      ["prefixes", "09000000-0bffffff"],
      ["ranges", "0a010000 06000000 00500000"],
      ["ranges", "0a000000 06000000 00550000-0bffffff 06000000 00600000"],
    ])("in %s, %s is refused because it overlaps another, and nothing changes", (set, text) => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const error = thrown(() =>
        change(set, "add", [
          element("01000000 06000000 00010000".slice(0, set === "ranges" ? 26 : 8)),
          element(text),
        ]),
      );
      expect(error).toMatchObject({
        message: expect.stringContaining(`set "romana ${set}"`),
        failure: { code: "kernel-refused", errno: "EEXIST" },
      });
      expect((error as Error).message).toContain(text.replaceAll(" ", "").slice(0, 8));
      expect(scene.kernel.listTable("romana")).toBe(before);
    });
    test("a set without ranges takes none", () => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const error = thrown(() =>
        change("plain", "add", [
          element("0a010103 00500000-0a010103 00500000"),
          element("0a010104 00500000-0a010105 00500000"),
        ]),
      );
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "EINVAL" } });
      expect((error as Error).message).toMatch(
        /^Cannot change element 0a01010400500000\S* of set "romana plain": /,
      );
      expect(scene.kernel.listTable("romana")).toBe(before);
      change("plain", "add", [element("0a010103 00500000-0a010103 00500000")]);
      expect(counted("plain")).toContain("0a010103 00500000 0 0");
    });
    test("a set that others have made anew is changed as it is now", () => {
      const set = (flags: string): string =>
        `add table inet romana\nadd set inet romana s { type ipv4_addr; ${flags} }\n`;
      scene.kernel.runNft(set(""));
      change("s", "add", [element("0a010101")]);
      scene.fixture.foreignNft(`delete table inet romana\n${set("flags interval;")}`);
      change("s", "add", [element("0a010102")]);
      expect(counted("s")).toEqual(["0a010102 0 0"]);
      change("s", "add", [element("0a020000-0a02ffff")]);
      scene.fixture.foreignNft(`delete table inet romana\n${set("")}`);
      change("s", "add", [element("0a010103")]);
      scene.fixture.foreignNft(`delete table inet romana\n${set("flags interval;")}`);
      change("s", "add", [element("0a030000-0a03ffff")]);
      expect(counted("s")).toEqual(["0a030000-0a03ffff 0 0"]);
      scene.fixture.foreignNft("delete table inet romana\n");
      expect(thrown(() => change("s", "add", [element("0a010103")]))).toMatchObject({
        failure: { code: "kernel-refused", errno: "ENOENT" },
      });
    });
    test("sets of several tables change as one", () => {
      scene.kernel.runNft(`${TABLE}table ip6 second {\n  set s {\n    type ipv6_addr\n  }\n}\n`);
      const start = scene.kernel.rulesetGeneration();
      const address = hex("fd000000 00000000 00000000 00000027");
      scene.kernel.changeSets([
        {
          table: "romana",
          set: "prefixes",
          add: [element("0c000000-0cffffff")],
          remove: [element("0b000001")],
        },
        { family: "ip6", table: "second", set: "s", add: [address], remove: [] },
      ]);
      expect(scene.kernel.rulesetGeneration() - start).toBe(1);
      expect(counted("prefixes")).toEqual([
        "0a000000-0affffff 7 700",
        "0c000000-0cffffff 0 0",
        "ff000000-ffffffff 0 0",
      ]);
      expect(scene.kernel.readSetCounters("second", "s", "ip6").map(elementText)).toEqual([
        "fd000000 00000000 00000000 00000027",
      ]);
    });
    test("10,000 elements come and go in one change", () => {
      scene.kernel.runNft("table inet romana {\n  set plain {\n    type ipv4_addr\n    counter\n  }\n}\n");
      const elements = Array.from({ length: 10_000 }, (_, index) =>
        element((0x0a00_0000 + index).toString(16).padStart(8, "0")),
      );
      change("plain", "add", elements);
      const texts = scene.kernel.readSetCounters("romana", "plain").map(elementText).toSorted();
      expect(texts).toEqual(elements.map(elementText));
      change("plain", "remove", elements);
      expect(counted("plain")).toEqual([]);
    });
    test("text of all kinds of rules makes a table, which reads back the same each time", () => {
      const text = [
        "table inet romana {",
        "  set marks {",
        "    type mark . ipv6_addr",
        "    flags interval",
        "    elements = { 5 . fd00::/16 }",
        "  }",
        "  set messages {",
        "    type icmp_type . icmp_code",
        "    counter",
        "    elements = { echo-request . 0 }",
        "  }",
        "  chain pre {",
        "    type filter hook prerouting priority raw; policy accept;",
        "    ip saddr 10.0.0.1 notrack",
        "  }",
        "  chain in {",
        "    type filter hook input priority -5; policy accept;",
        "    meta l4proto 132 th dport 80 jump verdict",
        "    icmp type echo-request accept",
        "    icmpv6 type nd-neighbor-solicit accept",
        "  }",
        "  chain out {",
        "    type filter hook output priority filter; policy accept;",
        '    limit rate 10/second burst 20 packets log prefix "drop @x: jump y" group 7',
        "    icmp type . icmp code @messages return",
        "    meta mark . ip6 saddr @marks accept",
        "  }",
        "  chain over {",
        "    type filter hook forward priority filter + 10; policy drop;",
        "    meta l4proto { tcp, udp } th dport { 80-90, 443 } jump verdict",
        "  }",
        "  chain verdict {",
        "    return",
        "  }",
        "}",
        "",
      ].join("\n");
      // nft wants a chain before the rule that jumps to it.
      scene.kernel.runNft(`add table inet romana\nadd chain inet romana verdict\n${text}`);
      const first = scene.kernel.listTable("romana");
      expect(first).toContain("fd00::/16");
      expect(first).toContain('log prefix "drop @x: jump y" group 7');
      scene.kernel.runNft(
        `delete table inet romana\nadd table inet romana\nadd chain inet romana verdict\n${text}`,
      );
      expect(scene.kernel.listTable("romana")).toBe(first);
    });
  });
}

/** An element from `KEY` or `KEY-KEYEND` in hexadecimal digits. */
function element(text: string): SetElement {
  const [key = "", keyEnd] = text.split("-");
  return keyEnd === undefined ? { key: hex(key) } : { key: hex(key), keyEnd: hex(keyEnd) };
}

function elementText({ key, keyEnd }: SetElement): string {
  return keyEnd === undefined ? words(key) : `${words(key)}-${words(keyEnd)}`;
}

function words(key: Uint8Array): string {
  return (
    Buffer.from(key)
      .toString("hex")
      .match(/.{1,8}/g) ?? []
  ).join(" ");
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

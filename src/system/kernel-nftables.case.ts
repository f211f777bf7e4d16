import { describe, expect, test } from "vitest";

import { type KernelScene, thrown } from "./kernel-scene.case.ts";

/** Laws of nftables. */
export function nftablesCases(scene: KernelScene): void {
  describe("nftables", () => {
    const TABLE = [
      "add table inet romana",
      "delete table inet romana",
      "table inet romana {",
      "  counter drops { packets 3 bytes 300; }",
      "  set bound {",
      "    type iface_index . ipv4_addr",
      "    elements = { 1 . 10.1.1.27, }",
      "  }",
      "  set endpoint_devices {",
      "    type ifname",
      "  }",
      "  chain forward {",
      "    type filter hook forward priority 0; policy accept;",
      "    iif . ip saddr @bound accept",
      "    counter name drops drop",
      "  }",
      "}",
      "",
    ].join("\n");

    test("text makes a table, which reads back the same each time", () => {
      expect(scene.kernel.listTable("romana")).toBeUndefined();
      scene.kernel.runNft(TABLE);
      const first = scene.kernel.listTable("romana");
      expect(first).toMatch(/^table inet romana \{\n/);
      expect(first).toContain("10.1.1.27");
      scene.kernel.runNft(TABLE);
      expect(scene.kernel.listTable("romana")).toBe(first);
    });
    test("the shape of a table is its listing without elements", () => {
      expect(scene.kernel.listTableShape("romana")).toBeUndefined();
      scene.kernel.runNft(TABLE);
      const shape = scene.kernel.listTableShape("romana");
      expect(shape).toBe(scene.kernel.listTable("romana")?.replace(/^\t\telements = \{[^}]*\}\n/gm, ""));
      expect(shape).not.toContain("10.1.1.27");
      scene.kernel.runNft("add element inet romana bound { 9 . 10.1.1.28 }\n");
      expect(scene.kernel.listTableShape("romana")).toBe(shape);
    });
    test.each([
      ["no nft", "add table inet other\nthis is no nft\n"],
      ["an unknown chain", "add table inet other\nadd rule inet other nochain accept\n"],
      ["an unknown set", "table inet other {\n  chain c {\n    ip saddr @nothere accept\n  }\n}\n"],
      ["an unknown table", "add table inet other\ndelete table inet nothere\n"],
      ["a brace that is not closed", "table inet other {\n  chain c {\n    accept\n  }\n"],
    ])("text with %s changes nothing", (_, text) => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const error = thrown(() => scene.kernel.runNft(`flush table inet romana\n${text}`));
      expect(error).toMatchObject({
        message: expect.stringMatching(/^Cannot run nft text: .+/),
        failure: { code: "command-failed", argv: ["nft", "-f", "-"], status: 1 },
      });
      expect(scene.kernel.listTable("other")).toBeUndefined();
      expect(scene.kernel.listTable("romana")).toBe(before);
    });
    test("the message names the line", () => {
      const error = thrown(() => scene.kernel.runNft("add table inet other\n\nfoo bar\n"));
      expect((error as Error).message).toMatch(/^Cannot run nft text: line 3: syntax error.*: foo bar$/);
    });
    test("counters are read, and do not change the listing", () => {
      scene.kernel.runNft(TABLE);
      expect([...scene.kernel.counters("romana")]).toEqual([["drops", { packets: 3, bytes: 300 }]]);
      const listing = scene.kernel.listTable("romana");
      scene.kernel.runNft(TABLE.replace("packets 3 bytes 300", "packets 4 bytes 400"));
      expect([...scene.kernel.counters("romana")]).toEqual([["drops", { packets: 4, bytes: 400 }]]);
      expect(scene.kernel.listTable("romana")).toBe(listing);
      expect([...scene.kernel.counters("nothere")]).toEqual([]);
    });
    test("every transaction of anybody raises the generation by one", () => {
      const start = scene.kernel.rulesetGeneration();
      const raised = (): number => scene.kernel.rulesetGeneration() - start;
      scene.kernel.runNft(TABLE);
      expect(raised()).toBe(1);
      scene.kernel.runNft(TABLE);
      expect(raised()).toBe(2);
      scene.kernel.changeSets([
        { table: "romana", set: "bound", add: [boundKey(1, [10, 1, 1, 28])], remove: [] },
      ]);
      expect(raised()).toBe(3);
      scene.kernel.listTable("romana");
      scene.kernel.counters("romana");
      expect(raised()).toBe(3);
      scene.fixture.foreignNft("add table inet other\n");
      expect(raised()).toBe(4);
      thrown(() => scene.kernel.runNft("delete table inet nothere\n"));
      expect(raised()).toBe(4);
    });
    test("elements come and go without a look at the rest, and twice is fine", () => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const key = boundKey(1, [10, 1, 1, 28]);
      const name = Buffer.alloc(16);
      name.write("rom0a01011c");
      const change = (keys: Uint8Array[], names: Uint8Array[], type: "add" | "remove"): void => {
        const none = { add: [], remove: [] };
        scene.kernel.changeSets([
          { table: "romana", set: "bound", ...none, [type]: keys },
          { table: "romana", set: "endpoint_devices", ...none, [type]: names },
        ]);
      };
      change([key], [name], "add");
      change([key], [name], "add");
      expect(scene.kernel.listTable("romana")).toMatch(/10\.1\.1\.28[\s\S]*rom0a01011c/);
      change([key], [name], "remove");
      change([key], [name], "remove");
      expect(scene.kernel.listTable("romana")).toBe(before);
    });
    test("an element that is removed and added in one change is there after it", () => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const key = boundKey(1, [10, 1, 1, 27]);
      scene.kernel.changeSets([{ table: "romana", set: "bound", add: [key], remove: [key] }]);
      expect(scene.kernel.listTable("romana")).toBe(before);
    });
    test("a change of elements happens as a whole or not at all", () => {
      scene.kernel.runNft(TABLE);
      const before = scene.kernel.listTable("romana");
      const add = [boundKey(1, [10, 1, 1, 28])];
      const error = thrown(() =>
        scene.kernel.changeSets([
          { table: "romana", set: "bound", add, remove: [] },
          { table: "romana", set: "nothere", add, remove: [] },
        ]),
      );
      expect(error).toMatchObject({ failure: { code: "kernel-refused", errno: "ENOENT" } });
      expect(scene.kernel.listTable("romana")).toBe(before);
      scene.kernel.changeSets([]);
      scene.kernel.changeSets([{ table: "romana", set: "nothere", add: [], remove: [] }]);
    });
  });
}

function boundKey(link: number, address: readonly number[]): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeUInt32LE(link, 0);
  key.set(address, 4);
  return key;
}

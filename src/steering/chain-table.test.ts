import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { chainRules } from "./chain-rules.ts";
import { chain, chainInput } from "./chain-scene.case.ts";
import { renderChainTable } from "./chain-table.ts";

/** The 1,021 slots are what `assignSlots` says. */
const withoutSlots = (text: string): string => text.replace(/^ *\d+ : 0x[0-9a-f]{8},\n/gm, "");
const OPEN = { tenant: "beta", segment: "db", fail: "open" } as const;

describe("renderChainTable()", () => {
  test.each<[string, Parameters<typeof chainInput>[0]]>([
    ["chain-both.nft", {}],
    [
      "chain-forward-any.nft",
      {
        chains: [chain({ from: { kind: "any" }, direction: "forward", places: { forward: [1, 2] } })],
        hostMacs: ["02:00:00:00:00:02"],
      },
    ],
    ["chain-open-without-functions.nft", { chains: [chain({ through: [OPEN] })], backends: [] }],
    ["chain-closed-without-functions.nft", { backends: [] }],
    ["chain-none.nft", { chains: [] }],
  ])("%s", async (name, changes) => {
    const text = withoutSlots(renderChainTable(chainRules(chainInput(changes))));
    await expect(text).toMatchFileSnapshot(join("testdata", name));
  });

  test("has a next hop for each slot", () => {
    const text = renderChainTable(chainRules(chainInput()));
    expect(text.match(/^ *\d+ : 0x[0-9a-f]{8},$/gm)).toHaveLength(2 * 1021);
  });

  test("counts on from what was counted", () => {
    const counters = new Map([["no-way", { packets: 3, bytes: 180 }]]);
    const text = renderChainTable(chainRules(chainInput()), counters);
    expect(text).toMatch(/counter no-way \{\s+packets 3 bytes 180\s+\}/);
    expect(text).toMatch(/counter no-function \{\s+packets 0 bytes 0\s+\}/);
  });
});

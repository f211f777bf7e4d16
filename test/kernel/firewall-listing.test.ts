import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderTable } from "../../src/firewall/index.ts";
import type { KeyPart, Table } from "../../src/firewall/table.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import { expectDecided, policyTableOf } from "../support/judged-table.ts";
import { parseNft } from "../support/parse-nft.ts";
import { randomPolicyWorld } from "../support/random-policies.ts";
import { randomPolicyPacket } from "../support/random-policy-packets.ts";
import { createDraw, UNDERLAY_DEVICE } from "../support/random-world.ts";

const NAME = `romfw-${process.pid}-listing`;
const NAMESPACE = namespacePath(NAME);
const SEEDS = Array.from({ length: 24 }, (_, index) => 7001 + index);
const PACKETS = 60;

/** Half of the devices of random worlds are there, which nft then calls by their names. */
const DEVICES: ReadonlyMap<string, number> = new Map([
  [UNDERLAY_DEVICE.name, UNDERLAY_DEVICE.index],
  ["rom0", 10],
  ["rom1", 11],
  ["rom2", 12],
]);

let kernel: Kernel;
beforeAll(async () => {
  createNamespace(NAME);
  kernel = createLinuxKernel({ namespace: NAMESPACE });
  for (const [name, index] of DEVICES) {
    const argv = ["ip", "link", "add", name, "index", `${index}`, "type", "bridge"];
    await runCommand({ argv, namespace: NAMESPACE });
  }
});
afterAll(() => {
  kernel.close();
  deleteNamespace(NAME);
});

/** Compares like numbers do, part by part. */
function compareElements(left: readonly KeyPart[], right: readonly KeyPart[]): number {
  for (const [index, { value }] of left.entries()) {
    const other = right[index]?.value ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/** Elements have no order in the kernel. */
function inOrder(table: Table): Table {
  return {
    ...table,
    sets: table.sets.map((set) => ({ ...set, elements: [...set.elements].sort(compareElements) })),
  };
}

describe("what nft lists of a table that was loaded", () => {
  const reasons = new Set<string>();

  test.each(SEEDS)("is the table, and decides as the evaluator does: world %i", (seed) => {
    const draw = createDraw(seed);
    const world = randomPolicyWorld(draw);
    const table = policyTableOf(world, seed % 2 === 0);
    kernel.runNft(renderTable(table));
    const listed = parseNft(kernel.listTable("romana") ?? "", DEVICES);
    expect(inOrder(listed)).toEqual(inOrder(table));
    for (let count = 0; count < PACKETS; count++) {
      reasons.add(expectDecided(listed, world, randomPolicyPacket(draw, world), seed));
    }
  });

  test("in these worlds packets are dropped and accepted for many reasons", () => {
    expect([...reasons]).toEqual(
      expect.arrayContaining(["allowed", "denied", "isolation", "not-allowed", "spoofed-source", "to-host"]),
    );
  });

  test("changes with a rule that somebody inserts", async () => {
    const table = policyTableOf(randomPolicyWorld(createDraw(7001)), false);
    kernel.runNft(renderTable(table));
    await runCommand({
      argv: ["nft", "insert", "rule", "inet", "romana", "forward", "accept"],
      namespace: NAMESPACE,
    });
    const listed = parseNft(kernel.listTable("romana") ?? "", DEVICES);
    expect(listed.chains.find(({ name }) => name === "forward")?.rules[0]).toEqual({
      matches: [],
      verdict: { kind: "accept" },
    });
  });
});

import { describe, expect, test } from "vitest";
import type { Table } from "../firewall/index.ts";
import { createFakeKernel, type FakeKernel } from "../system/fake-kernel.ts";
import { TableKeeper, type TableReference } from "./table-keeper.ts";

const TABLE: Table = {
  name: "romana",
  counters: [],
  sets: [],
  chains: [
    {
      name: "forward",
      hook: "forward",
      rules: [{ matches: [{ kind: "established" }], verdict: { kind: "drop" } }],
    },
  ],
};

const SABOTAGE = "flush chain inet romana forward\n";

/** A kernel in which others change rules so many times between our replacement and our look at the result. */
function sabotaged(times: number, text: string): FakeKernel {
  const kernel = createFakeKernel();
  const list = kernel.listTableShape.bind(kernel);
  let left = times;
  kernel.listTableShape = (name) => {
    if (list(name) !== undefined && left-- > 0) kernel.outside.runNft(text);
    return list(name);
  };
  return kernel;
}

function keep(keeper: TableKeeper): string {
  return keeper.keep({ table: TABLE }, () => true);
}

describe("a change by others just after a replacement", () => {
  test("does not count as ours: the table is replaced again", () => {
    const kernel = sabotaged(1, SABOTAGE);
    const keeper = new TableKeeper(kernel, undefined, () => {});
    expect(keep(keeper)).toBe("replace");
    expect(kernel.listTable("romana")).toContain("ct state established,related drop");
    expect(keep(keeper)).toBe("equal");
  });
  test("again and again leaves it open what ours looks like, so that the next look replaces it", () => {
    const remembered: TableReference[] = [];
    const kernel = sabotaged(20, SABOTAGE);
    const keeper = new TableKeeper(kernel, undefined, (reference) => remembered.push(reference));
    expect(keep(keeper)).toBe("replace");
    expect(remembered).toEqual([]);
    const finding = Array.from({ length: 20 }, () => keep(keeper));
    expect(finding.at(0)).toBe("replace");
    expect(finding.at(-1)).toBe("equal");
    expect(kernel.listTable("romana")).toContain("ct state established,related drop");
    expect(remembered).toHaveLength(1);
  });
  test("in another table costs a replacement and nothing else", () => {
    const kernel = sabotaged(1, "add table inet other\n");
    const keeper = new TableKeeper(kernel, undefined, () => {});
    expect(keep(keeper)).toBe("replace");
    expect(keep(keeper)).toBe("equal");
  });
});

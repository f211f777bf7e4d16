import { describe, expect, test } from "vitest";
import { seedChains, spec } from "./chain-seed.case.ts";
import { findingsOf } from "./seed.case.ts";

describe("a check finds, and leaves to a human,", () => {
  const stored = {
    name: "b",
    network: "main",
    from: { tenant: "tenant-2" },
    to: { tenant: "tenant-1", segment: "db" },
    through: [{ tenant: "tenant-2", segment: "ids", fail: "open" }],
    direction: "forward",
    places: { forward: [7, 8] },
  };
  test.each<[string, object, string[]]>([
    ["nothing", {}, []],
    ["another name", { name: "c" }, ["unparsable-value chain/b"]],
    [
      "what is not there",
      { network: "x", from: { tenant: "y" }, to: { service: "z" } },
      ["dangling-reference chain/b"],
    ],
    ["the same traffic", { from: { any: true } }, ["wrong-chain chain/b"]],
    ["the same place", { places: { forward: [2, 3] } }, ["wrong-chain chain/b"]],
    ["too few places", { places: { forward: [7] } }, ["wrong-chain chain/b"]],
    ["a place twice", { places: { forward: [7, 7] } }, ["wrong-chain chain/b"]],
    ["a place that does not exist", { places: { forward: [63, 64] } }, ["wrong-chain chain/b"]],
    ["a way through itself", { to: { tenant: "tenant-2", segment: "ids" } }, ["wrong-chain chain/b"]],
    ["no direction", { direction: "back" }, ["unparsable-value chain/b"]],
    ["no way to fail", { through: [{ tenant: "tenant-2", segment: "ids" }] }, ["unparsable-value chain/b"]],
  ])("%s", async (_, change, findings) => {
    const { control, store } = await seedChains();
    await control.chains.create(spec("a"));
    const value = JSON.stringify({ ...stored, ...change });
    await store.transact([], [{ type: "put", key: "chain/b", value }]);
    expect(await findingsOf(control)).toEqual(findings);
    await control.ipam.check({ repair: true });
    expect(await findingsOf(control)).toEqual(findings);
  });
});

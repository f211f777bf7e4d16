import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ServiceRules, serviceRules } from "./service-rules.ts";
import { shopHost, shopKnown, shopService } from "./service-scene.case.ts";
import {
  readServiceTable,
  renderServiceTable,
  type ServiceTableState,
  serviceSteps,
  serviceTableState,
} from "./service-table.ts";

const HERE = shopHost(1);
const rulesOf = (
  members: readonly string[],
  services = [shopService()],
  before?: ServiceRules,
): ServiceRules => serviceRules(shopKnown(members, services), HERE, before?.pools);
const textsOf = (before: ServiceTableState, after: ServiceRules): string[] =>
  [...serviceSteps(before, after)].map(({ text }) => text);

/** Lists of elements cut to the first three. */
function short(text: string): string {
  return text.replace(/\{ ((?:[^,{}]+, ){3})[^{}]*, [^{},]+ \}/g, "{ $1… }");
}

describe("renderServiceTable()", () => {
  test("is the whole table in one transaction", async () => {
    const services = [
      shopService(),
      shopService({
        name: "sticky",
        affinity: "client",
        prefer: "local",
        ports: [{ protocol: "udp", port: 53 }],
        addresses: { ipv4: { family: 4, value: 0xac1e0002n } },
      }),
    ];
    const text = renderServiceTable(rulesOf(["1.1", "2.1", "2.2"], services));
    await expect(short(text)).toMatchFileSnapshot(join(import.meta.dirname, "testdata/services.nft"));
  });

  test("has every slot of a pool", () => {
    const text = renderServiceTable(rulesOf(["1.1", "2.1"]));
    expect(text.match(/\b\d+ : 10\.[12]\.17\.1\b/g)).toHaveLength(1021);
  });
});

describe("serviceSteps()", () => {
  const before = rulesOf(["1.1", "2.1"]);

  test("says nothing when nothing is different", () => {
    expect(textsOf(serviceTableState(before), rulesOf(["2.1", "1.1"], undefined, before))).toEqual([]);
  });

  test("names the slots of a new member alone", () => {
    const after = rulesOf(["1.1", "2.1", "3.1"], undefined, before);
    const [text = "", ...others] = textsOf(serviceTableState(before), after);
    expect(others).toEqual([]);
    expect(text.split("\n").map((line) => line.split(" ").slice(0, 4).join(" "))).toEqual([
      "delete element inet romana_services",
      "add element inet romana_services",
      "delete element inet romana_services",
      "add element inet romana_services",
      "",
    ]);
    expect(text.match(/ : 10\.3\.17\.1\b/g)).toHaveLength(340);
    expect(text.match(/ : /g)?.length).toBeLessThan(2 * 400);
  });

  test("takes a service away with all that was its own", () => {
    const text = textsOf(serviceTableState(before), rulesOf(["1.1", "2.1"], [])).join("");
    expect(text.match(/^delete (?:chain|map|element) /gm)).toHaveLength(2 + 2 + 2 + 2);
  });

  test("goes pool by pool, and lets ports follow when all pools are there", () => {
    const services = [shopService(), shopService({ name: "near", prefer: "local" })];
    const texts = textsOf(serviceTableState(rulesOf([], services)), rulesOf(["1.1", "2.1"], services));
    expect(texts).toHaveLength(2);
    expect(texts[0]).not.toContain("add rule");
    expect(texts[1]).toContain("add rule");
  });

  test("writes what is not known over, and drops what does not belong there", () => {
    const listing = renderServiceTable(rulesOf(["1.1"], [shopService(), shopService({ name: "old" })]));
    const texts = textsOf(readServiceTable(listing), before);
    const text = texts.join("");
    expect(text.match(/^flush map inet romana_services pool-/gm)).toHaveLength(2);
    expect(text.match(/^flush chain inet romana_services port-/gm)).toHaveLength(2 + 2);
    expect(text.match(/^delete chain inet romana_services port-/gm)).toHaveLength(2);
    expect(text).toContain("flush map inet romana_services ports4");
    expect(text).toContain("flush chain inet romana_services forward");
  });

  test("knows a table that has just been made anew", () => {
    const { pools, ports } = readServiceTable(renderServiceTable(before));
    expect([...pools.keys()]).toEqual([...before.pools.keys()]);
    expect([...ports.keys()]).toEqual([...before.ports.keys()]);
  });
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createFabricRouting, fabricFaults, rackFaults, traceRoute } from "../src/fabric/index.ts";
import { decodeFabric, decodeState, encodeFabric, readYaml } from "../src/schema/index.ts";

const read = (file: string): unknown =>
  readYaml(readFileSync(join(import.meta.dirname, "../examples/fabrics", file), "utf8"), `read ${file}`);

const FABRIC = decodeFabric(read("leaf-spine.yaml"));
const { networks, hosts } = decodeState(read("leaf-spine-state.yaml"));

test("the example of a fabric has no faults, and survives being written", () => {
  expect([...fabricFaults(FABRIC), ...rackFaults(FABRIC, networks)]).toEqual([]);
  expect(decodeFabric(JSON.parse(JSON.stringify(encodeFabric(FABRIC))))).toEqual(FABRIC);
});

test("in the example every host reaches every other, in both families", () => {
  const routing = createFabricRouting(FABRIC, networks, hosts);
  const prefixes = hosts.flatMap(({ name }) =>
    routing.routesOf(name).filter(({ kind, owner }) => kind === "blackhole" && owner === name),
  );
  expect(prefixes).toHaveLength(8);
  const lost = hosts.flatMap(({ name }) =>
    prefixes.filter(({ destination }) => !traceRoute(routing, name, destination).arrives),
  );
  expect(lost).toEqual([]);
  expect(routing.devices.flatMap(({ name }) => routing.problemsOf(name))).toEqual([]);
});

test.each<[unknown, string]>([
  [{ name: "x", hostAsn: 1, racks: [] }, "Cannot read fabric: racks: has fewer than 1 items"],
  [
    { ...encodeFabric(FABRIC), communities: { host: ["70000:1"], rack: ["x"] }, spine: 1 },
    'Cannot read fabric: communities.host.0: "70000:1" has a number that is too large; communities.rack.0: "x" is not a community such as 65000:1, or a large one such as 65000:1:2; spine: unknown field, did you mean "spines"?',
  ],
])("a document that is none is refused with all faults %#", (document, message) => {
  expect(() => decodeFabric(document)).toThrow(message);
});

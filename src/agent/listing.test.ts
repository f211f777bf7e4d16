import { describe, expect, test } from "vitest";
import type { NamedSet, Table } from "../firewall/index.ts";
import { renderTable } from "../firewall/index.ts";
import { createFakeKernel } from "../system/fake-kernel.ts";
import { elementChanges, elementsOf, listElements } from "./listing.ts";

const DEVICES: NamedSet = {
  name: "endpoint_devices",
  comment: "devices of own endpoints",
  key: ["ifname"],
  elements: [[{ type: "ifname", value: "rom0a01011b" }]],
};
const BOUND: NamedSet = {
  name: "bound4",
  comment: "device and source",
  key: ["iface_index", "ipv4_addr"],
  elements: [
    [
      { type: "iface_index", value: 7 },
      { type: "ipv4_addr", value: 0x0a01011bn },
    ],
  ],
};
const PORTS: NamedSet = {
  name: "ports",
  comment: "protocol and ports",
  key: ["inet_proto", "inet_service"],
  hasRanges: true,
  hasCounters: true,
  elements: [
    [
      { type: "inet_proto", value: 6 },
      { type: "inet_service", value: 80, last: 90 },
    ],
    [
      { type: "inet_proto", value: 17 },
      { type: "inet_service", value: 53 },
    ],
  ],
};
const DESIRED: Table = { name: "romana", counters: [], chains: [], sets: [DEVICES, BOUND, PORTS] };

/** Number of elements to add and to remove, by set, after somebody ran this on our table. */
function changesAfter(foreign: string): readonly (readonly [string, number, number])[] {
  const kernel = createFakeKernel();
  kernel.runNft(renderTable(DESIRED));
  if (foreign !== "") kernel.runNft(foreign);
  return elementChanges("romana", DESIRED.sets, listElements(kernel, DESIRED)).map(
    ({ set, add, remove }) => [set, add.length, remove.length] as const,
  );
}

describe("elementChanges() of what the kernel has", () => {
  test.each([
    ["nothing", "", []],
    ["an element more", "add element inet romana bound4 { 7 . 10.1.1.28 }\n", [["bound4", 0, 1]]],
    ["an element less", "delete element inet romana bound4 { 7 . 10.1.1.27 }\n", [["bound4", 1, 0]]],
    ["no element left", "flush set inet romana ports\n", [["ports", 2, 0]]],
    [
      "another range",
      "delete element inet romana ports { tcp . 80-90 }\nadd element inet romana ports { tcp . 80-91 }\n",
      [["ports", 1, 1]],
    ],
    [
      "a single port for a range",
      "delete element inet romana ports { tcp . 80-90 }\nadd element inet romana ports { tcp . 80 }\n",
      [["ports", 1, 1]],
    ],
    [
      "a device of another name",
      'add element inet romana endpoint_devices { "rom0a01011c" }\n',
      [["endpoint_devices", 0, 1]],
    ],
  ])("%s", (_, foreign, changes) => {
    expect(changesAfter(foreign)).toEqual(changes);
  });

  test("what is to be added makes the sets the desired ones", () => {
    const kernel = createFakeKernel();
    kernel.runNft(renderTable({ ...DESIRED, sets: DESIRED.sets.map((set) => ({ ...set, elements: [] })) }));
    kernel.changeSets(elementChanges("romana", DESIRED.sets, listElements(kernel, DESIRED)));
    expect(elementChanges("romana", DESIRED.sets, listElements(kernel, DESIRED))).toEqual([]);
    expect(listElements(kernel, DESIRED).get("ports")?.size).toBe(2);
  });
});

test("sets have no changes against themselves", () => {
  expect(elementChanges("romana", DESIRED.sets, elementsOf(DESIRED.sets))).toEqual([]);
});

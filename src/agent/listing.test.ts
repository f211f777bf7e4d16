import { describe, expect, test } from "vitest";
import { rawKey, type Table } from "../firewall/index.ts";
import { elementChanges, elementsOf, readListing } from "./listing.ts";

/** A table as `nft -s list table` prints it, with the elements of its sets given. */
function listing(bound: string, names: string): string {
  const lines = [
    "table inet romana {",
    "\tcounter isolation {",
    "\t}",
    "",
    "\tset endpoint_devices {",
    "\t\ttype ifname",
    '\t\tcomment "devices of own endpoints"',
    ...(names === "" ? [] : [`\t\telements = { ${names} }`]),
    "\t}",
    "",
    "\tset bound4 {",
    "\t\ttype iface_index . ipv4_addr",
    ...(bound === "" ? [] : [`\t\telements = { ${bound} }`]),
    "\t}",
    "",
    "\tchain forward {",
    "\t\ttype filter hook forward priority filter; policy accept;",
    "\t\tiifname @endpoint_devices counter name isolation drop",
    "\t}",
    "}",
    "",
  ];
  return lines.join("\n");
}

const indexOf = (name: string): number | undefined => new Map([["rom0a01011b", 7]]).get(name);

const DESIRED: Table = {
  name: "romana",
  counters: [],
  chains: [],
  sets: [
    {
      name: "endpoint_devices",
      comment: "",
      key: ["ifname"],
      elements: [[{ type: "ifname", value: "rom0a01011b" }]],
    },
    {
      name: "bound4",
      comment: "",
      key: ["iface_index", "ipv4_addr"],
      elements: [
        [
          { type: "iface_index", value: 7 },
          { type: "ipv4_addr", value: 0x0a01011bn },
        ],
      ],
    },
  ],
};

function changesOf(bound: string, names = '"rom0a01011b"'): unknown {
  const { sets } = readListing(listing(bound, names), indexOf);
  return elementChanges(DESIRED, sets)?.map(({ set, add, remove }) => [set, add.length, remove.length]);
}

describe("elementChanges() of a listing", () => {
  test.each([
    ["the desired elements", '"rom0a01011b" . 10.1.1.27', []],
    ["on two lines", '"rom0a01011b" . 10.1.1.27,\n\t\t\t     "rom0a01011b" . 10.1.1.28', [["bound4", 0, 1]]],
    ["an index without a device", "7 . 10.1.1.27", []],
    ["another index", "9 . 10.1.1.27", [["bound4", 1, 1]]],
    ["none", "", [["bound4", 1, 0]]],
    ["a device that is not ours", '"eth0" . 10.1.1.27', undefined],
    ["an element with a comment", '"rom0a01011b" . 10.1.1.27 comment "x"', undefined],
    ["a range", '"rom0a01011b" . 10.1.1.27-10.1.1.30', undefined],
    ["too few parts", '"rom0a01011b"', undefined],
  ])("%s", (_, bound, changes) => {
    expect(changesOf(bound)).toEqual(changes);
  });

  test("a wildcard name is not one of ours", () => {
    expect(changesOf('"rom0a01011b" . 10.1.1.27', '"rom*"')).toEqual([["endpoint_devices", 1, 1]]);
  });

  test("what is to be added has the keys that the kernel stores", () => {
    const changes = elementChanges(DESIRED, readListing(listing("", '"rom0a01011b"'), indexOf).sets);
    const [element] = DESIRED.sets[1]?.elements ?? [];
    expect(changes?.[0]?.add).toEqual([element && rawKey(element)]);
  });
});

test("a table has no changes against itself", () => {
  expect(elementChanges(DESIRED, elementsOf(DESIRED))).toEqual([]);
});

describe("the shape of a listing", () => {
  const shapeOf = (text: string): string => readListing(text, indexOf).shape;

  test("does not depend on elements", () => {
    expect(shapeOf(listing('"rom0a01011b" . 10.1.1.27,\n\t\t  9 . 10.1.1.28', '"a"'))).toBe(
      shapeOf(listing("", "")),
    );
  });

  test.each([
    ["another rule", (text: string) => text.replace("counter name isolation drop", "accept")],
    ["a rule more", (text: string) => text.replace("\t\tiifname", "\t\taccept\n\t\tiifname")],
    ["a set more", (text: string) => text.replace("\tchain", "\tset x {\n\t\ttype mark\n\t}\n\n\tchain")],
    ["another policy", (text: string) => text.replace("policy accept", "policy drop")],
    ["flags of a set", (text: string) => text.replace("type ifname\n", "type ifname\n\t\tflags dynamic\n")],
  ])("depends on %s", (_, change) => {
    const text = listing("", "");
    expect(change(text)).not.toBe(text);
    expect(shapeOf(change(text))).not.toBe(shapeOf(text));
  });
});

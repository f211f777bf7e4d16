import { describe, expect, test } from "vitest";
import type { Group, Host, Network } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { chooseGroup, groupRooms } from "./placement.ts";

const group = (name: string, id: number, groups: readonly Group[] = []): Group => ({
  name,
  id,
  router: {},
  groups,
});

const NETWORK: Network = {
  name: "default",
  plans: {
    ipv4: {
      family: 4,
      prefix: parsePrefix("10.0.0.0/8"),
      numbering: "literal",
      groupLevels: [
        { name: "zone", bits: 2 },
        { name: "rack", bits: 2 },
      ],
      hostBits: 2,
      tenantBits: 8,
      segmentBits: 5,
      endpointBits: 5,
      strideBits: 0,
      reservedEndpoints: [0],
    },
  },
  groups: [group("a", 0, [group("r1", 0), group("r2", 1)]), group("b", 1, [group("r1", 0)]), group("c", 2)],
};

const hostsIn = (counts: Readonly<Record<string, number>>): readonly Host[] =>
  Object.entries(counts).flatMap(([path, count]) =>
    Array.from({ length: count }, (_, index) => ({
      name: `${path}/${index + 1}`,
      id: index + 1,
      group: path.split("/"),
      underlay: {},
    })),
  );

describe("chooseGroup() takes the group with the fewest hosts", () => {
  test.each<[string, Readonly<Record<string, number>>, readonly string[], string]>([
    ["the first of equal ones", {}, [], "a/r1"],
    ["the emptiest", { "a/r1": 2, "a/r2": 1, "b/r1": 1 }, [], "a/r2"],
    ["inside what is wanted", { "a/r1": 1, "a/r2": 1 }, ["b"], "b/r1"],
    ["exactly what is wanted", { "a/r1": 2 }, ["a", "r1"], "a/r1"],
    ["not the full one", { "a/r1": 3, "a/r2": 3, "b/r1": 2 }, [], "b/r1"],
  ])("%s", (_, counts, wanted, outcome) => {
    expect(chooseGroup([NETWORK], hostsIn(counts), wanted).join("/")).toBe(outcome);
  });

  test.each<[Readonly<Record<string, number>>, readonly string[], string]>([
    [
      { "a/r1": 3, "a/r2": 3 },
      ["a"],
      'Cannot place host in group "a": "a/r1" has 3 hosts and no ID left; "a/r2" has 3 hosts and no ID left',
    ],
    [{ "b/r1": 3 }, ["b", "r1"], 'Cannot place host in group "b/r1": "b/r1" has 3 hosts and no ID left'],
    [{}, ["x"], 'Cannot place host in group "x": networks have no such group'],
    [{}, ["c"], 'Cannot place host in group "c": networks have no such group'],
  ])("%o %o", (counts, wanted, message) => {
    expect(() => chooseGroup([NETWORK], hostsIn(counts), wanted)).toThrow(message);
  });
});

test("groupRooms() counts what all networks have", () => {
  const other: Network = { ...NETWORK, name: "next", groups: NETWORK.groups.slice(0, 1) };
  const rooms = groupRooms([NETWORK, other], hostsIn({ "a/r1": 2 }));
  expect(rooms).toEqual([
    { path: ["a", "r1"], hosts: 2, left: 1 },
    { path: ["a", "r2"], hosts: 0, left: 3 },
  ]);
  expect(groupRooms([], [])).toEqual([]);
});

import { expect, test } from "vitest";
import { exampleWorld, host, network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { plansOf } from "../model/index.ts";
import { type Family, formatPrefix, parsePrefix } from "../net/index.ts";
import type { FirewallInput } from "./input.ts";
import { ownMatches, relocated, relocationSets } from "./relocated.ts";
import type { Match } from "./table.ts";

const NETWORK = network("default", SEED_IPV4, SEED_IPV6);

function input(visiting: readonly string[], away: readonly string[]): FirewallInput {
  return {
    ...exampleWorld(),
    table: "romana",
    networks: [NETWORK],
    host: host(1),
    visiting: visiting.map(parsePrefix),
    away: away.map(parsePrefix),
    devices: [],
    underlayDevices: [],
    gatewayServices: [],
  };
}

/** A match in few words: the prefix, or the mask and the set. */
function word(match: Match): string {
  if (match.kind === "source" || match.kind === "destination")
    return `${match.kind} ${formatPrefix(match.prefix)}`;
  if (match.kind !== "lookup") throw new Error(`there is no word for ${match.kind}`);
  const [part] = match.key;
  if (part === undefined || !("mask" in part)) throw new Error("it has no mask");
  return `${part.field} & ${part.mask?.toString(16)} ${match.negated ? "not in" : "in"} ${match.set}`;
}

test.each<[string, readonly string[], readonly string[], readonly string[]]>([
  ["no endpoint that is elsewhere", [], [], []],
  ["one that is here", ["10.2.1.27/32"], [], ["visiting4_32: ipv4_addr 10.2.1.27"]],
  ["one that is away", [], ["fd00:1::9/128"], ["away6_128: ipv6_addr fd00:1::9"]],
  [
    "blocks of several lengths and families, in an order of their own",
    ["10.2.1.32/28", "fd00:2::/112", "10.2.1.27/32", "10.2.1.9/32"],
    ["10.1.1.27/32"],
    [
      "visiting4_32: ipv4_addr 10.2.1.9 10.2.1.27",
      "visiting4_28: ipv4_addr 10.2.1.32",
      "visiting6_112: ipv6_addr fd00:2::",
      "away4_32: ipv4_addr 10.1.1.27",
    ],
  ],
])("sets of %s", (_, visiting, away, expected) => {
  const lines = relocationSets(input(visiting, away)).map(({ name, key, elements }) => {
    const family: Family = key[0] === "ipv4_addr" ? 4 : 6;
    const values = elements.map(([part]) => {
      if (part?.type !== "ipv4_addr" && part?.type !== "ipv6_addr") throw new Error("it is no address");
      return formatPrefix({ family, value: part.value, length: family === 4 ? 32 : 128 }).split("/")[0];
    });
    return `${name}: ${key.join(" . ")} ${values.join(" ")}`;
  });
  expect(lines).toEqual(expected);
});

test.each<[string, readonly string[], readonly string[], readonly (readonly string[])[]]>([
  ["none is elsewhere", [], [], [["source 10.1.0.0/16"]]],
  ["one is away", [], ["10.1.1.27/32"], [["source 10.1.0.0/16", "source & ffffffff not in away4_32"]]],
  [
    "some are away: an own address is in none of the blocks",
    [],
    ["10.1.1.27/32", "10.1.1.32/28"],
    [["source 10.1.0.0/16", "source & ffffffff not in away4_32", "source & fffffff0 not in away4_28"]],
  ],
  [
    "some are here: an own address is in one of the blocks",
    ["10.2.1.27/32", "10.2.1.32/28"],
    [],
    [
      ["source 10.1.0.0/16"],
      ["source 10.0.0.0/8", "source & ffffffff in visiting4_32"],
      ["source 10.0.0.0/8", "source & fffffff0 in visiting4_28"],
    ],
  ],
  ["they are of the other family", ["fd00:2::9/128"], ["fd00:1::9/128"], [["source 10.1.0.0/16"]]],
  ["they are of another prefix and plan", ["172.16.0.9/32"], ["10.9.1.27/32"], [["source 10.1.0.0/16"]]],
])("what is own when %s", (_, visiting, away, expected) => {
  const plan = plansOf(NETWORK).find(({ family }) => family === 4);
  if (plan === undefined) throw new Error("the network has no plan for IPv4");
  const own = { network: NETWORK, plan, prefix: parsePrefix("10.1.0.0/16") };
  expect(ownMatches(input(visiting, away), own, "source").map((way) => way.map(word))).toEqual(expected);
});

test("destinations are looked up as sources are", () => {
  const given = input(["10.2.1.27/32", "fd00:2::9/128"], []);
  expect(relocated(given, "visiting", 6, "destination", true).map(word)).toEqual([
    "destination & ffffffffffffffffffffffffffffffff not in visiting6_128",
  ]);
});

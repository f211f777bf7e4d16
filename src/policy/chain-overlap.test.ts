import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { network, SEED_IPV4 } from "../../test/support/example-world.ts";
import type { Chain, ChainEnd, Service } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import { CASE_WORLD, PARTIES, type PartyName } from "./case-world.case.ts";
import { passageOf } from "./chain-of-flow.ts";
import { type ChainWorld, chainsOverlap, chainTarget } from "./chain-overlap.ts";
import { addressOf, chain, end, target } from "./chain-world.case.ts";

const SERVICES: readonly Service[] = [
  {
    name: "shop",
    network: "default",
    tenant: "acme",
    segment: "db",
    addresses: {},
    ports: [{ protocol: "tcp", port: 80 }],
  },
];
const WORLD: ChainWorld = {
  ...CASE_WORLD,
  networks: [...CASE_WORLD.networks, network("other", { ...SEED_IPV4, prefix: "11.0.0.0/8" })],
  services: SERVICES,
};

describe("chainTarget()", () => {
  test.each<[string, Chain["to"], string | undefined]>([
    ["a segment is itself", target("open/db"), "open/db"],
    ["a service stands for its segment", { kind: "service", service: "shop" }, "acme/db"],
    ["nobody knows the service", { kind: "service", service: "ghost" }, undefined],
  ])("%s", (_, to, expected) => {
    const found = chainTarget(SERVICES, { to });
    expect(found && `${found.tenant}/${found.segment}`).toBe(expected);
  });
});

describe("chainsOverlap(): from and from, to one segment", () => {
  test.each<[string, string, boolean]>([
    ["any", "any", true],
    ["any", "acme", true],
    ["acme/web", "any", true],
    ["acme/web", "acme/web", true],
    ["acme/web", "acme", true],
    ["acme", "acme", true],
    ["acme/web", "acme/db", false],
    ["acme/web", "beta/web", false],
    ["acme", "beta", false],
    ["acme", "beta/web", false],
    // Blocks of addresses: those of the plan say whose they are, on every host.
    ["10.1.1.17/32", "acme/web", true],
    ["10.1.1.17/32", "acme/db", false],
    ["10.1.1.16/28", "acme/web", true],
    ["10.1.1.0/24", "acme/db", true],
    ["10.1.1.0/24", "acme", true],
    ["10.1.2.0/24", "acme", false],
    ["10.1.0.0/16", "acme", true],
    ["10.2.1.48/28", "acme/db", true],
    ["10.2.1.64/28", "acme/db", false],
    ["0.0.0.0/0", "acme/web", true],
    ["11.1.1.16/28", "acme/web", false],
    ["192.0.2.0/24", "acme", false],
    ["fd00:10:0:100:1:1::/112", "acme/web", true],
    ["fd00:10:0:100:1:2::/112", "acme/web", false],
    ["::/0", "acme/web", true],
    ["10.1.0.0/16", "10.1.2.0/24", true],
    ["10.1.0.0/16", "10.2.0.0/16", false],
    ["0.0.0.0/0", "::/0", false],
    ["10.1.1.17/32", "ghost/web", false],
    ["10.1.1.17/32", "acme/ghost", false],
  ])("%s, %s: %s", (a, b, expected) => {
    const [first, second] = [chain("a", end(a), target("open/db")), chain("b", end(b), target("open/db"))];
    expect(chainsOverlap(WORLD, first, second)).toBe(expected);
    expect(chainsOverlap(WORLD, second, first)).toBe(expected);
  });
});

describe("chainsOverlap(): where they lead", () => {
  test.each<[string, Chain, boolean]>([
    ["the same segment", chain("b", end("any"), target("acme/db")), true],
    ["the service in front of it", chain("b", end("any"), { kind: "service", service: "shop" }), true],
    ["another segment", chain("b", end("any"), target("acme/web")), false],
    ["its namesake of another tenant", chain("b", end("any"), target("beta/db")), false],
    ["a service that nobody knows", chain("b", end("any"), { kind: "service", service: "ghost" }), false],
    ["another network", { ...chain("b", end("any"), target("acme/db")), network: "other" }, false],
  ])("%s", (_, other, expected) => {
    expect(chainsOverlap(WORLD, chain("a", end("any"), target("acme/db")), other)).toBe(expected);
  });
});

describe("chainsOverlap(): what goes back in one is what the other one leads to its segment", () => {
  test.each<[string, string, string, string, Chain["direction"], boolean]>([
    ["any", "acme/db", "any", "open/db", "both", true],
    ["any", "acme/db", "any", "open/db", "forward", false],
    ["acme/web", "acme/db", "acme/db", "acme/web", "both", true],
    ["acme/web", "acme/db", "acme/db", "acme/web", "forward", false],
    ["acme", "acme/db", "any", "acme/web", "both", true],
    ["acme/web", "acme/db", "any", "open/db", "both", false],
    ["10.1.3.0/24", "acme/db", "acme", "open/web", "both", true],
    ["10.1.2.0/24", "acme/db", "acme", "open/web", "both", false],
    ["192.0.2.0/24", "acme/db", "any", "open/web", "both", false],
  ])("%s > %s, %s > %s, %s: %s", (fromA, toA, fromB, toB, direction, expected) => {
    const forward = chain("a", end(fromA), target(toA));
    const other = { ...chain("b", end(fromB), target(toB)), direction };
    expect(chainsOverlap(WORLD, forward, other)).toBe(expected);
    expect(chainsOverlap(WORLD, other, forward)).toBe(expected);
  });

  test("across networks, where anybody is somebody of the other one", () => {
    const [a, b] = [chain("a", end("any"), target("acme/db")), chain("b", end("any"), target("acme/db"))];
    const both = { direction: "both", network: "other" } as const;
    expect(chainsOverlap(WORLD, a, { ...b, ...both })).toBe(true);
    expect(chainsOverlap(WORLD, a, { ...b, ...both, from: end("acme") })).toBe(false);
  });
});

describe("chainsOverlap() says yes when a flow would take either", () => {
  const names = Object.keys(PARTIES) as PartyName[];
  const ends: readonly ChainEnd[] = [
    { kind: "any" },
    ...["acme", "open", "acme/web", "open/web", "open/db", "acme/db"].map(end),
    ...[
      "0.0.0.0/0",
      "10.1.0.0/16",
      "10.1.1.0/24",
      "10.1.1.16/28",
      "10.1.3.32/27",
      "192.0.2.0/24",
      "::/0",
    ].map((text): ChainEnd => ({ kind: "cidr", prefix: parsePrefix(text) })),
  ];
  const chains = fc
    .record({
      from: fc.constantFrom(...ends),
      to: fc.constantFrom("acme/db", "open/db", "acme/web"),
      direction: fc.constantFrom<Chain["direction"]>("both", "forward"),
    })
    .map(({ from, to, direction }) => ({ ...chain("x", from, target(to)), direction }));
  test("for every sender whose address alone says whose it is", () => {
    // Exceptions are kept out: chains are compared by the bits of addresses, and the first one by name gets the flow.
    const world = { ...WORLD, policies: [], exceptions: [] };
    fc.assert(
      fc.property(
        chains,
        chains,
        fc.constantFrom(...names),
        fc.constantFrom(...names),
        fc.constantFrom<4 | 6>(4, 6),
        (a, b, from, to, family) => {
          const takes = (one: Chain): boolean =>
            passageOf(world, [one], addressOf(from, family), addressOf(to, family)) !== undefined;
          if (takes(a) && takes(b)) expect(chainsOverlap(WORLD, a, b)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

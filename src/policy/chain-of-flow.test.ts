import { describe, expect, test } from "vitest";
import type { Chain } from "../model/index.ts";
import { CASE_WORLD, type PartyName } from "./case-world.case.ts";
import { chainOfFlow } from "./chain-of-flow.ts";
import { addressOf, chain, end, target } from "./chain-world.case.ts";

const WORLD = {
  ...CASE_WORLD,
  policies: [],
  services: [
    {
      name: "shop",
      network: "default",
      tenant: "open",
      segment: "bare",
      addresses: {},
      ports: [{ protocol: "tcp" as const, port: 80 }],
    },
  ],
};

const CHAINS: readonly Chain[] = [
  chain("z-web", end("acme/web"), target("acme/db")),
  chain("tenant", end("acme"), target("open/db")),
  chain("all", end("any"), target("beta/db"), "open/web", "beta/web"),
  chain("served", end("open"), { kind: "service", service: "shop" }),
  chain("outside", end("0.0.0.0/0"), target("plain/web"), "open/db"),
  { ...chain("elsewhere", end("any"), target("acme/web")), network: "other" },
  chain("lost", end("any"), { kind: "service", service: "ghost" }),
];

describe("chainOfFlow()", () => {
  test.each<[PartyName, PartyName, string | undefined, string | undefined]>([
    ["acme/web", "acme/db", "z-web", "z-web"],
    ["acme/web 2", "acme/db 2", "z-web", "z-web"],
    // Who begins it counts, and what an exception says goes before the bits.
    ["acme/db", "acme/web", undefined, undefined],
    ["acting acme/web", "acme/db", "z-web", "z-web"],
    ["acme/web", "acting acme/web", undefined, undefined],
    ["acme/db", "open/db", "tenant", "tenant"],
    ["acme/?", "open/db", "tenant", "tenant"],
    ["beta/web", "open/db", undefined, undefined],
    ["acme/web", "acting open/web", undefined, undefined],
    // Anybody, but machines and the functions themselves.
    ["acme/web", "beta/db", "all", "all"],
    ["outside", "beta/db", "all", "all"],
    ["pinned open/web", "beta/db", "all", "all"],
    ["open/web", "beta/db", undefined, undefined],
    ["acting open/web", "beta/db", undefined, undefined],
    ["beta/web", "beta/db", undefined, undefined],
    ["host-1", "beta/db", undefined, undefined],
    ["gateway-1", "beta/db", undefined, undefined],
    ["open/web", "open/bare", "served", "served"],
    ["acme/web", "open/bare", undefined, undefined],
    ["outside", "plain/web", "outside", undefined],
    ["acme/web", "plain/web", "outside", undefined],
    ["open/db", "plain/web", undefined, undefined],
    ["acme/db", "outside", undefined, undefined],
    ["beta/web", "acme/web", undefined, undefined],
  ])("%s to %s: %s by IPv4, %s by IPv6", (from, to, ipv4, ipv6) => {
    const taken = ([4, 6] as const).map(
      (family) => chainOfFlow(WORLD, CHAINS, addressOf(from, family), addressOf(to, family))?.name,
    );
    expect(taken).toEqual([ipv4, ipv6]);
  });

  test("the first one by its name, where segments that grew have made two overlap", () => {
    const two = ["b", "a"].map((name) => chain(name, end("any"), target("acme/db")));
    const [from, to] = [addressOf("acme/web", 4), addressOf("acme/db", 4)];
    expect(chainOfFlow(WORLD, two, from, to)?.name).toBe("a");
  });
});

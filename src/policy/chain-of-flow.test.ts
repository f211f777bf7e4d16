import { describe, expect, test } from "vitest";
import type { Chain } from "../model/index.ts";
import { CASE_WORLD, type PartyName } from "./case-world.case.ts";
import { passageOf } from "./chain-of-flow.ts";
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
  { ...chain("all", end("any"), target("beta/db"), "open/web", "beta/web"), direction: "both" },
  chain("served", end("open"), { kind: "service", service: "shop" }),
  chain("outside", end("0.0.0.0/0"), target("plain/web"), "open/db"),
  { ...chain("elsewhere", end("any"), target("acme/web")), network: "other" },
  chain("lost", end("any"), { kind: "service", service: "ghost" }),
];

describe("passageOf()", () => {
  test.each<[PartyName, PartyName, string | undefined, string | undefined]>([
    ["acme/web", "acme/db", "z-web forward", "z-web forward"],
    ["acme/web 2", "acme/db 2", "z-web forward", "z-web forward"],
    // What goes back goes straight in a forward chain; what an exception says goes before the bits.
    ["acme/db", "acme/web", undefined, undefined],
    ["acting acme/web", "acme/db", "z-web forward", "z-web forward"],
    ["acme/web", "acting acme/web", undefined, undefined],
    ["acme/db", "open/db", "tenant forward", "tenant forward"],
    ["acme/?", "open/db", "tenant forward", "tenant forward"],
    ["beta/web", "open/db", undefined, undefined],
    ["acme/web", "acting open/web", undefined, undefined],
    // Anybody, back and forth, but hosts and the functions themselves.
    ["acme/web", "beta/db", "all forward", "all forward"],
    ["beta/db", "acme/web", "all reverse", "all reverse"],
    ["outside", "beta/db", "all forward", "all forward"],
    ["beta/db", "outside", "all reverse", "all reverse"],
    ["pinned open/web", "beta/db", "all forward", "all forward"],
    ["beta/db", "beta/db", undefined, undefined],
    ["open/web", "beta/db", undefined, undefined],
    ["beta/db", "open/web", undefined, undefined],
    ["acting open/web", "beta/db", undefined, undefined],
    ["beta/web", "beta/db", undefined, undefined],
    ["gateway-1", "beta/db", undefined, undefined],
    ["beta/db", "gateway-1", undefined, undefined],
    ["host-2", "beta/db", undefined, undefined],
    ["beta/db", "host-2", undefined, undefined],
    ["host-1", "beta/db", "all forward", "all forward"],
    ["open/web", "open/bare", "served forward", "served forward"],
    ["acme/web", "open/bare", undefined, undefined],
    ["outside", "plain/web", "outside forward", undefined],
    ["acme/web", "plain/web", "outside forward", undefined],
    ["open/db", "plain/web", undefined, undefined],
    ["acme/db", "outside", undefined, undefined],
    ["beta/web", "acme/web", undefined, undefined],
  ])("%s to %s: %s by IPv4, %s by IPv6", (from, to, ipv4, ipv6) => {
    const taken = ([4, 6] as const).map((family) => {
      const passage = passageOf(WORLD, CHAINS, addressOf(from, family), addressOf(to, family));
      return passage && `${passage.chain.name} ${passage.way}`;
    });
    expect(taken).toEqual([ipv4, ipv6]);
  });

  test("the first one by its name, where segments that grew have made two overlap", () => {
    const two = ["b", "a"].map((name) => chain(name, end("any"), target("acme/db")));
    const [from, to] = [addressOf("acme/web", 4), addressOf("acme/db", 4)];
    expect(passageOf(WORLD, two, from, to)?.chain.name).toBe("a");
  });
});

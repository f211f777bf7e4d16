import { describe, expect, test } from "vitest";
import type { z } from "zod";
import { type Chain, type Fault, hasCode } from "../model/index.ts";
import { parsePrefix } from "../net/index.ts";
import {
  chainPatchSchema,
  chainResourceSchema,
  chainSchema,
  chainSpecSchema,
  encodeChain,
  encodeChainResource,
} from "./chain.ts";
import { decodeWith } from "./decode.ts";

const SPEC = {
  name: "shop.inspected",
  from: { tenant: "shop", segment: "web" },
  to: { tenant: "shop", segment: "db" },
  through: [{ tenant: "guard", segment: "firewall" }],
};

function faultsOf(schema: z.ZodType, document: unknown): readonly Fault[] {
  try {
    decodeWith(schema, "read", document);
  } catch (error) {
    if (hasCode(error, "invalid-input")) return error.failure.faults;
    throw error;
  }
  return [];
}

describe("a chain", () => {
  const whole: Chain = {
    name: "a",
    network: "main",
    from: { kind: "segment", tenant: "shop", segment: "web" },
    to: { kind: "service", service: "shop.db" },
    through: [
      {
        tenant: "guard",
        segment: "firewall",
        fail: "closed",
        health: {
          protocol: "http",
          port: "admin",
          path: "/up",
          interval: 1000,
          timeout: 500,
          failures: 3,
          successes: 1,
        },
      },
      { tenant: "guard", segment: "ids", fail: "open" },
    ],
    direction: "both",
    places: { forward: [1, 2, 3], reverse: [4, 5, 6] },
    externalId: "ns/a",
  };
  test.each<[string, Chain]>([
    ["with everything", whole],
    [
      "of a tenant, forward",
      {
        ...whole,
        from: { kind: "tenant", tenant: "shop" },
        direction: "forward",
        places: { forward: [61, 62, 63] },
      },
    ],
    ["of a prefix", { ...whole, from: { kind: "cidr", prefix: parsePrefix("2001:db8::/32") } }],
    [
      "of anybody, to a segment",
      { ...whole, from: { kind: "any" }, to: { kind: "segment", tenant: "shop", segment: "db" } },
    ],
  ])("%s comes back as it was", (_, chain) => {
    expect(decodeWith(chainSchema, "read chain", encodeChain(chain))).toEqual(chain);
    const resource = encodeChainResource(chain, 7);
    expect(decodeWith(chainResourceSchema, "read chain", resource)).toEqual({ ...chain, revision: 7 });
  });

  test("what is not said is closed, in both directions, without a network", () => {
    expect(decodeWith(chainSpecSchema, "create chain", SPEC)).toEqual({
      name: "shop.inspected",
      from: { kind: "segment", tenant: "shop", segment: "web" },
      to: { kind: "segment", tenant: "shop", segment: "db" },
      through: [{ tenant: "guard", segment: "firewall", fail: "closed" }],
      direction: "both",
    });
  });

  test("a change has what is changed only", () => {
    expect(decodeWith(chainPatchSchema, "update chain", { externalId: null })).toEqual({ externalId: null });
  });
});

describe("chains that are refused", () => {
  const step = SPEC.through[0];
  test.each<[string, object, string, string]>([
    ["no function", { through: [] }, "through", "has fewer than 1 items"],
    [
      "nine functions",
      { through: Array.from({ length: 9 }, () => step) },
      "through",
      "has more than 8 items",
    ],
    ["nobody", { from: {} }, "from", "one of tenant, cidr and any is wanted"],
    ["two", { from: { tenant: "a", any: true } }, "from", "one of tenant, cidr and any is wanted"],
    [
      "prefix and segment",
      { from: { cidr: "10.0.0.0/8", segment: "a" } },
      "from.segment",
      "wants its tenant, too",
    ],
    ["not anybody", { from: { any: false } }, "from.any", "Invalid input: expected true"],
    ["no segment", { to: { tenant: "a" } }, "to", "tenant and segment are wanted, or service"],
    ["no tenant", { to: { segment: "a" } }, "to", "tenant and segment are wanted, or service"],
    [
      "service of a tenant",
      { to: { tenant: "a", service: "s" } },
      "to",
      "tenant and segment are wanted, or service",
    ],
    [
      "service and segment",
      { to: { tenant: "a", segment: "b", service: "s" } },
      "to",
      "tenant and segment are wanted, or service",
    ],
    ["nothing", { to: {} }, "to", "tenant and segment are wanted, or service"],
    [
      "a third way to fail",
      { through: [{ ...step, fail: "ajar" }] },
      "through.0.fail",
      '"ajar" is not one of open, closed',
    ],
    ["a third direction", { direction: "back" }, "direction", '"back" is not one of both, forward'],
    ["places", { places: { forward: [1, 2] } }, "places", "unknown field"],
    [
      "a name with a slash",
      { name: "a/b" },
      "name",
      '"a/b" is not a name of a chain: 1 to 253 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
    ],
  ])("%s", (_, change, path, reason) => {
    expect(faultsOf(chainSpecSchema, { ...SPEC, ...change })).toEqual([{ path, reason }]);
  });

  test("a network that changes", () => {
    expect(faultsOf(chainPatchSchema, { network: "other" })).toEqual([
      { path: "network", reason: "unknown field" },
    ]);
  });
});

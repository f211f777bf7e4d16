import { describe, expect, test } from "vitest";
import { network, SEED_IPV4, SEED_IPV6 } from "../../test/support/example-world.ts";
import { plansOf } from "../model/index.ts";
import { type Family, parsePrefix } from "../net/index.ts";
import type { Party } from "../rules/index.ts";
import { sidesOf } from "./sides.ts";

const PLANS = plansOf(network("default", SEED_IPV4, SEED_IPV6));

/** Class, form, mask, first and last value, as hexadecimal numbers. */
type Row = readonly [string, string, string, string, string];

describe("sidesOf()", () => {
  const prefix = (text: string): Party => ({ kind: "prefix", prefix: parsePrefix(text) });
  const block = (text: string): Party => ({ kind: "block", block: parsePrefix(text) });
  test.each<[string, Party, Family, Row[]]>([
    ["anybody", { kind: "any" }, 4, [["address", "none", "0", "0", "0"]]],
    ["the own host", { kind: "host" }, 6, [["host", "none", "0", "0", "0"]]],
    ["the network", { kind: "local" }, 4, [["identity", "masked", "ff000000", "a000000", "a000000"]]],
    [
      "a tenant",
      { kind: "tenant", tenant: 3 },
      4,
      [["identity", "masked", "ff00ff00", "a000300", "a000300"]],
    ],
    [
      "a segment",
      { kind: "segment", tenant: 3, code: { code: 2, extraBits: 0 } },
      4,
      [["identity", "masked", "ff00fff0", "a000320", "a000320"]],
    ],
    ["a tenant that the plan has no room for", { kind: "tenant", tenant: 256 }, 4, []],
    ["a prefix", prefix("10.1.2.0/24"), 4, [["address", "range", "0", "a010200", "a0102ff"]]],
    ["one address", prefix("10.1.2.3/32"), 4, [["address", "masked", "ffffffff", "a010203", "a010203"]]],
    ["every address as a prefix", prefix("0.0.0.0/0"), 4, [["address", "none", "0", "0", "0"]]],
    ["a prefix of the other family", prefix("fd00::/8"), 4, []],
    ["an exception", block("192.0.2.9/32"), 4, [["block", "masked", "ffffffff", "c0000209", "c0000209"]]],
    ["an exception of the other family", block("192.0.2.9/32"), 6, []],
  ])("%s", (_, party, family, expected) => {
    const plans = PLANS.filter((plan) => plan.family === family);
    const rows = sidesOf(party, family, plans).map((side) => {
      const { mask, first } = side;
      const last = side.form === "none" ? 0n : side.last;
      return [side.class, side.form, ...[mask, first, last].map((value) => value.toString(16))];
    });
    expect(rows).toEqual(expected);
  });
});

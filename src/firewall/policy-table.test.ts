import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { expectDecided, policyTableOf } from "../../test/support/judged-table.ts";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { POLICY_REASONS, randomPolicyPacket } from "../../test/support/random-policy-packets.ts";
import { createDraw } from "../../test/support/random-world.ts";

const PACKETS = 60;

describe("the whole table decides as the evaluator does", () => {
  test.each([false, true])("random packets in random worlds with policies; drops logged: %s", (drops) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const table = policyTableOf(world, drops);
        for (let count = 0; count < PACKETS; count++) {
          const reason = expectDecided(table, world, randomPolicyPacket(draw, world), seed);
          seen.set(reason, (seen.get(reason) ?? 0) + 1);
        }
      }),
      { numRuns: 200 },
    );
    expect([...seen].filter(([, count]) => count < 10)).toEqual([]);
    expect([...seen.keys()].sort()).toEqual([...POLICY_REASONS]);
  });
});

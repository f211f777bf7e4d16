import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomPolicyWorld, randomPolicyWorld } from "../../test/support/random-policies.ts";
import {
  describePacket,
  isLetInWithoutState,
  judged,
  POLICY_REASONS,
  randomPolicyPacket,
  reasonOf,
  type Sent,
} from "../../test/support/random-policy-packets.ts";
import { createDraw } from "../../test/support/random-world.ts";
import { compilePolicies } from "../rules/index.ts";
import { createTable } from "./compile.ts";
import { interpret, isUntracked, type KernelPacket } from "./interpret.ts";
import { PolicyRules } from "./policy-rules.ts";
import type { Table } from "./table.ts";

const PACKETS = 60;

describe("the whole table decides as the evaluator does", () => {
  test.each([false, true])("random packets in random worlds with policies; drops logged: %s", (drops) => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const table = tableOf(world, drops);
        for (let count = 0; count < PACKETS; count++) {
          const packet = randomPolicyPacket(draw, world);
          const asked = kernelPacket(packet);
          const isTracked = !isUntracked(table, asked);
          const state = isTracked ? packet.state : "new";
          const judgement = judged(world, { ...packet, state });
          const { verdict } = judgement;
          const reason = reasonOf(world, packet, judgement);
          seen.set(reason, (seen.get(reason) ?? 0) + 1);
          const where = describePacket(packet, seed);
          if (isLetInWithoutState(world, packet, judgement)) expect(isTracked, where).toBe(false);
          expect(interpret(table, { ...asked, state }), where).toEqual(
            verdict === "drop" ? { verdict, counter: reason } : { verdict },
          );
        }
      }),
      { numRuns: 200 },
    );
    expect([...seen].filter(([, count]) => count < 10)).toEqual([]);
    expect([...seen.keys()].sort()).toEqual([...POLICY_REASONS]);
  });
});

function tableOf(world: RandomPolicyWorld, drops: boolean): Table {
  return createTable({
    ...world,
    policyRules: new PolicyRules(world.networks, compilePolicies(world)),
    packetLog: { group: 5, perSecond: 10, drops },
  });
}

function kernelPacket(packet: Sent): KernelPacket {
  const { name, index } = packet.device;
  return { ...packet, device: { name, index: index ?? 0 }, interfaceName: name };
}

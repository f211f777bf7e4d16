import { expect } from "vitest";
import { createTable } from "../../src/firewall/compile.ts";
import { interpret, isUntracked, type KernelPacket } from "../../src/firewall/interpret.ts";
import { PolicyRules } from "../../src/firewall/policy-rules.ts";
import type { Table } from "../../src/firewall/table.ts";
import { compilePolicies } from "../../src/rules/index.ts";
import type { RandomPolicyWorld } from "./random-policies.ts";
import { describePacket, isLetInWithoutState, judged, reasonOf, type Sent } from "./random-policy-packets.ts";

/** The table of the world's host, with everything that a host's table may have. */
export function policyTableOf(world: RandomPolicyWorld, drops: boolean): Table {
  return createTable({
    ...world,
    policyRules: new PolicyRules(world.networks, compilePolicies(world)),
    packetLog: { group: 5, perSecond: 10, drops },
  });
}

/** Asserts that the table does to the packet what the evaluator says; returns the evaluator's reason. */
export function expectDecided(table: Table, world: RandomPolicyWorld, packet: Sent, seed: number): string {
  const asked = kernelPacketOf(packet);
  const isTracked = !isUntracked(table, asked);
  const state = isTracked ? packet.state : "new";
  const judgement = judged(world, { ...packet, state });
  const { verdict } = judgement;
  const reason = reasonOf(world, packet, judgement);
  const where = describePacket(packet, seed);
  if (isLetInWithoutState(world, packet, judgement)) expect(isTracked, where).toBe(false);
  expect(interpret(table, { ...asked, state }), where).toEqual(
    verdict === "drop" ? { verdict, counter: reason } : { verdict },
  );
  return reason;
}

function kernelPacketOf(packet: Sent): KernelPacket {
  const { name, index } = packet.device;
  return { ...packet, device: { name, index: index ?? 0 }, interfaceName: name };
}

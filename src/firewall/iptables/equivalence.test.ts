import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomPolicyWorld, randomPolicyWorld } from "../../../test/support/random-policies.ts";
import {
  describePacket,
  isLetInWithoutState,
  judged,
  POLICY_REASONS,
  randomPolicyPacket,
  reasonOf,
  type Sent,
} from "../../../test/support/random-policy-packets.ts";
import { createDraw } from "../../../test/support/random-world.ts";
import { flowOf, PROTOCOL } from "../../policy/index.ts";
import { compilePolicies } from "../../rules/index.ts";
import { dropReason } from "./drop-chains.ts";
import { type IptablesInput, NOTHING_SAVED } from "./input.ts";
import { interpretFirewall, type ParsedFirewall, parseFirewall, type WirePacket } from "./interpret.case.ts";
import { renderIptables } from "./render.ts";

const PACKETS = 60;

describe("the rules decide as the evaluator does", () => {
  test("random packets in random worlds with random policies", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const firewall = firewallOf(world);
        for (let count = 0; count < PACKETS; count++) {
          const packet = randomPolicyPacket(draw, world);
          const outcome = interpretFirewall(firewall[packet.source.family], wirePacket(packet));
          const seenState = outcome.isTracked ? packet.state : "new";
          const judgement = judged(world, { ...packet, state: seenState });
          const { verdict } = judgement;
          const reason = reasonOf(world, packet, judgement);
          seen.set(reason, (seen.get(reason) ?? 0) + 1);
          const where = describePacket(packet, seed);
          const told = outcome.chain === undefined ? {} : { reason: dropReason(outcome.chain) };
          if (isLetInWithoutState(world, packet, judgement)) expect(outcome.isTracked, where).toBe(false);
          expect({ verdict: outcome.verdict, ...told }, where).toEqual(
            verdict === "drop" ? { verdict, reason } : { verdict },
          );
        }
      }),
      { numRuns: 300 },
    );
    expect([...seen].filter(([, count]) => count < 10)).toEqual([]);
    expect([...seen.keys()].sort()).toEqual([...POLICY_REASONS]);
  });
});

function firewallOf(world: RandomPolicyWorld): Record<4 | 6, ParsedFirewall> {
  const safetyNet = { services: [{ protocol: PROTOCOL.tcp, port: 22 }], destinations: [] };
  const input: IptablesInput = { ...world, rules: compilePolicies(world), safetyNet };
  const texts = renderIptables(input, { generation: "A", saved: { 4: NOTHING_SAVED, 6: NOTHING_SAVED } });
  return {
    4: parseFirewall(texts.ipset4, texts.iptables),
    6: parseFirewall(texts.ipset6, texts.ip6tables),
  };
}

function wirePacket(packet: Sent): WirePacket {
  const { traffic, arrival, delivery, device } = packet;
  return {
    ...flowOf(packet),
    hopLimit: traffic.kind === "neighbour-discovery" ? traffic.hopLimit : 64,
    isMulticast: traffic.kind === "multicast",
    isEstablished: packet.state === "established",
    path: arrival.from === "host" ? "output" : delivery === "host" ? "input" : "forward",
    device: device.name,
  };
}

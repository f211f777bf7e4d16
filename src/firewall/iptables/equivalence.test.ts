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
import type { PolicyRule, PolicyVerdict } from "../../model/index.ts";
import { evaluateEndpoint, evaluateMachine, flowOf, PROTOCOL } from "../../policy/index.ts";
import { compilePolicies, type RuleReference } from "../../rules/index.ts";
import { dropReason } from "./drop-chains.ts";
import type { CountedRules } from "./input.ts";
import { type IptablesInput, NOTHING_SAVED } from "./input.ts";
import {
  type CountedAt,
  interpretFirewall,
  type ParsedFirewall,
  parseFirewall,
  type WirePacket,
} from "./interpret.case.ts";
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
          const outcome = interpretFirewall(firewall[packet.source.family].parsed, wirePacket(packet));
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

describe("what counts", () => {
  /** Reasons that a rule of a policy, or isolation by one, gives, with the verdict that is counted last. */
  const COUNTED: Readonly<Record<string, CountedVerdict>> = {
    allowed: "accept",
    denied: "drop",
    "not-allowed": "isolation",
  };

  test("are rules that match, each direction by one at most, and the last is who decides", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const firewall = firewallOf(world);
        for (let count = 0; count < PACKETS; count++) {
          const packet = randomPolicyPacket(draw, world);
          const { parsed, counted } = firewall[packet.source.family];
          const outcome = interpretFirewall(parsed, wirePacket(packet));
          const rules = outcome.counted.flatMap((at) => ruleAt(counted, at) ?? []);
          const where = `${describePacket(packet, seed)} ${JSON.stringify(rules)}`;
          const settling = rules
            .map((rule) => ({ ...rule, verdict: verdictOf(world, rule) }))
            .filter(({ verdict }) => verdict !== "log" && verdict !== "pass");
          for (const rule of rules) expect(isMatched(world, packet, rule), where).toBe(true);
          const directions = settling.flatMap((rule) => ruleOf(world, rule)?.direction ?? []);
          expect(new Set(directions).size, where).toBe(directions.length);
          const state = outcome.isTracked ? packet.state : "new";
          const { reason } = judged(world, { ...packet, state });
          if (reason === "spoofed-source") expect(rules, where).toEqual([]);
          const expected = COUNTED[reason];
          if (expected === undefined) continue;
          expect(settling.at(-1)?.verdict, where).toBe(expected);
          seen.set(expected, (seen.get(expected) ?? 0) + 1);
        }
      }),
      { numRuns: 200 },
    );
    expect([...seen.values()].filter((count) => count > 100)).toHaveLength(3);
  });
});

type CountedVerdict = PolicyVerdict | "isolation";

/** The rule that a place counts for. */
function ruleAt({ chains, sets }: CountedRules, at: CountedAt): RuleReference | undefined {
  if ("chain" in at) return chains.get(at.chain)?.[at.index];
  const rule = sets.get(at.set.replace(/^ROMANA-A[46]/, ""))?.get(at.element);
  if (rule === undefined) throw new Error(`nobody knows whom ${at.element} in ${at.set} counts for`);
  return rule;
}

function ruleOf({ policies }: RandomPolicyWorld, { policy, rule }: RuleReference): PolicyRule | undefined {
  return policies.find(({ id }) => id === policy)?.rules[rule];
}

function verdictOf(world: RandomPolicyWorld, reference: RuleReference): CountedVerdict {
  return ruleOf(world, reference)?.verdict ?? "isolation";
}

/** Whether the rule, were it the only one, would match the packet on any of its ways; or who isolates, isolates at all. */
function isMatched(world: RandomPolicyWorld, packet: Sent, reference: RuleReference): boolean {
  const policy = world.policies.find(({ id }) => id === reference.policy);
  const rule = ruleOf(world, reference);
  if (policy === undefined || rule === undefined) return policy !== undefined && policy.isolates.length > 0;
  const alone = { ...world, policies: [{ ...policy, tier: "admin", isolates: [], rules: [rule] } as const] };
  const flow = flowOf(packet);
  const { direction } = rule;
  const asMachine = { flow, interfaceName: packet.device.name };
  const decisions = [false, true].flatMap((flag) => [
    evaluateEndpoint(alone, direction, flow, { ownHost: flag }),
    evaluateMachine(alone, direction, { ...asMachine, isOwnEndpoint: flag }),
  ]);
  return decisions.some(({ considered }) => considered.some(({ outcome }) => outcome === "matched"));
}

/** The rules of a family, and what they count for. */
interface Rendered {
  readonly parsed: ParsedFirewall;
  readonly counted: CountedRules;
}

function firewallOf(world: RandomPolicyWorld): Record<4 | 6, Rendered> {
  const safetyNet = { services: [{ protocol: PROTOCOL.tcp, port: 22 }], destinations: [] };
  const input: IptablesInput = { ...world, rules: compilePolicies(world), safetyNet };
  const texts = renderIptables(input, { generation: "A", saved: { 4: NOTHING_SAVED, 6: NOTHING_SAVED } });
  return {
    4: { parsed: parseFirewall(texts.ipset4, texts.iptables), counted: texts.counted[4] },
    6: { parsed: parseFirewall(texts.ipset6, texts.ip6tables), counted: texts.counted[6] },
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

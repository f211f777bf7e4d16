import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type RandomPolicyWorld,
  randomFlow,
  randomMachineTraffic,
  randomPolicyWorld,
} from "../../test/support/random-policies.ts";
import { createDraw, type Draw } from "../../test/support/random-world.ts";
import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { plansOf } from "../model/index.ts";
import { formatAddress, isSameAddress } from "../net/index.ts";
import { EVALUATE_CASES } from "../policy/evaluate-cases.case.ts";
import { evaluateEndpoint, evaluateMachine, type Flow, type PolicyDecision } from "../policy/index.ts";
import { compilePolicies } from "../rules/index.ts";
import { createTable } from "./compile.ts";
import { isUntracked } from "./interpret.ts";
import { PolicyRules } from "./policy-rules.ts";
import { createRulesEngine, packetOf, type RulesEngine } from "./rules-engine.ts";
import type { Table } from "./table.ts";

const FLOWS = 40;

/** Checks flows of random worlds, and counts how they were decided. */
function compare(
  check: (world: RandomPolicyWorld, engine: RulesEngine, draw: Draw) => readonly PolicyDecision[],
): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const draw = createDraw(seed);
      const world = randomPolicyWorld(draw);
      const engine = createRulesEngine(world);
      for (let count = 0; count < FLOWS; count++) {
        for (const { verdict, decidedBy } of check(world, engine, draw)) {
          const key = `${decidedBy.kind} ${verdict}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
      }
    }),
    { numRuns: 400, examples: [[-1345631417]] },
  );
  return seen;
}

function hasFamily(world: RandomPolicyWorld, { destination: { family } }: Flow): boolean {
  return (
    world.networks.some(({ plans }) => (family === 4 ? plans.ipv4 : plans.ipv6) !== undefined) ||
    world.exceptions.some(({ blocks }) => blocks.some((block) => block.family === family))
  );
}

/** An echo request to a gateway address of the host that is asked. */
function isEchoToGateway({ networks, hosts: [host] }: RandomPolicyWorld, flow: Flow): boolean {
  if (host === undefined || flow.icmp?.type !== (flow.destination.family === 4 ? 8 : 128)) return false;
  return networks.some((network) =>
    plansOf(network).some((plan) =>
      isSameAddress(gatewayAddress(plan, hostPosition(network, host)), flow.destination),
    ),
  );
}

const where = ({ source, destination, protocol, port, icmp }: Flow): string =>
  `${formatAddress(source)} to ${formatAddress(destination)} ${protocol}/${port ?? ""} ${JSON.stringify(icmp)}`;

describe("compiled policies decide as the evaluator does", () => {
  test.each(EVALUATE_CASES.map((one) => [one.name, one] as const))(
    "%s",
    (_, { world, direction, flow, ownHost, machine, expected }) => {
      const side = { ...(ownHost && { ownHost }), ...(machine && { machine }) };
      expect(createRulesEngine(world)(direction, flow, side)).toBe(expected.verdict);
    },
  );

  test.each(["ingress", "egress"] as const)("%s of endpoints", (direction) => {
    const seen = compare((world, engine, draw) => {
      const flow = randomFlow(draw, world);
      if (!hasFamily(world, flow)) return [];
      const decision = evaluateEndpoint(world, direction, flow);
      expect(engine(direction, flow), where(flow)).toBe(decision.verdict);
      return [decision];
    });
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("egress of endpoints to their own host, and ingress from it", () => {
    const seen = compare((world, engine, draw) => {
      const flow = randomFlow(draw, world);
      if (!hasFamily(world, flow)) return [];
      return (["ingress", "egress"] as const).flatMap((direction) => {
        const decision = evaluateEndpoint(world, direction, flow, { ownHost: true });
        expect(engine(direction, flow, { ownHost: true }), `${direction} ${where(flow)}`).toBe(
          decision.verdict,
        );
        return [decision];
      });
    });
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("machines", () => {
    const seen = compare((world, engine, draw) => {
      const { flow, ...machine } = randomMachineTraffic(draw, world);
      return (["ingress", "egress"] as const).map((direction) => {
        const decision = evaluateMachine(world, direction, { flow, ...machine });
        // What no rule decides about is the gateway's to answer, if an own endpoint asks for that.
        const isOffered = direction === "ingress" && machine.isOwnEndpoint && isEchoToGateway(world, flow);
        const expected = isOffered && decision.decidedBy.kind !== "rule" ? "accept" : decision.verdict;
        expect(engine(direction, flow, { machine }), `${direction} ${where(flow)}`).toBe(expected);
        return decision;
      });
    });
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("what is accepted without state is kept from connection tracking", () => {
    const tables = new WeakMap<RandomPolicyWorld, Table>();
    const tableOf = (world: RandomPolicyWorld): Table => {
      const known = tables.get(world);
      if (known !== undefined) return known;
      const policyRules = new PolicyRules(world.networks, compilePolicies(world));
      const table = createTable({ ...world, policyRules });
      tables.set(world, table);
      return table;
    };
    const seen = compare((world, _, draw) => {
      const flow = randomFlow(draw, world);
      const decision = evaluateEndpoint(world, "ingress", flow);
      if (!hasFamily(world, flow) || decision.verdict === "drop" || decision.stateful) return [];
      expect(isUntracked(tableOf(world), packetOf(flow, "eth0")), where(flow)).toBe(true);
      return [decision];
    });
    expect(seen.get("rule accept")).toBeGreaterThan(50);
  });
});

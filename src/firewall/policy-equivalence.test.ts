import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type RandomPolicyWorld,
  randomFlow,
  randomMachineTraffic,
  randomPolicyWorld,
} from "../../test/support/random-policies.ts";
import { createDraw } from "../../test/support/random-world.ts";
import { formatAddress } from "../net/index.ts";
import { evaluateEndpoint, evaluateMachine, type Flow, type PolicyDecision } from "../policy/index.ts";
import { compilePolicies } from "../rules/index.ts";
import { createTable } from "./compile.ts";
import { interpretChain, isUntracked, type KernelPacket } from "./interpret.ts";
import { PolicyRules } from "./policy-rules.ts";
import type { Table } from "./table.ts";

const FLOWS = 40;

function tableOf(world: RandomPolicyWorld): Table {
  return createTable({ ...world, policyRules: new PolicyRules(world.networks, compilePolicies(world)) });
}

function packetOf(flow: Flow, interfaceName = "eth0"): KernelPacket {
  const { source, destination, protocol, port, icmp } = flow;
  const traffic =
    icmp !== undefined
      ? ({ kind: "icmp", ...icmp } as const)
      : port !== undefined && (protocol === 6 || protocol === 17 || protocol === 132)
        ? ({ kind: protocol === 6 ? "tcp" : protocol === 17 ? "udp" : "sctp", port } as const)
        : ({ kind: "protocol", protocol } as const);
  return {
    source,
    destination,
    traffic,
    interfaceName,
    arrival: { from: "elsewhere" },
    delivery: "forward",
    state: "new",
    device: { name: interfaceName, index: 9 },
  };
}

function sees(table: Table, chain: string, packet: KernelPacket): "accept" | "drop" {
  return table.chains.some(({ name }) => name === chain)
    ? interpretChain(table, chain, packet).verdict
    : "accept";
}

/** Runs flows of random worlds and counts how they were decided. */
function compare(
  check: (world: RandomPolicyWorld, table: Table, seed: ReturnType<typeof createDraw>) => PolicyDecision[],
): ReadonlyMap<string, number> {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const draw = createDraw(seed);
      const world = randomPolicyWorld(draw);
      const table = tableOf(world);
      for (let count = 0; count < FLOWS; count++) {
        for (const { verdict, decidedBy } of check(world, table, draw)) {
          const key = `${decidedBy.kind} ${verdict}`;
          seen.set(key, (seen.get(key) ?? 0) + 1);
        }
      }
    }),
    { numRuns: 400 },
  );
  return seen;
}

const where = ({ source, destination, protocol, port, icmp }: Flow): string =>
  `${formatAddress(source)} to ${formatAddress(destination)} ${protocol}/${port ?? ""} ${JSON.stringify(icmp)}`;

describe("compiled policies decide as the evaluator does", () => {
  test.each(["ingress", "egress"] as const)("%s of endpoints", (direction) => {
    const seen = compare((world, table, draw) => {
      const flow = randomFlow(draw, world);
      const { family } = flow.destination;
      const chain = direction === "ingress" ? `to_endpoint${family}` : `egress${family}`;
      if (!table.chains.some(({ name }) => name === `to_endpoint${family}`)) return [];
      const decision = evaluateEndpoint(world, direction, flow);
      expect(sees(table, chain, packetOf(flow)), where(flow)).toBe(decision.verdict);
      return [decision];
    });
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("egress of endpoints to their own host, and ingress from it", () => {
    const seen = compare((world, table, draw) => {
      const flow = randomFlow(draw, world);
      const { family } = flow.destination;
      if (!table.chains.some(({ name }) => name === `to_endpoint${family}`)) return [];
      return (["ingress", "egress"] as const).flatMap((direction) => {
        const isException = world.exceptions.some(({ blocks }) =>
          blocks.some(({ family: own, value }) => own === family && value === flow.destination.value),
        );
        if (direction === "egress" && isException) return [];
        const decision = evaluateEndpoint(world, direction, flow, { ownHost: true });
        const chain = direction === "ingress" ? `from_host${family}` : `egress${family}_host`;
        expect(sees(table, chain, packetOf(flow)), `${direction} ${where(flow)}`).toBe(decision.verdict);
        return [decision];
      });
    });
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("machines", () => {
    compare((world, table, draw) => {
      const traffic = randomMachineTraffic(draw, world);
      const { flow, interfaceName, isOwnEndpoint } = traffic;
      const { family } = flow.destination;
      return (["ingress", "egress"] as const).map((direction) => {
        const decision = evaluateMachine(world, direction, traffic);
        const short = direction === "ingress" ? "in" : "out";
        const chain = `${isOwnEndpoint ? "host" : "machine"}_${short}${family}`;
        expect(sees(table, chain, packetOf(flow, interfaceName)), `${direction} ${where(flow)}`).toBe(
          decision.verdict,
        );
        return decision;
      });
    });
  });

  test("what is accepted without state is kept from connection tracking", () => {
    let count = 0;
    compare((world, table, draw) => {
      const flow = randomFlow(draw, world);
      const decision = evaluateEndpoint(world, "ingress", flow);
      if (!table.chains.some(({ name }) => name === `to_endpoint${flow.destination.family}`)) return [];
      if (decision.verdict === "drop" || decision.stateful) return [];
      expect(isUntracked(table, packetOf(flow)), where(flow)).toBe(true);
      count++;
      return [decision];
    });
    expect(count).toBeGreaterThan(50);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomPolicyWorld, randomFlow, randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw, type Draw } from "../../test/support/random-world.ts";
import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { plansOf } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { evaluateEndpoint } from "./evaluate.ts";
import { explainFlow, type FlowSettings, type SideDecision } from "./explain-flow.ts";
import type { Flow } from "./flow.ts";
import { createFlowJudge } from "./judge-flows.ts";
import { PROTOCOL } from "./traffic-match.ts";

const FLOWS = 60;

describe("createFlowJudge() answers as the evaluator does", () => {
  test("random flows in random worlds", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const settings: FlowSettings = {
          interfaceName: draw.pick(["eth0", "docker0"]),
          gatewayServices: world.gatewayServices,
          isBrief: draw.pick([true, false]),
        };
        const judge = createFlowJudge(world, settings);
        for (let count = 0; count < FLOWS; count++) {
          const flow = count % 6 === 0 ? flowToGateway(draw, world) : randomFlow(draw, world);
          const { verdict, egress, ingress } = judge(flow);
          const slow = explainFlow(world, flow, settings);
          const where = `${formatAddress(flow.source)} to ${formatAddress(flow.destination)}`;
          expect(verdict, where).toBe(slow.verdict);
          for (const [fast, side] of [
            [egress, slow.egress],
            [ingress, slow.ingress],
          ]) {
            expect(fast?.host, where).toBe(side?.host);
            expect(fast && brief(fast.decision), where).toEqual(side && brief(side.decision));
            const kind = side?.decision.decidedBy.kind ?? "nobody";
            seen.set(kind, (seen.get(kind) ?? 0) + 1);
          }
        }
      }),
      { numRuns: 150 },
    );
    expect([...seen.keys()].sort()).toEqual([
      "gateway-service",
      "isolated",
      "nobody",
      "open",
      "own-host",
      "rule",
      "same-segment",
      "same-tenant",
      "to-host",
    ]);
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
  });

  test("between endpoints of two hosts both directions are those of evaluateEndpoint()", () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const judge = createFlowJudge({ ...world, hosts: [] });
        for (let count = 0; count < FLOWS; count++) {
          const flow = randomFlow(draw, world);
          const { egress, ingress } = judge(flow);
          for (const [direction, side] of [
            ["egress", egress],
            ["ingress", ingress],
          ] as const) {
            if (side === undefined) continue;
            expect(brief(side.decision)).toEqual(
              brief(evaluateEndpoint({ ...world, hosts: [] }, direction, flow)),
            );
            compared++;
          }
        }
      }),
      { numRuns: 60 },
    );
    expect(compared).toBeGreaterThan(1000);
  });
});

/** From anybody to the gateway address of some host: a ping, or one of the services. */
function flowToGateway(draw: Draw, world: RandomPolicyWorld): Flow {
  const flow = randomFlow(draw, world);
  const network = draw.pick(world.networks);
  const plan = plansOf(network).find(({ family }) => family === flow.source.family);
  if (plan === undefined) return flow;
  const destination = gatewayAddress(plan, hostPosition(network, draw.pick(world.hosts)));
  const { source } = flow;
  const ping = source.family === 4 ? { protocol: 1, type: 8 } : { protocol: 58, type: 128 };
  return draw.pick([
    { source, destination, protocol: PROTOCOL.udp, port: 53 },
    { source, destination, protocol: ping.protocol, icmp: { type: ping.type, code: 0 } },
  ]);
}

function brief({ verdict, stateful, decidedBy, logged }: SideDecision): Omit<SideDecision, "considered"> {
  return { verdict, stateful, decidedBy, logged };
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDraw, randomPacket, randomWorld } from "../../test/support/random-world.ts";
import { formatAddress } from "../net/index.ts";
import { judge } from "../policy/index.ts";
import { createTable } from "./compile.ts";
import { interpret } from "./interpret.ts";

const PACKETS = 50;

describe("the table decides as the evaluator does", () => {
  test("random packets in random worlds", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const input = randomWorld(draw);
        const table = createTable(input);
        for (let count = 0; count < PACKETS; count++) {
          const packet = randomPacket(draw, input);
          const { verdict, reason } = judge(
            { ...input, hosts: [] },
            input.host,
            input.gatewayServices,
            packet,
          );
          seen.set(reason, (seen.get(reason) ?? 0) + 1);
          const where = `${formatAddress(packet.source)} to ${formatAddress(packet.destination)}`;
          expect(interpret(table, packet), where).toEqual(
            verdict === "drop" ? { verdict, counter: reason } : { verdict },
          );
        }
      }),
      { numRuns: 400 },
    );
    expect(Math.min(...seen.values()), JSON.stringify([...seen])).toBeGreaterThan(10);
    expect([...seen.keys()].sort()).toEqual([
      "established",
      "foreign",
      "from-outside",
      "gateway-service",
      "isolation",
      "multicast",
      "neighbour-discovery",
      "open-tenant",
      "same-segment",
      "same-tenant",
      "sending",
      "spoofed-source",
      "to-host",
    ]);
  });
});

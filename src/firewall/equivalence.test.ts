import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type ArrivedPacket,
  createDraw,
  type Draw,
  randomPacket,
  randomWorld,
} from "../../test/support/random-world.ts";
import { formatAddress, parseAddress } from "../net/index.ts";
import { judge } from "../policy/index.ts";
import { createTable } from "./compile.ts";
import { interpret } from "./interpret.ts";

const PACKETS = 50;

/** The packet, or one of its sender's that asks for a configuration or for metadata. */
function guestPacket(draw: Draw, packet: ArrivedPacket): ArrivedPacket {
  const { family } = packet.source;
  const starting = parseAddress(family === 4 ? "0.0.0.0" : draw.pick(["fe80::1", "::"]));
  const source = draw.pick([packet.source, starting]);
  const asking = { ...packet, source, delivery: "host", traffic: { kind: "configuration" } } as const;
  const metadata: ArrivedPacket = {
    ...packet,
    destination: parseAddress("169.254.169.254"),
    delivery: "host",
    traffic: { kind: "tcp", port: draw.pick([80, 81]) },
  };
  return draw.pick([packet, asking, family === 4 ? metadata : asking]);
}

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

  test("random packets where guests are served", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const guestServices = { dhcp: draw.pick([true, false]), metadata: draw.pick([true, false]) };
        const input = { ...randomWorld(draw), guestServices };
        const table = createTable(input);
        for (let count = 0; count < PACKETS; count++) {
          const packet = guestPacket(draw, randomPacket(draw, input));
          const world = { ...input, hosts: [] };
          const { verdict, reason } = judge(world, input.host, input.gatewayServices, packet, {
            guestServices,
          });
          seen.set(reason, (seen.get(reason) ?? 0) + 1);
          const where = `seed ${seed}: ${formatAddress(packet.source)} ${JSON.stringify(packet.traffic)}`;
          expect(interpret(table, packet), where).toEqual(
            verdict === "drop" ? { verdict, counter: reason } : { verdict },
          );
        }
      }),
      { numRuns: 200 },
    );
    const counts = ["configuration", "multicast", "to-host", "gateway-service"].map(
      (reason) => seen.get(reason) ?? 0,
    );
    expect(Math.min(...counts), JSON.stringify([...seen])).toBeGreaterThan(10);
  });
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type RandomPolicyWorld,
  randomFlow,
  randomPolicyWorld,
} from "../../../test/support/random-policies.ts";
import { createDraw, type Draw, randomPacket, UNDERLAY_DEVICE } from "../../../test/support/random-world.ts";
import { gatewayAddress, hostPosition } from "../../addressing/index.ts";
import { firstAddress, formatAddress, type Prefix, prefixContains } from "../../net/index.ts";
import {
  evaluateEndpoint,
  type Flow,
  flowOf,
  type Judgement,
  judge,
  ownerOf,
  type Packet,
  PROTOCOL,
} from "../../policy/index.ts";
import { compilePolicies } from "../../rules/index.ts";
import { ownPrefixes } from "../input.ts";
import { dropReason } from "./drop-chains.ts";
import { type IptablesInput, NOTHING_SAVED } from "./input.ts";
import { interpretFirewall, type ParsedFirewall, parseFirewall, type WirePacket } from "./interpret.case.ts";
import { renderIptables } from "./render.ts";

const PACKETS = 60;

/** A packet with the device that it comes or goes by. */
type Sent = Packet & { readonly device: { readonly name: string } };

describe("the rules decide as the evaluator does", () => {
  test("random packets in random worlds with random policies", () => {
    const seen = new Map<string, number>();
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const firewall = firewallOf(world);
        for (let count = 0; count < PACKETS; count++) {
          const packet = draw.pick([randomPacket, between, between, toGateway])(draw, world);
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
    expect([...seen.keys()].sort()).toEqual([
      "allowed",
      "denied",
      "established",
      "foreign",
      "from-outside",
      "from-own-host",
      "gateway-service",
      "isolation",
      "multicast",
      "neighbour-discovery",
      "not-allowed",
      "open-tenant",
      "same-segment",
      "same-tenant",
      "sending",
      "spoofed-source",
      "to-host",
    ]);
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

function judged(world: RandomPolicyWorld, packet: Sent): Judgement {
  return judge(
    world,
    world.host,
    world.gatewayServices,
    { ...packet, interfaceName: packet.device.name },
    { pinned: pinnedOf(world) },
  );
}

/** The rule model has no tenants of exceptions, so that the rules count those of unknown tenants with all others. */
function reasonOf(
  { exceptions }: RandomPolicyWorld,
  { source }: Packet,
  { reason }: Judgement,
): Judgement["reason"] {
  const isException = exceptions.some(({ blocks }) => blocks.some((block) => prefixContains(block, source)));
  return reason === "from-outside" && isException ? "isolation" : reason;
}

/** Blocks of devices that no plan holds. */
function pinnedOf({ devices, networks }: RandomPolicyWorld): readonly Prefix[] {
  const plans = networks.flatMap(({ plans }) => [plans.ipv4, plans.ipv6]);
  return devices
    .flatMap(({ owns }) => owns)
    .filter((block) => !plans.some((plan) => plan !== undefined && prefixContains(plan.prefix, block)));
}

/** A rule that is not stateful lets a packet from elsewhere in to an own endpoint. */
function isLetInWithoutState(world: RandomPolicyWorld, packet: Sent, { reason }: Judgement): boolean {
  if (reason !== "allowed" || packet.arrival.from !== "elsewhere" || packet.delivery !== "forward")
    return false;
  return !evaluateEndpoint(world, "ingress", flowOf(packet)).stateful;
}

/** What to look for when a packet is decided otherwise. */
function describePacket(
  { source, destination, arrival, delivery, state, traffic }: Sent,
  seed: number,
): string {
  const how = JSON.stringify({ from: arrival.from, delivery, state, ...traffic });
  return `seed ${seed}: ${formatAddress(source)} to ${formatAddress(destination)} ${how}`;
}

/** From an own endpoint to what its host may offer. */
function toGateway(draw: Draw, world: RandomPolicyWorld): Sent {
  const packet: Sent = randomPacket(draw, world);
  const { family } = packet.source;
  const gateways = ownPrefixes(world, family).map(({ network, plan }) =>
    gatewayAddress(plan, hostPosition(network, world.host)),
  );
  const device = world.devices.find(({ owns }) => owns.some((block) => block.family === family));
  const source = device?.owns.find((block) => block.family === family);
  if (device === undefined || source === undefined || gateways.length === 0) return packet;
  return {
    ...packet,
    source: firstAddress(source),
    destination: draw.pick(gateways),
    arrival: { from: "endpoint", owns: device.owns },
    device,
    delivery: "host",
    state: "new",
    traffic: draw.pick<Packet["traffic"]>([
      { kind: "udp", port: 53 },
      { kind: "echo-request" },
      { kind: "tcp", port: 53 },
    ]),
  };
}

/** A flow between anybody, from wherever it may come. */
function between(draw: Draw, world: RandomPolicyWorld): Sent {
  const flow = randomFlow(draw, world);
  // A machine has no address of a segment.
  const canBeHost = ownerOf(world, flow.destination)?.segment === undefined;
  const owner = world.devices.find(({ owns }) => owns.some((block) => prefixContains(block, flow.source)));
  const arrival: Packet["arrival"] =
    owner !== undefined && owner.index !== undefined && draw.between(0, 9) > 0
      ? { from: "endpoint", owns: owner.owns }
      : draw.pick([{ from: "elsewhere" }, { from: "elsewhere" }, { from: "host" }] as const);
  return {
    source: flow.source,
    destination: flow.destination,
    arrival,
    delivery: canBeHost && arrival.from !== "host" ? draw.pick(["forward", "host"] as const) : "forward",
    device: arrival.from === "endpoint" && owner ? owner : draw.pick([UNDERLAY_DEVICE, { name: "docker0" }]),
    state: draw.pick(["new", "new", "new", "established"] as const),
    traffic: trafficOf(flow),
  };
}

function trafficOf({ protocol, port, icmp }: Flow): Packet["traffic"] {
  if (icmp !== undefined) return { kind: "icmp", ...icmp };
  const kind = (["tcp", "udp", "sctp"] as const).find((name) => PROTOCOL[name] === protocol);
  return kind !== undefined && port !== undefined ? { kind, port } : { kind: "protocol", protocol };
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

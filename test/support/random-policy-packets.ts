import { gatewayAddress, hostPosition } from "../../src/addressing/index.ts";
import { ownPrefixes } from "../../src/firewall/input.ts";
import { firstAddress, formatAddress, type Prefix, prefixContains } from "../../src/net/index.ts";
import {
  evaluateEndpoint,
  type Flow,
  flowOf,
  type Judgement,
  judge,
  NEIGHBOUR_DISCOVERY_HOP_LIMIT,
  ownerOf,
  type Packet,
  PROTOCOL,
} from "../../src/policy/index.ts";
import { type RandomPolicyWorld, randomFlow } from "./random-policies.ts";
import { type Draw, randomPacket, UNDERLAY_DEVICE } from "./random-world.ts";

/** A packet with the device that it comes or goes by. */
export type Sent = Packet & {
  readonly device: { readonly name: string; readonly index?: number | undefined };
};

/** What rules shall count as decided in random worlds with policies. */
export const POLICY_REASONS = [
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
] as const;

/** Any packet that has to do with the world. */
export function randomPolicyPacket(draw: Draw, world: RandomPolicyWorld): Sent {
  return draw.pick([randomPacket, between, between, toGateway, discovering])(draw, world);
}

/** What the evaluator says of a packet at the host of the world. */
export function judged(world: RandomPolicyWorld, packet: Sent): Judgement {
  return judge(
    world,
    world.host,
    world.gatewayServices,
    { ...packet, interfaceName: packet.device.name },
    { pinned: pinnedOf(world) },
  );
}

/** The rule model has no tenants of exceptions, so that the rules count those of unknown tenants with all others. */
export function reasonOf(
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
export function isLetInWithoutState(world: RandomPolicyWorld, packet: Sent, { reason }: Judgement): boolean {
  if (reason !== "allowed" || packet.arrival.from !== "elsewhere" || packet.delivery !== "forward")
    return false;
  return !evaluateEndpoint(world, "ingress", flowOf(packet)).stateful;
}

/** What to look for when a packet is decided otherwise. */
export function describePacket(
  { source, destination, arrival, delivery, state, traffic }: Sent,
  seed: number,
): string {
  const how = JSON.stringify({ from: arrival.from, delivery, state, ...traffic });
  return `seed ${seed}: ${formatAddress(source)} to ${formatAddress(destination)} ${how}`;
}

/** Neighbour discovery, which is rare among all packets, when the packet is of its family. */
function discovering(draw: Draw, world: RandomPolicyWorld): Sent {
  const packet = randomPacket(draw, world);
  if (packet.source.family === 4) return packet;
  const hopLimit = draw.pick([NEIGHBOUR_DISCOVERY_HOP_LIMIT, NEIGHBOUR_DISCOVERY_HOP_LIMIT, 254]);
  return { ...packet, delivery: "host", traffic: { kind: "neighbour-discovery", hopLimit } };
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

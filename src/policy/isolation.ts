import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { type Host, plansOf } from "../model/index.ts";
import { type Address, isSameAddress, parsePrefix, prefixContains } from "../net/index.ts";
import type { AcceptReason, DropReason, Judgement, Packet } from "./packet.ts";
import { identify, isAt, type World } from "./world.ts";

/** A port at the gateway address that endpoints may use, such as DNS. */
export interface GatewayService {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

const LINK_LOCAL = parsePrefix("fe80::/10");
const UNSPECIFIED = parsePrefix("::/128");

/** Hop limit that proves that a packet was not forwarded (RFC 4861, section 6.1). */
export const NEIGHBOUR_DISCOVERY_HOP_LIMIT = 255;

/**
 * What the host does with a packet: the slow, obviously right evaluator. It decodes addresses and compares
 * names; it knows no mask, no set and no order of rules, so it can be the oracle of those that do.
 */
export function judge(
  world: World,
  host: Host,
  gatewayServices: readonly GatewayService[],
  packet: Packet,
): Judgement {
  if (packet.arrival.from === "host") return accept("from-own-host");
  if (!isGenuine(world, host, packet)) return judgeUnbound(world, host, packet);
  if (packet.delivery === "host") return judgeToHost(world, host, gatewayServices, packet);
  if (packet.state === "established") return accept("established");
  if (isOwn(world, host, packet.destination)) return judgeIsolation(world, packet.source, packet.destination);
  return accept(packet.arrival.from === "endpoint" ? "sending" : "foreign");
}

/** Who may reach an endpoint: the isolation of the destination's tenant decides. */
export function judgeIsolation(world: World, source: Address, destination: Address): Judgement {
  const from = identify(world, source);
  const to = identify(world, destination);
  if (to?.tenant?.isolation === "none") return accept("open-tenant");
  if (from === undefined) return drop("from-outside");
  if (to?.tenant === undefined || from.tenant !== to.tenant) return drop("isolation");
  if (to.tenant.isolation === "tenant") return accept("same-tenant");
  return to.segment !== undefined && from.segment === to.segment ? accept("same-segment") : drop("isolation");
}

/** An endpoint device sends from what it owns; own addresses come from nowhere else. */
function isGenuine(world: World, host: Host, { arrival, source }: Packet): boolean {
  if (arrival.from === "endpoint") return arrival.owns.some((block) => prefixContains(block, source));
  return !isOwn(world, host, source);
}

/** What is left to a sender without a right source address: neighbour discovery, from where it starts. */
function judgeUnbound(world: World, host: Host, { arrival, source, delivery, traffic }: Packet): Judgement {
  const isTheft = isOwn(world, host, source);
  if (isTheft || arrival.from !== "endpoint" || delivery !== "host") return drop("spoofed-source");
  if (traffic.kind === "multicast") return drop("multicast");
  const isStarting = prefixContains(LINK_LOCAL, source) || prefixContains(UNSPECIFIED, source);
  return isStarting && isNeighbourDiscovery(traffic) ? accept("neighbour-discovery") : drop("spoofed-source");
}

function judgeToHost(
  world: World,
  host: Host,
  gatewayServices: readonly GatewayService[],
  { arrival, state, traffic, destination }: Packet,
): Judgement {
  if (arrival.from === "elsewhere") return accept("foreign");
  if (traffic.kind === "redirect") return drop("to-host");
  if (state === "established") return accept("established");
  if (isNeighbourDiscovery(traffic)) return accept("neighbour-discovery");
  if (traffic.kind === "multicast") return drop("multicast");
  const isService =
    traffic.kind === "echo-request" ||
    gatewayServices.some(
      ({ protocol, port }) => traffic.kind === protocol && "port" in traffic && traffic.port === port,
    );
  return isService && isGateway(world, host, destination) ? accept("gateway-service") : drop("to-host");
}

function isNeighbourDiscovery(traffic: Packet["traffic"]): boolean {
  return traffic.kind === "neighbour-discovery" && traffic.hopLimit === NEIGHBOUR_DISCOVERY_HOP_LIMIT;
}

function isOwn(world: World, host: Host, address: Address): boolean {
  const identity = identify(world, address);
  return identity !== undefined && isAt(identity, host);
}

function isGateway(world: World, host: Host, address: Address): boolean {
  return world.networks.some((network) =>
    plansOf(network).some((plan) =>
      isSameAddress(gatewayAddress(plan, hostPosition(network, host)), address),
    ),
  );
}

function accept(reason: AcceptReason): Judgement {
  return { verdict: "accept", reason };
}

function drop(reason: DropReason): Judgement {
  return { verdict: "drop", reason };
}

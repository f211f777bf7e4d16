import { gatewayAddress, hostPosition } from "../addressing/index.ts";
import { type Direction, type Host, plansOf } from "../model/index.ts";
import { type Address, isSameAddress, type Prefix, parsePrefix, prefixContains } from "../net/index.ts";
import type { PolicyDecision } from "./decision.ts";
import { evaluateEndpoint, evaluateMachine } from "./evaluate.ts";
import type { Flow } from "./flow.ts";
import { ownerOf } from "./owner.ts";
import { type AcceptReason, type DropReason, isEchoRequest, type Judgement, type Packet } from "./packet.ts";
import { flowOf, UNNAMED_PROTOCOL } from "./packet-flow.ts";
import { SAFETY_NET, type SafeTraffic } from "./safety-net.ts";
import {
  identify,
  isAt,
  type MaybePolicyWorld,
  type PolicyWorld,
  relocationOf,
  type World,
  withPolicies,
} from "./world.ts";

/** A port at the gateway address that endpoints may use, such as DNS. */
export interface GatewayService {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

/** What a host does for its guests besides gateway services. */
export interface GuestServices {
  /** It answers DHCP and router solicitations. */
  readonly dhcp: boolean;
  /** It answers HTTP at {@link METADATA}. */
  readonly metadata: boolean;
}

/** Where guests ask for their metadata, as all clouds have it. */
export const METADATA: Prefix = parsePrefix("169.254.169.254/32");
/** The TCP port of that. */
export const METADATA_PORT = 80;

const STARTING = ["0.0.0.0/32", "fe80::/10", "::/128"].map(parsePrefix);

/** Hop limit that proves that a packet was not forwarded (RFC 4861, section 6.1). */
export const NEIGHBOUR_DISCOVERY_HOP_LIMIT = 255;

const NO_GUEST_SERVICES: GuestServices = { dhcp: false, metadata: false };

/** What a judgement may depend on besides the packet. */
export interface JudgeOptions {
  /** Addresses of own endpoints that are not in a prefix of the host. */
  readonly pinned?: readonly Prefix[];
  /** What no policy takes from machines; {@link SAFETY_NET} unless given. */
  readonly safetyNet?: readonly SafeTraffic[];
  /** None unless given. */
  readonly guestServices?: GuestServices;
}

/** Everything that a judgement is made from. */
interface Scene extends Required<JudgeOptions> {
  readonly world: PolicyWorld;
  readonly host: Host;
  readonly gatewayServices: readonly GatewayService[];
  readonly packet: Packet;
  readonly flow: Flow;
}

/**
 * What the host does with a packet: the slow, obviously right evaluator. It decodes addresses, compares
 * names and asks policies one by one; it knows no mask, no set and no layer, so it can be the oracle of those that do.
 */
export function judge(
  world: MaybePolicyWorld,
  host: Host,
  gatewayServices: readonly GatewayService[],
  packet: Packet,
  { pinned = [], safetyNet = SAFETY_NET, guestServices = NO_GUEST_SERVICES }: JudgeOptions = {},
): Judgement {
  const known = withPolicies(world);
  const options = { pinned, safetyNet, guestServices };
  const scene = { world: known, host, gatewayServices, packet, flow: flowOf(packet), ...options };
  if (packet.arrival.from === "host") return judgeFromHost(scene);
  if (!isGenuine(scene)) return judgeUnbound(scene);
  if (packet.delivery === "host") return judgeToHost(scene);
  if (packet.state === "established") return accept("established");
  const isSending = packet.arrival.from === "endpoint";
  const egress = isSending ? dropOf(scene, evaluateEndpoint(known, "egress", scene.flow)) : undefined;
  if (egress !== undefined) return egress;
  if (!isOwn(scene, packet.destination)) return accept(isSending ? "sending" : "foreign");
  return judgeIngress(scene, evaluateEndpoint(known, "ingress", scene.flow));
}

/** Who may reach an endpoint without any policy: the isolation of the destination's tenant decides. */
export function judgeIsolation(world: MaybePolicyWorld, source: Address, destination: Address): Judgement {
  const open = { ...withPolicies(world), policies: [] };
  const flow = { source, destination, protocol: UNNAMED_PROTOCOL };
  return judgeIngress({ world: open, flow }, evaluateEndpoint(open, "ingress", flow));
}

/** The judgement when a decision drops; undefined when it accepts. */
function dropOf(
  { world, flow }: Pick<Scene, "world" | "flow">,
  decision: PolicyDecision,
): Judgement | undefined {
  if (decision.verdict === "accept") return undefined;
  const { decidedBy } = decision;
  if (decidedBy.kind !== "isolated") return drop("denied");
  if (decidedBy.by === "policies") return drop("not-allowed");
  return drop(ownerOf(world, flow.source) === undefined ? "from-outside" : "isolation");
}

function judgeIngress(scene: Pick<Scene, "world" | "flow">, decision: PolicyDecision): Judgement {
  const { kind } = decision.decidedBy;
  return dropOf(scene, decision) ?? accept(INGRESS_REASONS[kind === "isolated" ? "open" : kind]);
}

const INGRESS_REASONS = {
  rule: "allowed",
  "same-tenant": "same-tenant",
  "same-segment": "same-segment",
  "own-host": "from-own-host",
  open: "open-tenant",
} as const satisfies Record<Exclude<PolicyDecision["decidedBy"]["kind"], "isolated">, AcceptReason>;

/** From a process of the host: towards own endpoints, or like any machine. */
function judgeFromHost(scene: Scene): Judgement {
  const { world, packet, flow } = scene;
  const isFree = packet.delivery === "host" || packet.state === "established" || isSafe(scene, "egress");
  if (isFree || isNeighbourDiscovery(packet.traffic)) return accept("from-own-host");
  const isOwnEndpoint = isOwn(scene, packet.destination);
  const { interfaceName = "" } = packet;
  const egress = evaluateMachine(world, "egress", { flow, interfaceName, isOwnEndpoint });
  const ingress = isOwnEndpoint && evaluateEndpoint(world, "ingress", flow, { ownHost: true });
  return dropOf(scene, egress) ?? (ingress ? judgeIngress(scene, ingress) : accept("from-own-host"));
}

function isSafe({ safetyNet, flow }: Scene, direction: Direction): boolean {
  return safetyNet.some(
    (safe) =>
      safe.direction === direction &&
      safe.protocol === flow.protocol &&
      safe.port === flow.port &&
      (safe.prefix === undefined || prefixContains(safe.prefix, flow.destination)),
  );
}

/** An endpoint device sends from what it owns; own addresses come from nowhere else. */
function isGenuine(scene: Scene): boolean {
  const { arrival, source } = scene.packet;
  if (arrival.from === "endpoint") return arrival.owns.some((block) => prefixContains(block, source));
  return !isOwn(scene, source);
}

/** What is left to a sender without a right source address: neighbour discovery, from where it starts. */
function judgeUnbound(scene: Scene): Judgement {
  const { arrival, source, delivery, traffic } = scene.packet;
  const isTheft = isOwn(scene, source);
  if (isTheft || arrival.from !== "endpoint" || delivery !== "host") return drop("spoofed-source");
  const isStarting = STARTING.some((prefix) => prefixContains(prefix, source));
  if (isStarting && isAnsweredConfiguration(scene)) return accept("configuration");
  if (isForAll(traffic)) return drop("multicast");
  return isStarting && isNeighbourDiscovery(traffic) ? accept("neighbour-discovery") : drop("spoofed-source");
}

function judgeToHost(scene: Scene): Judgement {
  const { arrival, state, traffic } = scene.packet;
  if (arrival.from !== "endpoint") return isMetadata(scene) ? drop("to-host") : judgeToMachine(scene);
  if (traffic.kind === "redirect") return drop("to-host");
  if (state === "established") return accept("established");
  if (isNeighbourDiscovery(traffic)) return accept("neighbour-discovery");
  // A guest of IPv6 asks from its link-local address, and never from its own.
  if (scene.packet.source.family === 4 && isAnsweredConfiguration(scene)) return accept("configuration");
  if (isForAll(traffic)) return drop("multicast");
  return judgeEndpointToHost(scene);
}

/** From an own endpoint: its egress, then what the host lets in, then what the gateway offers. */
function judgeEndpointToHost(scene: Scene): Judgement {
  const { world, host, gatewayServices, packet, flow } = scene;
  const egress = dropOf(scene, evaluateEndpoint(world, "egress", flow, { ownHost: true }));
  if (egress !== undefined) return egress;
  const { interfaceName = "" } = packet;
  const ingress = evaluateMachine(world, "ingress", { flow, interfaceName, isOwnEndpoint: true });
  if (ingress.decidedBy.kind === "rule") return dropOf(scene, ingress) ?? accept("allowed");
  const { traffic, destination } = packet;
  const isService =
    isEchoRequest(packet) ||
    gatewayServices.some(
      ({ protocol, port }) => traffic.kind === protocol && "port" in traffic && traffic.port === port,
    );
  const isOffered =
    (isService && isGateway(world, host, destination)) ||
    (isMetadata(scene) && traffic.kind === "tcp" && traffic.port === METADATA_PORT);
  return isOffered ? accept("gateway-service") : drop("to-host");
}

/** From anywhere but own endpoints to the host itself. */
function judgeToMachine(scene: Scene): Judgement {
  const { world, packet, flow } = scene;
  const isFree = packet.state === "established" || isSafe(scene, "ingress");
  if (isFree || isNeighbourDiscovery(packet.traffic)) return accept("foreign");
  const { interfaceName = "" } = packet;
  const decision = evaluateMachine(world, "ingress", { flow, interfaceName, isOwnEndpoint: false });
  return dropOf(scene, decision) ?? accept(decision.decidedBy.kind === "rule" ? "allowed" : "foreign");
}

function isAnsweredConfiguration({ guestServices, packet }: Scene): boolean {
  return guestServices.dhcp && packet.traffic.kind === "configuration";
}

function isForAll({ kind }: Packet["traffic"]): boolean {
  return kind === "multicast" || kind === "configuration";
}

function isMetadata({ guestServices, packet }: Scene): boolean {
  return guestServices.metadata && prefixContains(METADATA, packet.destination);
}

function isNeighbourDiscovery(traffic: Packet["traffic"]): boolean {
  return traffic.kind === "neighbour-discovery" && traffic.hopLimit === NEIGHBOUR_DISCOVERY_HOP_LIMIT;
}

function isOwn({ world, host, pinned }: Scene, address: Address): boolean {
  const moved = relocationOf(world, address);
  if (moved !== undefined) return moved.locatedOn === host.name;
  const identity = identify(world, address);
  return (
    pinned.some((block) => prefixContains(block, address)) || (identity !== undefined && isAt(identity, host))
  );
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

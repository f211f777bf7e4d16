import type { Direction, Host } from "../model/index.ts";
import { type Address, prefixContains } from "../net/index.ts";
import { type DirectionAsks, directionAsks } from "./ask-order.ts";
import type { DecidedBy, PolicyDecision } from "./decision.ts";
import { decideEndpoint, decideMachine } from "./evaluate.ts";
import type { Flow } from "./flow.ts";
import type { GatewayService } from "./isolation.ts";
import { type Participant, type Participants, participantOf } from "./participant.ts";
import { isOnMachine, type Place, placeOf } from "./place.ts";
import { SAFETY_NET, type SafeTraffic } from "./safety-net.ts";
import { PROTOCOL } from "./traffic-match.ts";
import type { PolicyWorld } from "./world.ts";

/** What is settled about one direction of a flow: by policies, or by what machines do besides. */
export interface SideDecision extends Omit<PolicyDecision, "decidedBy"> {
  readonly decidedBy:
    | DecidedBy
    /** Traffic of a machine that no policy takes away. */
    | { readonly kind: "safety-net" }
    /** Of an endpoint to its host: what the gateway address offers, or all else. */
    | { readonly kind: "gateway-service" | "to-host" };
}

/** One direction of a flow. */
export interface FlowSide {
  /** The host that enforces it; undefined where no address says which one that is. */
  readonly host: Host | undefined;
  readonly decision: SideDecision;
}

/** Whether the first packet of a flow arrives. A side is absent when nobody enforces anything there. */
export interface FlowAnswer {
  readonly verdict: "accept" | "drop";
  /** At the source. */
  readonly egress: FlowSide | undefined;
  /** At the destination; asked even when the source does not let the packet out. */
  readonly ingress: FlowSide | undefined;
}

/** What addresses do not say. */
export interface FlowSettings {
  /** Over which interface machines talk to others than their endpoints; absent: over none that a policy names. */
  readonly interfaceName?: string;
  readonly gatewayServices?: readonly GatewayService[];
  /** {@link SAFETY_NET} unless given. */
  readonly safetyNet?: readonly SafeTraffic[];
  /** Leaves out what was considered. */
  readonly isBrief?: boolean;
}

/** Asks policies about a flow, both at its source and at its destination, and tells all that was considered. */
export function explainFlow(world: PolicyWorld, flow: Flow, settings: FlowSettings = {}): FlowAnswer {
  const partyAt = (address: Address): FlowParty => ({
    place: placeOf(world, address),
    participant: participantOf(world, address),
    egress: directionAsks(world.policies, "egress"),
    ingress: directionAsks(world.policies, "ingress"),
  });
  return answerFlow(flow, partyAt(flow.source), partyAt(flow.destination), settings);
}

/** One side of a flow, with all policies that may be about it. */
export interface FlowParty {
  readonly place: Place;
  readonly participant: Participant;
  readonly egress: DirectionAsks;
  readonly ingress: DirectionAsks;
}

/** {@link explainFlow} with what was found before. */
export function answerFlow(
  flow: Flow,
  source: FlowParty,
  destination: FlowParty,
  settings: FlowSettings,
): FlowAnswer {
  const { place: from } = source;
  const { place: to } = destination;
  const isItself = from.kind === "machine" && to.kind === "machine" && from.host === to.host;
  if (isItself) return { verdict: "accept", egress: undefined, ingress: undefined };
  const participants = { source: source.participant, destination: destination.participant };
  const side = (direction: Direction, own: FlowParty, other: FlowParty): FlowSide | undefined => {
    const { place } = own;
    if (place.kind === "outside") return undefined;
    const decision =
      place.kind === "endpoint"
        ? decideEndpoint(own[direction], direction, flow, participants, {
            ownHost: isOnMachine(place, other.place),
            isBrief: settings.isBrief === true,
          })
        : sideOfMachine(direction, flow, own, participants, isOnMachine(other.place, place), settings);
    return { host: place.host, decision };
  };
  const egress = side("egress", source, destination);
  const ingress = side("ingress", destination, source);
  const isDropped = egress?.decision.verdict === "drop" || ingress?.decision.verdict === "drop";
  return { verdict: isDropped ? "drop" : "accept", egress, ingress };
}

function sideOfMachine(
  direction: Direction,
  flow: Flow,
  own: FlowParty,
  participants: Participants,
  isOwnEndpoint: boolean,
  { interfaceName = "", gatewayServices = [], safetyNet = SAFETY_NET, isBrief = false }: FlowSettings,
): SideDecision {
  const isFromEndpoint = isOwnEndpoint && direction === "ingress";
  const isSafe = safetyNet.some(
    (safe) =>
      safe.direction === direction &&
      safe.protocol === flow.protocol &&
      safe.port === flow.port &&
      (safe.prefix === undefined || prefixContains(safe.prefix, flow.destination)),
  );
  if (isSafe && !isFromEndpoint) return settled("accept", "safety-net");
  const traffic = { flow, interfaceName: isOwnEndpoint ? "" : interfaceName, isOwnEndpoint };
  const decision = decideMachine(own[direction], direction, traffic, participants, { isBrief });
  if (!isFromEndpoint || decision.decidedBy.kind === "rule") return decision;
  const { logged, considered } = decision;
  const isService = own.place.isGateway && isGatewayService(flow, gatewayServices);
  const end = isService ? settled("accept", "gateway-service") : settled("drop", "to-host");
  return { ...end, logged, considered };
}

function settled(
  verdict: "accept" | "drop",
  kind: "safety-net" | "gateway-service" | "to-host",
): SideDecision {
  return { verdict, stateful: true, decidedBy: { kind }, logged: [], considered: [] };
}

function isGatewayService({ protocol, port, icmp }: Flow, services: readonly GatewayService[]): boolean {
  const isEcho =
    (protocol === PROTOCOL.icmp && icmp?.type === 8) || (protocol === PROTOCOL.icmpv6 && icmp?.type === 128);
  return (
    isEcho || services.some((service) => PROTOCOL[service.protocol] === protocol && service.port === port)
  );
}

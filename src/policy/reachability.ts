import type { Host } from "../model/index.ts";
import { type Address, addressPrefix } from "../net/index.ts";
import { type GatewayService, judge } from "./isolation.ts";
import type { Judgement, Packet, Traffic } from "./packet.ts";
import { hostOf, type World } from "./world.ts";

/** One side of a conversation. An endpoint's host is in its address. */
export type Party =
  | { readonly kind: "endpoint"; readonly address: Address }
  /** A machine with an agent, talking from (or to) this address of its own. */
  | { readonly kind: "host"; readonly host: Host; readonly address: Address }
  | { readonly kind: "outside"; readonly address: Address };

/**
 * Whether the first packet of a conversation arrives, as every host on its way judges it: the drop of the
 * first host that refuses, or the verdict of the last one. Answers are established and need no look.
 */
export function expectReachable(
  world: World,
  gatewayServices: readonly GatewayService[],
  source: Party,
  destination: Party,
  traffic: Traffic,
): Judgement {
  const from = machineOf(world, source);
  const to = machineOf(world, destination);
  const delivery = destination.kind === "host" ? "host" : "forward";
  const packet = { source: source.address, destination: destination.address, state: "new", traffic } as const;
  const first = from && judge(world, from, gatewayServices, departing(packet, source, from === to, delivery));
  if (first?.verdict === "drop" || (first !== undefined && from === to)) return first;
  const last =
    to && judge(world, to, gatewayServices, { ...packet, arrival: { from: "elsewhere" }, delivery });
  return last ?? first ?? { verdict: "accept", reason: "foreign" };
}

/** The packet at the host of its sender. */
function departing(
  packet: Omit<Packet, "arrival" | "delivery">,
  source: Party,
  isLocal: boolean,
  delivery: Packet["delivery"],
): Packet {
  const arrival: Packet["arrival"] =
    source.kind === "host" ? { from: "host" } : { from: "endpoint", owns: [addressPrefix(source.address)] };
  return { ...packet, arrival, delivery: isLocal ? delivery : "forward" };
}

function machineOf(world: World, party: Party): Host | undefined {
  if (party.kind === "outside") return undefined;
  return party.kind === "host" ? party.host : hostOf(world, party.address);
}

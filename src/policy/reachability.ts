import type { Host } from "../model/index.ts";
import { type Address, addressPrefix, type Prefix } from "../net/index.ts";
import { type GatewayService, judge } from "./isolation.ts";
import type { Judgement, Packet, Traffic } from "./packet.ts";
import { hostOf, type MaybePolicyWorld } from "./world.ts";

/** One side of a conversation. */
export type Party =
  /** Its host is in its address, unless it is an exception whose address was given to it. */
  | { readonly kind: "endpoint"; readonly address: Address; readonly host?: Host }
  /** A machine with an agent, talking from (or to) this address of its own over this interface. */
  | {
      readonly kind: "host";
      readonly host: Host;
      readonly address: Address;
      readonly interfaceName?: string;
    }
  | { readonly kind: "outside"; readonly address: Address };

/**
 * Whether the first packet of a conversation arrives, as every host on its way judges it: egress at the
 * host of the source, ingress at that of the destination. The drop of the first host that refuses, or the verdict of
 * the last one. Answers need no look, except to what a rule that is not stateful accepts.
 */
export function expectReachable(
  world: MaybePolicyWorld,
  gatewayServices: readonly GatewayService[],
  source: Party,
  destination: Party,
  traffic: Traffic,
): Judgement {
  const from = machineOf(world, source);
  const to = machineOf(world, destination);
  const delivery = destination.kind === "host" ? "host" : "forward";
  const packet = { source: source.address, destination: destination.address, state: "new", traffic } as const;
  const at = (host: Host, arrived: Pick<Packet, "arrival" | "delivery">): Judgement =>
    judge(
      world,
      host,
      gatewayServices,
      { ...packet, ...interfaceAt(host), ...arrived },
      { pinned: ownOf(host) },
    );
  const interfaceAt = (host: Host): Pick<Packet, "interfaceName"> => {
    const own = [source, destination].find((party) => party.kind === "host" && party.host === host);
    return own?.kind === "host" && own.interfaceName !== undefined
      ? { interfaceName: own.interfaceName }
      : {};
  };
  const ownOf = (host: Host): readonly Prefix[] =>
    [source, destination]
      .filter((party) => party.kind === "endpoint" && machineOf(world, party) === host)
      .map(({ address }) => addressPrefix(address));
  const first = from && at(from, departure(source, from === to, delivery));
  if (first?.verdict === "drop" || (first !== undefined && from === to)) return first;
  const last = to && at(to, { arrival: { from: "elsewhere" }, delivery });
  return last ?? first ?? { verdict: "accept", reason: "foreign" };
}

/** How the packet looks at the host of its sender. */
function departure(
  source: Party,
  isLocal: boolean,
  delivery: Packet["delivery"],
): Pick<Packet, "arrival" | "delivery"> {
  const arrival: Packet["arrival"] =
    source.kind === "host" ? { from: "host" } : { from: "endpoint", owns: [addressPrefix(source.address)] };
  return { arrival, delivery: isLocal ? delivery : "forward" };
}

function machineOf(world: MaybePolicyWorld, party: Party): Host | undefined {
  if (party.kind === "outside") return undefined;
  return party.host ?? hostOf(world, party.address);
}

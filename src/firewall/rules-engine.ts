import type { Direction, Host } from "../model/index.ts";
import type { Flow, PolicyWorld } from "../policy/index.ts";
import { compilePolicies } from "../rules/index.ts";
import { createTable } from "./compile.ts";
import { interpretChain, type KernelPacket } from "./interpret.ts";
import { PolicyRules } from "./policy-rules.ts";

/** Where a machine's packet passes, and whether the other side is one of its own endpoints. */
export interface MachineSide {
  readonly interfaceName: string;
  readonly isOwnEndpoint: boolean;
}

/** What else is known of a flow besides its packet. */
export interface FlowSide {
  /** The other side is the machine that the endpoint runs on. */
  readonly ownHost?: boolean;
  /** It is a flow of a machine and not of an endpoint. */
  readonly machine?: MachineSide;
}

/** Decides about first packets. */
export type RulesEngine = (direction: Direction, flow: Flow, side?: FlowSide) => "accept" | "drop";

/** Stands for the host whose table is asked: chains about policies are the same on every host. */
const SOME_HOST: Host = { name: "host", id: 1, group: [], underlay: {} };

/**
 * Runs the rules that a host renders for a world, rule by rule, as the kernel does. It answers the same questions as the
 * evaluator, which reads the policies, so that the two can be held against each other.
 */
export function createRulesEngine(world: PolicyWorld): RulesEngine {
  const table = createTable({
    table: "romana",
    ...world,
    host: world.hosts[0] ?? SOME_HOST,
    devices: [],
    underlayDevices: [],
    gatewayServices: [],
    policyRules: new PolicyRules(world.networks, compilePolicies(world)),
  });
  return (direction, flow, side = {}) => {
    const chain = chainOf(direction, flow, side);
    return table.chains.some(({ name }) => name === chain)
      ? interpretChain(table, chain, packetOf(flow, side.machine?.interfaceName ?? "")).verdict
      : "accept";
  };
}

/** The table's chain that answers; where there is none, no policy is about such flows. */
function chainOf(direction: Direction, { destination: { family } }: Flow, side: FlowSide): string {
  const { machine, ownHost } = side;
  if (machine !== undefined) {
    return `${machine.isOwnEndpoint ? "host" : "machine"}_${direction === "ingress" ? "in" : "out"}${family}`;
  }
  if (direction === "egress") return `egress${family}${ownHost === true ? "_host" : ""}`;
  return ownHost === true ? `from_host${family}` : `to_endpoint${family}`;
}

const PORT_KINDS: ReadonlyMap<number, "tcp" | "udp" | "sctp"> = new Map([
  [6, "tcp"],
  [17, "udp"],
  [132, "sctp"],
]);

/** The first packet of a flow. */
export function packetOf(
  { source, destination, protocol, port, icmp }: Flow,
  interfaceName: string,
): KernelPacket {
  const kind = PORT_KINDS.get(protocol);
  const traffic =
    icmp !== undefined
      ? ({ kind: "icmp", ...icmp } as const)
      : kind !== undefined && port !== undefined
        ? ({ kind, port } as const)
        : ({ kind: "protocol", protocol } as const);
  return {
    source,
    destination,
    traffic,
    interfaceName,
    arrival: { from: "elsewhere" },
    delivery: "forward",
    state: "new",
    device: { name: interfaceName, index: 0 },
  };
}

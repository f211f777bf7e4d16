import type { Direction } from "../model/index.ts";
import { evaluateEndpoint, type Flow, type PolicyWorld } from "../policy/index.ts";
import { type KubernetesPod, type KubernetesProtocol, PROTOCOL_NUMBERS } from "./objects.ts";

/** An engine: what the host of the endpoint of this direction does with a first packet. */
export type Decide = (direction: Direction, flow: Flow) => "accept" | "drop";

/** The engine that reads policies themselves, slowly. */
export function createEvaluator(world: PolicyWorld): Decide {
  return (direction, flow) => evaluateEndpoint(world, direction, flow).verdict;
}

/** What every pod tries at every other. A port may be a name: that of the destination's port then. */
export interface Probe {
  readonly protocol: KubernetesProtocol;
  readonly port: number | string;
}

/** Marks of a cell. */
export const CELL = { allowed: ".", denied: "X", self: "#" } as const;

/** A pod to itself is not a question of policies; everything else is allowed or denied. */
export type CellMark = (typeof CELL)[keyof typeof CELL];

/** Who reaches whom by one probe: for egress, ingress and both together, all senders × all destinations, row by row. */
export interface ProbeMatrix {
  readonly probe: Probe;
  readonly ingress: string;
  readonly egress: string;
  readonly combined: string;
}

/** A pod as `namespace/name`. */
export function podKey({ namespace, name }: Pick<KubernetesPod, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

/** A probe as `TCP/80`. */
export function probeKey({ protocol, port }: Probe): string {
  return `${protocol}/${port}`;
}

/** Asks an engine about every pod and every other. Each row is a sender, each character in it a destination. */
export function probeMatrix(decide: Decide, pods: readonly KubernetesPod[], probe: Probe): ProbeMatrix {
  let [ingress, egress, combined] = ["", "", ""];
  for (const from of pods) {
    for (const to of pods) {
      const cell = probeCell(decide, from, to, probe);
      ingress += cell.ingress;
      egress += cell.egress;
      combined += cell.combined;
    }
  }
  return { probe, ingress, egress, combined };
}

/**
 * One cell. Policies say nothing about pods on their node's own network, so their own side is allowed. Nothing gets
 * to a named port that the destination does not have. With addresses of both families, all must agree.
 */
export function probeCell(
  decide: Decide,
  from: KubernetesPod,
  to: KubernetesPod,
  probe: Probe,
): Readonly<Record<Direction | "combined", CellMark>> {
  if (podKey(from) === podKey(to)) return { ingress: CELL.self, egress: CELL.self, combined: CELL.self };
  const flows = flowsBetween(from, to, probe);
  const allows = (direction: Direction, subject: KubernetesPod): boolean =>
    flows.length > 0 && (subject.hostNetwork || flows.every((flow) => decide(direction, flow) === "accept"));
  const egress = allows("egress", from);
  const ingress = allows("ingress", to);
  return { ingress: markOf(ingress), egress: markOf(egress), combined: markOf(ingress && egress) };
}

function markOf(allowed: boolean): CellMark {
  return allowed ? CELL.allowed : CELL.denied;
}

function flowsBetween(from: KubernetesPod, to: KubernetesPod, { protocol, port: wanted }: Probe): Flow[] {
  const port = typeof wanted === "number" ? wanted : portNamed(to, protocol, wanted);
  if (port === undefined) return [];
  return to.addresses.flatMap((destination) =>
    from.addresses
      .filter(({ family }) => family === destination.family)
      .map((source) => ({ source, destination, protocol: PROTOCOL_NUMBERS[protocol], port })),
  );
}

function portNamed({ ports }: KubernetesPod, protocol: KubernetesProtocol, name: string): number | undefined {
  return ports.find((port) => port.name === name && port.protocol === protocol)?.port;
}

import type { TrafficMatch } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { Flow } from "./flow.ts";
import type { Owner } from "./owner.ts";

/** IP protocol numbers that mean something to policies (IANA). */
export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58, sctp: 132 } as const;

const FAMILY_OF_ICMP: ReadonlyMap<number, Family> = new Map([
  [PROTOCOL.icmp, 4],
  [PROTOCOL.icmpv6, 6],
]);

/** True when the packet is of this kind; `destination` is who owns the address that it goes to. */
export function matchesTraffic(match: TrafficMatch, flow: Flow, destination: Owner | undefined): boolean {
  const { protocol, ports, portName, icmp } = match;
  const families = [match.family, FAMILY_OF_ICMP.get(protocol ?? -1)];
  if (protocol !== undefined && protocol !== flow.protocol) return false;
  if (families.some((family) => family !== undefined && family !== flow.destination.family)) return false;
  const { port } = flow;
  if (ports !== undefined && (port === undefined || port < ports.first || port > ports.last)) return false;
  if (portName !== undefined && !hasPort(destination, portName, flow)) return false;
  if (icmp === undefined) return true;
  return flow.icmp?.type === icmp.type && (icmp.code === undefined || flow.icmp.code === icmp.code);
}

function hasPort(owner: Owner | undefined, name: string, { protocol, port }: Flow): boolean {
  const ports = owner?.segment?.ports ?? [];
  return ports.some((named) => named.name === name && named.protocol === protocol && named.port === port);
}

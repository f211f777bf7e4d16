import type { Family } from "../net/index.ts";
import type { Flow } from "./flow.ts";
import type { Packet, Traffic } from "./packet.ts";
import { PROTOCOL } from "./traffic-match.ts";

/** Stands for what a packet's kind leaves open: a number for experiments (RFC 3692), which no rule names. */
export const UNNAMED_PROTOCOL = 253;

/** The flow that a packet is the first one of. */
export function flowOf({
  source,
  destination,
  traffic,
}: Pick<Packet, "source" | "destination" | "traffic">): Flow {
  return { source, destination, ...headerOf(traffic, source.family) };
}

function headerOf(traffic: Traffic, family: Family): Omit<Flow, "source" | "destination"> {
  const icmp = (ipv4: number, ipv6: number): Omit<Flow, "source" | "destination"> => ({
    protocol: family === 4 ? PROTOCOL.icmp : PROTOCOL.icmpv6,
    icmp: { type: family === 4 ? ipv4 : ipv6, code: 0 },
  });
  switch (traffic.kind) {
    case "tcp":
    case "udp":
    case "sctp":
      return { protocol: PROTOCOL[traffic.kind], port: traffic.port };
    case "echo-request":
      return icmp(8, 128);
    case "neighbour-discovery":
      return { protocol: PROTOCOL.icmpv6, icmp: { type: 135, code: 0 } };
    case "redirect":
      return icmp(5, 137);
    case "icmp":
      return { ...icmp(0, 0), icmp: { type: traffic.type, code: traffic.code } };
    case "protocol":
      return { protocol: traffic.protocol };
    case "configuration":
    case "multicast":
    case "other":
      return { protocol: UNNAMED_PROTOCOL };
    default:
      return traffic satisfies never;
  }
}

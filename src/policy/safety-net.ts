import type { Direction } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import { PROTOCOL } from "./traffic-match.ts";

/** Traffic of machines that no policy takes away. */
export interface SafeTraffic {
  /** Seen from the machine. */
  readonly direction: Direction;
  /** IP protocol number (IANA). */
  readonly protocol: number;
  /** Destination port. */
  readonly port: number;
  /** Where the destination is; absent: anywhere. */
  readonly prefix?: Prefix;
}

/** SSH, and DHCP of both families, so that no policy locks a machine's owner out. */
export const SAFETY_NET: readonly SafeTraffic[] = [
  { direction: "ingress", protocol: PROTOCOL.tcp, port: 22 },
  { direction: "ingress", protocol: PROTOCOL.udp, port: 68 },
  { direction: "ingress", protocol: PROTOCOL.udp, port: 546 },
  { direction: "egress", protocol: PROTOCOL.udp, port: 67 },
  { direction: "egress", protocol: PROTOCOL.udp, port: 547 },
];

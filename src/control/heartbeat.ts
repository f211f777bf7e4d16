import type { VirtualIp, VirtualIpRefusal } from "../model/index.ts";
import type { Address, Prefix } from "../net/index.ts";

/** What an agent says in a heartbeat. */
export interface Heartbeat {
  /** Another one for each life of the agent. */
  readonly life: string;
  /** Grows with each heartbeat of a life; one that is sent again has the same. */
  readonly number: number;
  /** Subnets of devices that work. */
  readonly subnets: readonly Prefix[];
  /** Names of virtual IPs that may be in its kernel. */
  readonly held: readonly string[];
  readonly refused: readonly VirtualIpRefusal[];
  /** Endpoints that pass the checks of their segments, by one address each: IPv4 if they have one. Absent: none. */
  readonly healthy?: readonly Address[];
}

/** The answer to a heartbeat. */
export interface HeartbeatAnswer {
  /** What the host may have for one lifetime from when the heartbeat was sent; nothing else. */
  readonly hold: readonly VirtualIp[];
  /** When to come again, in milliseconds. */
  readonly next: number;
  /** Something is free now that was not: it is worth a look at what to do. */
  readonly hasFreed: boolean;
}

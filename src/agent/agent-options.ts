import type { RoutingDaemon } from "../daemons/index.ts";
import type { AgentConfig, HostSnapshot } from "../schema/index.ts";
import type { Dnsmasq } from "../system/dnsmasq.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import type { Kernel } from "../system/kernel.ts";
import type { LinkNeighbours } from "../system/link-neighbours.ts";
import type { Prober } from "./health-prober.ts";
import type { Journal } from "./journal.ts";
import type { Log } from "./log.ts";
import type { Romanad } from "./romanad.ts";
import type { Timers } from "./timers.ts";

/** What an agent works with. */
export interface AgentOptions {
  /** The name of this host. */
  readonly host: string;
  readonly config: Omit<AgentConfig, "host">;
  readonly kernel: Kernel;
  readonly iptables: IptablesRunner;
  readonly neighbours: LinkNeighbours;
  readonly dnsmasq: Dnsmasq;
  /** Present when the configuration has `routing`. */
  readonly routingDaemon?: RoutingDaemon;
  /** Looks whether endpoints answer. */
  readonly probe: Prober;
  readonly romanad: Romanad;
  readonly journal: Journal;
  /** The view of an earlier life. */
  readonly view?: HostSnapshot;
  /** Keeps a view for a later life. */
  readonly saveView: (view: HostSnapshot) => void;
  readonly timers: Timers;
  readonly random: () => number;
  readonly newId: () => string;
  readonly log: Log;
  readonly version: string;
  /** Sentences about state that was lost, for the status. */
  readonly damage: readonly string[];
}

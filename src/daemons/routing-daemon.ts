import type { RoutingDaemonKind } from "../model/index.ts";
import type { Address, Prefix } from "../net/index.ts";
import type { CommandRunner } from "../system/command.ts";

/** A session with a neighbour, as the daemon says. */
export interface DaemonSession {
  readonly peer: Address;
  readonly isEstablished: boolean;
}

/** A destination that the daemon has learned or announces, with the next hops of all its ways; none: a blackhole. */
export interface DaemonRoute {
  readonly destination: Prefix;
  readonly gateways: readonly Address[];
}

/** What {@link RoutingDaemon.apply} had to do. */
export type Applied = "started" | "reloaded" | "unchanged";

/**
 * One routing daemon of our own, with its files in its own directory: others on the machine are never touched. It outlives this process, as the
 * rest of a host's networking does; the next life finds it by pid files and command lines. Calls must not overlap.
 */
export interface RoutingDaemon {
  readonly kind: RoutingDaemonKind;
  /** Asks the daemon whether it understands a configuration. @throws RomanaError `invalid-input` with its words, `unsupported` when it is not installed. */
  check(text: string): Promise<void>;
  /**
   * Makes it run with this configuration. Sessions that are the same in the old and the new one go on.
   * @throws RomanaError as {@link check}, with the old configuration still in force; `command-failed` when it does not start.
   */
  apply(text: string): Promise<Applied>;
  /** Starts it again with the configuration in force when it has died; does nothing without one. */
  revive(): Promise<void>;
  /** True while all its processes are there. */
  isRunning(): boolean;
  /** @throws RomanaError `command-failed` while it does not answer. */
  sessions(): Promise<readonly DaemonSession[]>;
  /** What it knows, not what is in the kernel. @throws RomanaError `command-failed` while it does not answer. */
  routes(): Promise<readonly DaemonRoute[]>;
  /** Ends it, also one of an earlier life, and takes the routes that it has learned out of the kernel. */
  stop(): Promise<void>;
}

/** Where a daemon runs. */
export interface DaemonPlace {
  /** For its files: the daemon's alone. */
  readonly directory: string;
  /** Path of the network namespace that it runs in; absent: that of this process. */
  readonly namespace?: string;
  readonly run: CommandRunner;
}

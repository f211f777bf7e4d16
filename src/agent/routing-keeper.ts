import { readFileSync } from "node:fs";
import type { RoutingDaemon } from "../daemons/index.ts";
import {
  configurationOf,
  createFabricRouting,
  type DeviceConfiguration,
  fillTemplate,
  joinBlocks,
  type Passwords,
  renderBird,
  renderFrr,
} from "../fabric/index.ts";
import { invalidInput, RomanaError } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { type AgentConfig, type AgentStatus, readYamlMapping } from "../schema/index.ts";
import type { KnownFabric } from "./fabric-ways.ts";
import type { Log } from "./log.ts";
import { Alarm, type Timers } from "./timers.ts";

/** What a {@link RoutingKeeper} works with. */
export interface RoutingKeeperOptions {
  readonly host: string;
  readonly config: Pick<AgentConfig, "routing">;
  /** Absent: this host has no routing daemon. */
  readonly routingDaemon?: RoutingDaemon;
  readonly timers: Timers;
  readonly log: Log;
  /** What is known now; undefined while nothing is. */
  readonly knowledge: () => KnownFabric | undefined;
  /** Told when the problems are others. */
  readonly onChange: () => void;
}

/** News come in bursts (milliseconds). */
const SETTLE = 50;
/** Between two looks at the daemon, in milliseconds. */
const LOOK = 2_000;

/** How the routing daemon is, for the status. */
export type RoutingStatus = NonNullable<AgentStatus["routing"]>;

/** Keeps a routing daemon that runs with what follows from the fabric for this host (ADR 0024). */
export class RoutingKeeper {
  readonly #options: RoutingKeeperOptions;
  readonly #alarm: Alarm;
  #isLooking = false;
  #isClosed = false;
  #fault: string | undefined;
  #silence: string | undefined;
  #sessions: RoutingStatus["sessions"] = [];
  #derived: { readonly from: KnownFabric; readonly text: string } | undefined;

  constructor(options: RoutingKeeperOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.timers, () => {
      void this.#look();
    });
  }

  /** Sentences about what is not as it should be. */
  get problems(): readonly string[] {
    const silent = this.#sessions.filter(({ established }) => !established).map(({ peer }) => peer);
    return [
      ...(this.#fault === undefined ? [] : [`Routing: ${this.#fault}`]),
      ...(this.#silence === undefined ? [] : [`Routing: ${this.#silence}`]),
      ...(silent.length === 0 ? [] : [`Routing: no session with ${silent.join(", ")}`]),
    ];
  }

  /** The daemon and its sessions; undefined without one. */
  get status(): RoutingStatus | undefined {
    const { routingDaemon } = this.#options;
    if (routingDaemon === undefined) return undefined;
    return {
      daemon: routingDaemon.kind,
      running: routingDaemon.isRunning(),
      sessions: this.#sessions,
      ...(this.#fault !== undefined && { fault: this.#fault }),
    };
  }

  /** Something that the configuration follows from may have changed. */
  follow(): void {
    if (this.#options.routingDaemon !== undefined && !this.#isClosed) this.#alarm.set(SETTLE);
  }

  /** Looks no more; the daemon goes on. */
  close(): void {
    this.#isClosed = true;
    this.#alarm.clear();
  }

  async #look(): Promise<void> {
    const { routingDaemon, knowledge, onChange } = this.#options;
    const known = knowledge();
    if (this.#isLooking || routingDaemon === undefined || known === undefined) return;
    this.#isLooking = true;
    const before = this.problems.join();
    try {
      await this.#keep(routingDaemon, known);
      await this.#ask(routingDaemon);
    } finally {
      this.#isLooking = false;
      if (!this.#isClosed) this.#alarm.set(LOOK);
    }
    if (this.problems.join() !== before) onChange();
  }

  /** What cannot be derived or is refused leaves the daemon as it is, but for one that has died. */
  async #keep(daemon: RoutingDaemon, known: KnownFabric): Promise<void> {
    const { log } = this.#options;
    try {
      if (known.fabric === undefined) {
        await daemon.stop();
        this.#derived = undefined;
      } else {
        const text = this.#textOf(daemon, known);
        const done = await daemon.apply(text);
        if (done !== "unchanged") log.info({ daemon: daemon.kind }, `routing daemon ${done}`);
      }
      this.#fault = undefined;
    } catch (error) {
      const { message } = error as Error;
      if (this.#fault !== message) log.error({ error: message }, "cannot keep the routing daemon");
      this.#fault = message;
      await this.#revive(daemon);
    }
  }

  async #revive(daemon: RoutingDaemon): Promise<void> {
    try {
      await daemon.revive();
    } catch (error) {
      this.#options.log.error({ error: (error as Error).message }, "cannot start the routing daemon again");
    }
  }

  async #ask(daemon: RoutingDaemon): Promise<void> {
    this.#silence = undefined;
    if (!daemon.isRunning()) {
      this.#sessions = [];
      return;
    }
    try {
      const sessions = await daemon.sessions();
      this.#sessions = sessions.map(({ peer, isEstablished }) => ({
        peer: formatAddress(peer),
        established: isEstablished,
      }));
    } catch (error) {
      this.#sessions = [];
      this.#silence = (error as Error).message;
    }
  }

  #textOf(daemon: RoutingDaemon, known: KnownFabric): string {
    const { host, config } = this.#options;
    const { networks, hosts, fabric } = known;
    const last = this.#derived;
    const isSame =
      last?.from.fabric === fabric && last?.from.networks === networks && last.from.hosts === hosts;
    if (last !== undefined && isSame) return last.text;
    if (fabric === undefined) throw invalidInput("configure routing", [{ path: "", reason: "no fabric" }]);
    const routing = createFabricRouting(fabric, networks, hosts);
    const configuration = configurationOf(routing, host, readPasswords(config.routing.passwords));
    const text = renderConfiguration(daemon, configuration, config.routing.template);
    this.#derived = { from: { networks, hosts, fabric }, text };
    return text;
  }
}

function renderConfiguration(
  { kind }: RoutingDaemon,
  configuration: DeviceConfiguration,
  template: string | undefined,
): string {
  const blocks = (kind === "bird" ? renderBird : renderFrr)(configuration);
  return template === undefined
    ? joinBlocks(blocks)
    : fillTemplate(readText(template), blocks, configuration);
}

function readPasswords(file: string | undefined): Passwords {
  if (file === undefined) return new Map();
  const entries = Object.entries(readYamlMapping(readText(file), `read passwords "${file}"`));
  const faults = entries
    .filter(([, value]) => typeof value !== "string")
    .map(([path]) => ({ path, reason: "expected a string" }));
  if (faults.length > 0) throw invalidInput(`read passwords "${file}"`, faults);
  return new Map(entries as [string, string][]);
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const { message } = error as NodeJS.ErrnoException;
    throw new RomanaError(`Cannot read "${file}": ${message}`, { code: "unavailable" }, { cause: error });
  }
}

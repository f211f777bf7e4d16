import type { AgentConfig } from "../schema/index.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import type { Kernel } from "../system/kernel.ts";
import type { Log } from "./log.ts";
import { removeIptables, removeTable } from "./rules-removal.ts";

/** What an {@link OtherRules} works with. */
export interface OtherRulesOptions {
  readonly config: Pick<AgentConfig, "firewall" | "table">;
  readonly kernel: Kernel;
  readonly iptables: IptablesRunner;
  readonly log: Log;
  /** The time in milliseconds. */
  readonly now: () => number;
}

/** What could not be removed is tried again after so long, in milliseconds. */
const RETRY = 60_000;

/** Rules that an agent with another `firewall` has left on this host. */
export class OtherRules {
  readonly #options: OtherRulesOptions;
  #next = Number.NEGATIVE_INFINITY;
  /** Failures that were logged: a kernel that can never look would fill the log. */
  readonly #said = new Set<string>();

  constructor(options: OtherRulesOptions) {
    this.#options = options;
  }

  /** Removes them, once; to be called when the own rules are in force. Never fails. */
  remove(): void {
    const { config, kernel, iptables, log, now } = this.#options;
    if (now() < this.#next) return;
    const removals =
      config.firewall === "nftables"
        ? removeIptables(iptables, false)
        : removeTable(kernel, config.table, false);
    for (const { item, failure } of removals) {
      if (failure === undefined) log.warn({ item }, "removed rules of the other firewall");
      else if (!this.#said.has(failure)) {
        this.#said.add(failure);
        log.error({ item, failure }, "cannot remove rules of the other firewall");
      }
    }
    const isDone = removals.every(({ failure }) => failure === undefined);
    this.#next = isDone ? Number.POSITIVE_INFINITY : now() + RETRY;
  }
}

import type { AgentConfig } from "../schema/index.ts";
import type { Kernel } from "../system/kernel.ts";
import type { AgentMetrics } from "./agent-metrics.ts";
import { ChainKeeper } from "./chain-keeper.ts";
import { ChainRefuser } from "./chain-refuser.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import type { Log } from "./log.ts";
import type { Reconciler } from "./reconciler.ts";
import type { Reporter } from "./reporter.ts";
import { ServiceKeeper } from "./service-keeper.ts";
import { Steering } from "./steering.ts";
import type { Timers } from "./timers.ts";

/** What the parts of a {@link Steering} work with. */
export interface SteeringSetup {
  readonly kernel: Kernel;
  readonly timers: Timers;
  readonly log: Log;
  readonly metrics: Pick<AgentMetrics, "repairs">;
  readonly reconciler: Reconciler;
  /** Chains are enforced with nftables only. */
  readonly config: Pick<AgentConfig, "firewall">;
  readonly reporter: Pick<Reporter, "notice">;
  readonly knowledge: () => HostKnowledge | undefined;
}

/** Everything that steers flows on a host. */
export function createSteering(setup: SteeringSetup): Steering {
  const { kernel, timers, log, metrics, reporter, knowledge, reconciler, config } = setup;
  const onProblems = (): void => {
    reporter.notice();
  };
  const onRepair = (item: string): void => {
    metrics.repairs.add("table");
    log.warn({ kind: "table", item }, "mended what somebody changed");
    reporter.notice();
  };
  const shared = { kernel, timers, log, onProblems, onRepair };
  const isEnforced = config.firewall === "nftables";
  const parts = [
    new ServiceKeeper(shared),
    isEnforced ? new ChainKeeper({ ...shared, reconciler }) : new ChainRefuser(onProblems),
  ];
  return new Steering({ parts, timers, knowledge });
}

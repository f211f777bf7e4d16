import type { Kernel } from "../system/kernel.ts";
import type { AgentMetrics } from "./agent-metrics.ts";
import type { HostKnowledge } from "./host-knowledge.ts";
import type { Log } from "./log.ts";
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
  readonly reporter: Pick<Reporter, "notice">;
  readonly knowledge: () => HostKnowledge | undefined;
}

/** Everything that steers flows on a host. */
export function createSteering(setup: SteeringSetup): Steering {
  const { kernel, timers, log, metrics, reporter, knowledge } = setup;
  const onProblems = (): void => {
    reporter.notice();
  };
  const onRepair = (item: string): void => {
    metrics.repairs.add("table");
    log.warn({ kind: "table", item }, "mended what somebody changed");
    reporter.notice();
  };
  const shared = { kernel, timers, log, onProblems, onRepair };
  return new Steering({ parts: [new ServiceKeeper(shared)], timers, knowledge });
}

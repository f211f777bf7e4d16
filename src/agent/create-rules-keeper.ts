import type { AgentConfig } from "../schema/index.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import type { Kernel } from "../system/kernel.ts";
import { IptablesKeeper } from "./iptables-keeper.ts";
import { NftKeeper } from "./nft-keeper.ts";
import type { Policing } from "./policing.ts";
import type { RulesKeeper } from "./rules-keeper.ts";
import { TableKeeper, type TableReference } from "./table-keeper.ts";

/** What rules are kept with. */
export interface RulesKeeperOptions {
  readonly config: Pick<AgentConfig, "firewall" | "table">;
  readonly kernel: Kernel;
  readonly iptables: IptablesRunner;
  readonly policing: Pick<Policing, "model" | "beforeReplace" | "ruleCounters">;
  /** How the rules of an earlier life look; those of another firewall look like none of this one. */
  readonly reference: TableReference | undefined;
  /** Told when that changes. */
  readonly remember: (reference: TableReference) => void;
}

/** The keeper of rules that the configuration asks for. */
export function createRulesKeeper(options: RulesKeeperOptions): RulesKeeper {
  const { config, kernel, iptables, policing, reference, remember } = options;
  if (config.firewall === "iptables") {
    const { ruleCounters: counters } = policing;
    return new IptablesKeeper({
      runner: iptables,
      model: () => policing.model,
      reference,
      remember,
      counters,
    });
  }
  const table = new TableKeeper(kernel, reference, remember, () => {
    policing.beforeReplace();
  });
  return new NftKeeper(kernel, table, config.table, policing.ruleCounters);
}

import { DROP_REASONS, type DropReason } from "../../policy/index.ts";
import type { FirewallInput } from "../input.ts";
import type { CounterValue } from "../nft.ts";
import type { IptablesChain } from "./input.ts";

/** Where a packet that a rule logs is told; it comes back from there. */
export const LOG_CHAIN = "ROMANA-LOG";

const DROP_PREFIX = "ROMANA-DROP-";

/** The chain that counts, logs and drops for a reason. */
export function dropChain(reason: DropReason): { readonly chain: string } {
  return { chain: `${DROP_PREFIX}${reason.toUpperCase()}` };
}

/** The reason of a chain that {@link dropChain} named. */
export function dropReason(chain: string): DropReason | undefined {
  return DROP_REASONS.find((reason) => dropChain(reason).chain === chain);
}

/** One chain per reason, whose rule counts, and the one that logs. */
export function dropChains(
  log: FirewallInput["packetLog"],
  drops: ReadonlyMap<string, CounterValue>,
): readonly IptablesChain[] {
  const logRule = (prefix: string): readonly { text: string }[] => {
    if (log === undefined) return [];
    const { group, perSecond } = log;
    const limit = `-m limit --limit ${perSecond}/second --limit-burst ${perSecond}`;
    return [{ text: `${limit} -j NFLOG --nflog-group ${group} --nflog-prefix "romana ${prefix}"` }];
  };
  return [
    { name: LOG_CHAIN, rules: logRule("log") },
    ...DROP_REASONS.map((reason): IptablesChain => {
      const counter = drops.get(reason);
      return {
        name: dropChain(reason).chain,
        rules: [...(log?.drops ? logRule(reason) : []), { text: "-j DROP", ...(counter && { counter }) }],
      };
    }),
  ];
}

import { DROP_REASONS, type DropReason } from "../../policy/index.ts";
import { createWriting, logPrefix } from "../drop.ts";
import type { FirewallInput } from "../input.ts";
import type { CounterValue } from "../nft.ts";
import type { IptablesChain, IptablesRule } from "./input.ts";

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
  input: FirewallInput,
  counters: ReadonlyMap<string, CounterValue>,
): readonly IptablesChain[] {
  const { group, perSecond } = createWriting(input).log;
  const logRule = (what: DropReason | "log"): IptablesRule => {
    const limit = `-m limit --limit ${perSecond}/second --limit-burst ${perSecond}`;
    return { text: `${limit} -j NFLOG --nflog-group ${group} --nflog-prefix "${logPrefix(what)}"` };
  };
  return [
    { name: LOG_CHAIN, rules: [logRule("log")] },
    ...DROP_REASONS.map((reason): IptablesChain => {
      const counter = counters.get(reason);
      const drop = { text: "-j DROP", ...(counter && { counter }) };
      return {
        name: dropChain(reason).chain,
        rules: input.packetLog?.drops ? [logRule(reason), drop] : [drop],
      };
    }),
  ];
}

import type { SteeredMarks } from "../firewall/index.ts";
import type { AgentConfig } from "../schema/index.ts";
import { CHAIN_MARKS } from "../steering/index.ts";
import type { HostKnowledge } from "./host-knowledge.ts";

const { passing, arrived } = CHAIN_MARKS;
const STEERED: SteeredMarks = { mask: passing | arrived, passing, arrived };

/** How packets are told that are steered through functions; undefined where there are no chains, or nobody enforces them. */
export function steeredMarks(
  { firewall }: Pick<AgentConfig, "firewall">,
  knowledge: Pick<HostKnowledge, "chains"> | undefined,
): SteeredMarks | undefined {
  return firewall === "nftables" && knowledge !== undefined && knowledge.chains.length > 0
    ? STEERED
    : undefined;
}

import { DROP_REASONS, type DropReason } from "../policy/index.ts";
import type { FirewallInput } from "./input.ts";
import type { Chain, Match, PacketLog, Rule } from "./table.ts";

/** The rule that drops what matches, with its reason. */
export type Drop = (reason: DropReason, ...matches: readonly Match[]) => Rule;

/** Where packets that policies log go when nothing else is said. */
const DEFAULT_LOG = { group: 64, perSecond: 10, drops: false } as const;

/** How drops are counted and logged. */
export interface Writing {
  readonly drop: Drop;
  /** For what policies log. */
  readonly log: PacketLog;
  /** One for each reason when drops are logged; they stand before all others. */
  readonly chains: readonly Chain[];
}

/** Prefix of the log of packets with this reason, or of those that a policy logs. */
export function logPrefix(reason: DropReason | "log"): string {
  return `romana ${reason}`;
}

/** The host's way to write drops. */
export function createWriting({ packetLog = DEFAULT_LOG }: FirewallInput): Writing {
  const { group, perSecond, drops } = packetLog;
  const logAs = (reason: DropReason | "log"): PacketLog => ({ prefix: logPrefix(reason), group, perSecond });
  const log = logAs("log");
  if (!drops) {
    return {
      drop: (reason, ...matches) => ({ matches, counter: reason, verdict: { kind: "drop" } }),
      log,
      chains: [],
    };
  }
  return {
    drop: (reason, ...matches) => ({ matches, verdict: { kind: "goto", chain: chainName(reason) } }),
    log,
    chains: DROP_REASONS.map((reason) => ({
      name: chainName(reason),
      rules: [
        { matches: [], counter: reason, log: logAs(reason), verdict: { kind: "continue" } },
        { matches: [], verdict: { kind: "drop" } },
      ],
    })),
  };
}

function chainName(reason: DropReason): string {
  return `drop_${reason.replaceAll("-", "_")}`;
}

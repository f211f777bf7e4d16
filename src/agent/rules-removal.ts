import { readSavedRules, renderIptablesRemoval } from "../firewall/iptables/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import type { Kernel } from "../system/kernel.ts";

/** One thing of ours in the kernel, and what became of it. */
export interface Removal {
  readonly item: string;
  /** Why it is still there; absent when it is gone, or would be in a dry run. */
  readonly failure?: string;
}

const PROGRAMS: readonly (readonly [Family, string])[] = [
  [4, "iptables"],
  [6, "ip6tables"],
];

/** Removes the nftables table. */
export function removeTable(kernel: Kernel, table: string, isDryRun: boolean): readonly Removal[] {
  const remove = (): void => kernel.runNft(`delete table inet ${table}\n`);
  return removeEach("nftables", isDryRun, function* () {
    if (kernel.listTableShape(table) !== undefined) yield { item: `table inet ${table}`, remove };
  });
}

/** Removes our chains from the tables of iptables, then our sets. There are none where the programs are not. */
export function removeIptables(iptables: IptablesRunner, isDryRun: boolean): readonly Removal[] {
  return removeEach("iptables", isDryRun, function* () {
    for (const [family, program] of PROGRAMS) {
      const saved = readSavedRules(iptables.save(family));
      if (saved.jumps.size + saved.chains.size === 0) continue;
      const remove = (): void => iptables.restore(family, renderIptablesRemoval(saved));
      yield { item: `chains of ${program}`, remove };
    }
    const names = iptables.setNames();
    if (names.length === 0) return;
    const text = names.map((name) => `destroy ${name}\n`).join("");
    yield { item: "sets of ipset", remove: () => iptables.restoreSets(text) };
  });
}

interface Part {
  readonly item: string;
  readonly remove: () => void;
}

/** Finds and removes one part after the other; what cannot even be looked for fails under the name of the whole. */
function removeEach(name: string, isDryRun: boolean, parts: () => Iterable<Part>): readonly Removal[] {
  const removals: Removal[] = [];
  const failure = attempt(() => {
    for (const { item, remove } of parts()) {
      const reason = isDryRun ? undefined : attempt(remove);
      removals.push({ item, ...(reason !== undefined && { failure: reason }) });
    }
  });
  return failure === undefined ? removals : [...removals, { item: `rules of ${name}`, failure }];
}

/** Why it did not work. */
function attempt(action: () => void): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (hasCode(error, "unsupported")) return undefined;
    if (error instanceof RomanaError) return error.message;
    throw error;
  }
}

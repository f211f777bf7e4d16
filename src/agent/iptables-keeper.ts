import type { CounterValue, FirewallInput, FirewallScope } from "../firewall/index.ts";
import {
  type Generation,
  type IptablesTexts,
  NOTHING_SAVED,
  readSavedRules,
  renderIptables,
  type SavedRules,
  setPrefix,
} from "../firewall/iptables/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import { compilePolicies, type RuleModel } from "../rules/index.ts";
import type { IptablesRunner } from "../system/iptables.ts";
import { DropTotals } from "./drop-totals.ts";
import { fingerprint } from "./listing.ts";
import type { DeviceChange, RulesKeeper, RulesText } from "./rules-keeper.ts";
import type { TableReference } from "./table-keeper.ts";

/** What an {@link IptablesKeeper} works with. */
export interface IptablesKeeperOptions {
  readonly runner: IptablesRunner;
  /** What policies say; undefined without any. */
  readonly model: () => RuleModel | undefined;
  /** How the rules of an earlier life look in the kernel. */
  readonly reference: TableReference | undefined;
  /** Told when that changes. */
  readonly remember: (reference: TableReference) => void;
}

type Texts = Readonly<Record<Family, string>>;

const FAMILIES: readonly Family[] = [4, 6];

const NO_POLICIES = compilePolicies({ hosts: [], tenants: [], segments: [], policies: [], exceptions: [] });

const FROM_NOTHING = { generation: "A", saved: { 4: NOTHING_SAVED, 6: NOTHING_SAVED } } as const;

/**
 * Rules as chains and sets of our own in the tables of iptables and ip6tables. Any change replaces all of them: first
 * sets that no rule looks into, then the chains, one transaction per table.
 */
export class IptablesKeeper implements RulesKeeper {
  readonly item = "iptables rules";
  readonly countsRules = false;
  readonly #options: IptablesKeeperOptions;
  readonly #drops = new DropTotals();
  #reference: TableReference | undefined;

  constructor(options: IptablesKeeperOptions) {
    this.#options = options;
    this.#reference = options.reference;
  }

  keep(desired: FirewallInput, mayRepair: () => boolean): void {
    const rendered = this.#rendered(desired);
    const isEqual = this.#reference?.rendered === rendered && this.isThere();
    if (!isEqual && mayRepair()) this.#replace(desired, rendered);
    // Sets of the nft table, which nobody has here.
    desired.policyRules?.takeDifferences();
  }

  advance(): boolean {
    return false;
  }

  distrust(): void {
    // Every look is at the kernel itself.
  }

  changeDevices(_scope: FirewallScope, _change: DeviceChange, desired: () => FirewallInput): void {
    const wanted = desired();
    this.#replace(wanted, this.#rendered(wanted));
  }

  isThere(): boolean {
    return this.#reference !== undefined && this.#listed(this.#save()) === this.#reference.listed;
  }

  /** The last ones known when they cannot be read. */
  counters(): ReadonlyMap<string, CounterValue> {
    try {
      this.#drops.see(readAll(this.#save()));
    } catch (error) {
      if (!(error instanceof RomanaError)) throw error;
    }
    return this.#drops.totals;
  }

  text(desired: FirewallInput): RulesText {
    const { ipset4, ipset6, iptables, ip6tables } = renderIptables(this.#input(desired), FROM_NOTHING);
    return { ipset: ipset4 + ipset6, iptables, ip6tables };
  }

  #rendered(desired: FirewallInput): string {
    return fingerprint(JSON.stringify(renderIptables(this.#input(desired), FROM_NOTHING)));
  }

  #input(desired: FirewallInput): Parameters<typeof renderIptables>[0] {
    return { ...desired, rules: this.#options.model() ?? NO_POLICIES };
  }

  /** Without a listing that is surely of our own rules, the next look replaces them again. */
  #replace(desired: FirewallInput, rendered: string): void {
    const { runner, remember } = this.#options;
    this.#reference = undefined;
    const before = this.#save();
    const saved = readAll(before);
    this.#drops.see(saved);
    const made = new Map<Generation, IptablesTexts>();
    const textsOf = (family: Family): IptablesTexts => {
      const generation = freeGeneration(family, before[family]);
      const texts = made.get(generation) ?? renderIptables(this.#input(desired), { generation, saved });
      made.set(generation, texts);
      return texts;
    };
    const [ipv4, ipv6] = [textsOf(4), textsOf(6)];
    const rules: Texts = { 4: ipv4.iptables, 6: ipv6.ip6tables };
    runner.restoreSets(ipv4.ipset4 + ipv6.ipset6);
    for (const family of FAMILIES) runner.restore(family, rules[family]);
    const after = this.#save();
    this.#drops.startFrom(readAll(after));
    if (FAMILIES.every((family) => countRules(after[family]) === countRules(rules[family]))) {
      this.#reference = { rendered, listed: this.#listed(after) };
      remember(this.#reference);
    }
    this.#destroyUnused(after);
  }

  #save(): Texts {
    const { runner } = this.#options;
    return { 4: runner.save(4), 6: runner.save(6) };
  }

  /** Fingerprint of the rules without counters, and of the sets that they look into. */
  #listed(rules: Texts): string {
    const used = setsIn(rules);
    const sets = this.#options.runner
      .saveSets()
      .split("\n")
      .filter((line) => used.has(line.split(" ")[1] ?? ""));
    const chains = FAMILIES.map((family) => rules[family].replaceAll(/^\[\d+:\d+\] /gm, ""));
    return fingerprint([...chains, ...sets.sort()].join("\n"));
  }

  /** Sets that the kernel does not let go of yet, or that others look into, stay until the next time. */
  #destroyUnused(rules: Texts): void {
    const { runner } = this.#options;
    const used = setsIn(rules);
    const unused = runner.setNames().filter((name) => !used.has(name));
    if (unused.length === 0) return;
    try {
      runner.restoreSets(unused.map((name) => `destroy ${name}\n`).join(""));
    } catch (error) {
      if (!hasCode(error, "command-failed")) throw error;
    }
  }
}

function readAll(rules: Texts): Readonly<Record<Family, SavedRules>> {
  return { 4: readSavedRules(rules[4]), 6: readSavedRules(rules[6]) };
}

/** The generation of sets that the rules which decide do not look into; those of table `raw` only leave untracked. */
function freeGeneration(family: Family, rules: string): Generation {
  const filter = rules.split(/^(?=\*)/m).find((table) => table.startsWith("*filter")) ?? "";
  return filter.includes(` --match-set ${setPrefix("A", family)}`) ? "B" : "A";
}

function setsIn(rules: Texts): ReadonlySet<string> {
  const names = FAMILIES.flatMap((family) => [...rules[family].matchAll(/ --match-set (\S+)/g)]);
  return new Set(names.map(([, name = ""]) => name));
}

/** Number of rules in chains of our own. */
function countRules(text: string): number {
  return [...text.matchAll(/^(?:\[\d+:\d+\] )?-A ROMANA-/gm)].length;
}

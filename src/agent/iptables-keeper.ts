import type { CounterValue, FirewallInput, FirewallScope } from "../firewall/index.ts";
import {
  type CountedRules,
  canonicalSets,
  type Generation,
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
import { PlaceCounters } from "./place-counters.ts";
import type { RuleCounters } from "./rule-counters.ts";
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
  /** Where to what rules of policies count goes. */
  readonly counters: RuleCounters;
}

type Texts = Readonly<Record<Family, string>>;

/** What the kernel has of ours. */
interface Listing {
  readonly rules: Texts;
  readonly sets: string;
}

/** The desired rules, as if there were none yet. */
interface Rendered {
  readonly fingerprint: string;
  readonly counted: Readonly<Record<Family, CountedRules>>;
}

const FAMILIES: readonly Family[] = [4, 6];

const NO_POLICIES = compilePolicies({ hosts: [], tenants: [], segments: [], policies: [], exceptions: [] });

const FROM_NOTHING = { generation: "A", saved: { 4: NOTHING_SAVED, 6: NOTHING_SAVED } } as const;

/**
 * Rules as chains and sets of our own in the tables of iptables and ip6tables. Any change replaces all of them: first
 * sets that no rule looks into, then the chains, one transaction per table.
 */
export class IptablesKeeper implements RulesKeeper {
  readonly item = "iptables rules";
  readonly #options: IptablesKeeperOptions;
  readonly #drops = new DropTotals();
  readonly #places: PlaceCounters;
  #reference: TableReference | undefined;

  constructor(options: IptablesKeeperOptions) {
    this.#options = options;
    this.#places = new PlaceCounters(options.counters);
    this.#reference = options.reference;
  }

  keep(desired: FirewallInput, mayRepair: () => boolean): void {
    const rendered = this.#rendered(desired);
    const there = this.#list();
    this.#places.seeChains(there.rules);
    this.#places.seeSets(there.sets);
    const isEqual = this.#reference?.rendered === rendered.fingerprint && this.#isOurs(there);
    if (isEqual) this.#follow(rendered, there.rules);
    else if (mayRepair()) this.#replace(desired, rendered.fingerprint, there.rules);
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
    const { fingerprint: rendered } = this.#rendered(wanted);
    const before = this.#save();
    this.#places.seeChains(before);
    this.#replace(wanted, rendered, before);
  }

  isThere(): boolean {
    return this.#reference !== undefined && this.#isOurs(this.#list());
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

  sample(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#places.counts) {
        const { rules, sets } = this.#list();
        this.#places.seeChains(rules);
        this.#places.seeSets(sets);
      }
      resolve();
    });
  }

  sampleBeforeChange(): void {
    // What counts for whom is known of the rules that the kernel has, and each look that changes them reads it.
  }

  text(desired: FirewallInput): RulesText {
    const { ipset4, ipset6, iptables, ip6tables } = renderIptables(this.#input(desired), FROM_NOTHING);
    return { ipset: ipset4 + ipset6, iptables, ip6tables };
  }

  #rendered(desired: FirewallInput): Rendered {
    const { counted, ...texts } = renderIptables(this.#input(desired), FROM_NOTHING);
    return { fingerprint: fingerprint(JSON.stringify(texts)), counted };
  }

  #input(desired: FirewallInput): Parameters<typeof renderIptables>[0] {
    return { ...desired, rules: this.#options.model() ?? NO_POLICIES };
  }

  /** Without a listing that is surely of our own rules, the next look replaces them again. */
  #replace(desired: FirewallInput, rendered: string, before: Texts): void {
    const { runner, remember } = this.#options;
    this.#reference = undefined;
    const saved = readAll(before);
    this.#drops.see(saved);
    const input = this.#input(desired);
    const free = (family: Family): Generation => (liveGeneration(family, before[family]) === "A" ? "B" : "A");
    const generations = { 4: free(4), 6: free(6) };
    const ipv4 = renderIptables(input, { generation: generations[4], saved });
    const ipv6 =
      generations[4] === generations[6] ? ipv4 : renderIptables(input, { generation: generations[6], saved });
    const rules: Texts = { 4: ipv4.iptables, 6: ipv6.ip6tables };
    const sets = ipv4.ipset4 + ipv6.ipset6;
    runner.restoreSets(sets);
    for (const family of FAMILIES) {
      runner.restore(family, rules[family]);
      const { counted } = family === 4 ? ipv4 : ipv6;
      this.#places.replaced(family, { generation: generations[family], counted: counted[family] });
    }
    const after = this.#list();
    this.#drops.startFrom(readAll(after.rules));
    this.#places.seeSets(after.sets);
    const used = setsIn(after.rules);
    const isComplete = FAMILIES.every(
      (family) => countRules(after.rules[family]) === countRules(rules[family]),
    );
    if (isComplete && canonicalSets(after.sets, used) === canonicalSets(sets, used)) {
      this.#reference = { rendered, listed: listed(after) };
      remember(this.#reference);
    }
    this.#destroyUnused(after.sets, used);
  }

  #follow({ counted }: Rendered, there: Texts): void {
    for (const family of FAMILIES) {
      const generation = liveGeneration(family, there[family]);
      this.#places.follow(family, { generation, counted: counted[family] });
    }
  }

  #isOurs(there: Listing): boolean {
    return listed(there) === this.#reference?.listed;
  }

  #list(): Listing {
    return { rules: this.#save(), sets: this.#options.runner.saveSets() };
  }

  #save(): Texts {
    const { runner } = this.#options;
    return { 4: runner.save(4), 6: runner.save(6) };
  }

  /** Sets that the kernel does not let go of yet, or that others look into, stay until the next time. */
  #destroyUnused(sets: string, used: ReadonlySet<string>): void {
    const names = [...sets.matchAll(/^create (\S+) /gm)].map(([, name = ""]) => name);
    const unused = names.filter((name) => !used.has(name));
    if (unused.length === 0) return;
    try {
      this.#options.runner.restoreSets(unused.map((name) => `destroy ${name}\n`).join(""));
      this.#places.forgetBefore();
    } catch (error) {
      if (!hasCode(error, "command-failed")) throw error;
    }
  }
}

function readAll(rules: Texts): Readonly<Record<Family, SavedRules>> {
  return { 4: readSavedRules(rules[4]), 6: readSavedRules(rules[6]) };
}

/** Fingerprint of the rules without counters, and of the sets that they look into. */
function listed({ rules, sets }: Listing): string {
  const chains = FAMILIES.map((family) => rules[family].replaceAll(/^\[\d+:\d+\] /gm, ""));
  return fingerprint([...chains, canonicalSets(sets, setsIn(rules))].join("\n"));
}

/** The generation of sets that the rules which decide look into; those of table `raw` only leave untracked. */
function liveGeneration(family: Family, rules: string): Generation {
  const filter = rules.split(/^(?=\*)/m).find((table) => table.startsWith("*filter")) ?? "";
  return filter.includes(` --match-set ${setPrefix("A", family)}`) ? "A" : "B";
}

function setsIn(rules: Texts): ReadonlySet<string> {
  const names = FAMILIES.flatMap((family) => [...rules[family].matchAll(/ --match-set (\S+)/g)]);
  return new Set(names.map(([, name = ""]) => name));
}

/** Number of rules in chains of our own. */
function countRules(text: string): number {
  return [...text.matchAll(/^(?:\[\d+:\d+\] )?-A ROMANA-/gm)].length;
}

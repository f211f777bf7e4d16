import { spawnSync } from "node:child_process";
import type { FirewallInput } from "../../src/firewall/index.ts";
import {
  type Generation,
  type IptablesState,
  readSavedRules,
  renderIptables,
  renderIptablesRemoval,
  setPrefix,
} from "../../src/firewall/iptables/index.ts";
import { DROP_REASONS, type MaybePolicyWorld, withPolicies } from "../../src/policy/index.ts";
import { compilePolicies } from "../../src/rules/index.ts";
import { inNamespace } from "../../src/system/namespace.ts";
import type { SceneFirewall, SceneHost } from "./firewall-scene.ts";
import { FAMILIES } from "./firewall-topology.ts";

/** Which of the kernel's two rule engines the programs talk to. */
export type IptablesVariant = "nft" | "legacy";

/** Runs a program inside a network namespace. @throws Error with what it said when it fails. */
export function runIn(namespace: string, argv: readonly string[], input = ""): string {
  const [program = "", ...rest] = argv;
  const run = inNamespace(namespace, () => spawnSync(program, rest, { input, encoding: "utf8" }));
  if (run.status !== 0) throw new Error(`${argv.join(" ")}: ${run.stderr}${run.error ?? ""}`);
  return run.stdout;
}

/** iptables and ipset, with the policies of the world. */
export class IptablesFirewall implements SceneFirewall {
  readonly name: string;
  /** Whose policies the next rules follow from. */
  world: MaybePolicyWorld;
  readonly #variant: IptablesVariant;
  readonly #generations = new Map<SceneHost, Generation>();

  constructor(variant: IptablesVariant, world: MaybePolicyWorld) {
    this.name = `iptables-${variant}`;
    this.#variant = variant;
    this.world = world;
  }

  apply(own: SceneHost, input: FirewallInput): void {
    const generation = this.#generations.get(own) === "A" ? "B" : "A";
    const rules = compilePolicies(withPolicies(this.world));
    const texts = renderIptables({ ...input, rules }, { generation, saved: this.saved(own) });
    runIn(own.namespace, ["ipset", "restore"], texts.ipset4 + texts.ipset6);
    for (const family of FAMILIES) {
      this.#restore(own, family, family === 4 ? texts.iptables : texts.ip6tables);
    }
    this.#destroySets(own, generation === "A" ? "B" : "A");
    this.#generations.set(own, generation);
  }

  drops(own: SceneHost): ReadonlyMap<string, number> {
    const saved = Object.values(this.saved(own));
    const count = (reason: string): number =>
      saved.reduce((sum, { drops }) => sum + (drops.get(reason)?.packets ?? 0), 0);
    return new Map(DROP_REASONS.map((reason) => [reason, count(reason)]));
  }

  /** Takes everything out again. */
  remove(own: SceneHost): void {
    const saved = this.saved(own);
    for (const family of FAMILIES) this.#restore(own, family, renderIptablesRemoval(saved[family]));
    for (const generation of ["A", "B"] as const) this.#destroySets(own, generation);
  }

  saved(own: SceneHost): IptablesState["saved"] {
    const read = (family: 4 | 6) => readSavedRules(this.save(own, family));
    return { 4: read(4), 6: read(6) };
  }

  /** What the tables of a family are, as text. */
  save(own: SceneHost, family: 4 | 6): string {
    return runIn(own.namespace, [`${this.#program(family)}-save`, "--counters"]);
  }

  /** Runs `iptables` or `ip6tables` itself. */
  run(own: SceneHost, family: 4 | 6, ...words: readonly string[]): void {
    runIn(own.namespace, [this.#program(family), ...words]);
  }

  #restore(own: SceneHost, family: 4 | 6, text: string): void {
    runIn(own.namespace, [`${this.#program(family)}-restore`, "--noflush", "--counters"], text);
  }

  #program(family: 4 | 6): string {
    return `${family === 4 ? "iptables" : "ip6tables"}-${this.#variant}`;
  }

  #destroySets({ namespace }: SceneHost, generation: Generation): void {
    const names = runIn(namespace, ["ipset", "list", "-name"]).split("\n");
    const prefixes = FAMILIES.map((family) => setPrefix(generation, family));
    const stale = names.filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
    if (stale.length > 0)
      runIn(namespace, ["ipset", "restore"], stale.map((name) => `destroy ${name}\n`).join(""));
  }
}

import type { Policy, PolicyVerdict, Tier } from "../model/index.ts";
import type { Fragment, FragmentEntry, RuleFragment, Scope } from "./fragment.ts";
import { entryKey } from "./party.ts";
import type { RuleEntry, RuleLayer, RuleReference } from "./rule-model.ts";

/** In the standard tier, the order of verdicts among rules of equal order. */
const VERDICT_RANK: Readonly<Record<PolicyVerdict, number>> = { log: 0, drop: 1, pass: 2, accept: 3 };

/** An entry that came, changed who says it, or went. */
export interface EntryChange {
  /** Key of the layer. */
  readonly layer: string;
  readonly key: string;
  /** Undefined: it went. */
  readonly entry: RuleEntry | undefined;
}

/** A policy with what it comes to. */
export interface Compiled {
  readonly policy: Policy;
  readonly fragment: Fragment;
}

/** Rules between which no order is needed: of one verdict, at one place. */
interface Place {
  readonly key: string;
  readonly order: number;
  /** Empty in the standard tier. */
  readonly policy: string;
  readonly rank: number;
  readonly verdict: PolicyVerdict;
  /** How many rules are at this place. */
  count: number;
}

/** A rule with where it stands, for the order of those that say the same. */
interface Saying extends RuleReference {
  readonly order: number;
}

interface Row {
  readonly entry: Omit<RuleEntry, "by">;
  readonly by: Saying[];
}

interface Layer {
  readonly key: string;
  readonly verdict: PolicyVerdict;
  readonly rows: Map<string, Row>;
}

/** The rules of one tier, direction and scope, kept as layers while policies come and go. */
export class TierBook {
  readonly #tier: Tier;
  readonly #scope: Scope;
  readonly #direction: RuleFragment["direction"];
  readonly #places = new Map<string, Place>();
  /** In their order. */
  #layers: Layer[] = [];
  #layerOf = new Map<string, Layer>();

  constructor(tier: Tier, scope: Scope, direction: RuleFragment["direction"]) {
    this.#tier = tier;
    this.#scope = scope;
    this.#direction = direction;
  }

  /**
   * Takes policies out and in. Answers what changed in the layers, or undefined when the layers themselves are others
   * now; they then hold nothing and must be filled by {@link fill} with all policies.
   */
  change(removed: readonly Compiled[], added: readonly Compiled[]): readonly EntryChange[] | undefined {
    const before = [...this.#layers].map(({ key }) => key).join();
    const placesBefore = new Map(this.#layerOf);
    for (const compiled of added)
      for (const rule of this.#rulesOf(compiled)) this.#enter(compiled.policy, rule);
    for (const compiled of removed) {
      for (const rule of this.#rulesOf(compiled)) this.#leave(compiled.policy, rule);
    }
    const layers = this.#arrange();
    const keys = new Map(layers.flatMap(({ key, places }) => places.map((place) => [place, key])));
    const isSame =
      layers.map(({ key }) => key).join() === before &&
      [...placesBefore].every(([place, { key }]) => !this.#places.has(place) || key === keys.get(place));
    if (!isSame) {
      this.#layers = layers.map(({ key, verdict }) => ({ key, verdict, rows: new Map() }));
      this.#layerOf = placesOf(layers, this.#layers);
      return undefined;
    }
    // Rules that went are still found at the places that they had.
    this.#layerOf = new Map([...placesBefore, ...placesOf(layers, this.#layers)]);
    const touched = new Map<string, { layer: Layer; key: string }>();
    for (const compiled of removed) this.#write(compiled, touched, remove);
    for (const compiled of added) this.#write(compiled, touched, add);
    this.#layerOf = placesOf(layers, this.#layers);
    return [...touched.values()].map(({ layer, key }) => {
      const row = layer.rows.get(key);
      return { layer: layer.key, key, entry: row && entryOf(row) };
    });
  }

  /** Fills empty layers. */
  fill(policies: Iterable<Compiled>): void {
    for (const compiled of policies) this.#write(compiled, undefined, add);
  }

  /** The layers as they are now. */
  layers(): readonly RuleLayer[] {
    return this.#layers.map(({ key, verdict, rows }) => ({
      key,
      verdict,
      entries: [...rows.values()].map(entryOf),
    }));
  }

  #rulesOf({ policy, fragment }: Compiled): readonly RuleFragment[] {
    if (policy.tier !== this.#tier) return [];
    return fragment.rules.filter(
      ({ scope, direction }) => scope === this.#scope && direction === this.#direction,
    );
  }

  #placeKey({ order, id }: Policy, { rule, verdict }: RuleFragment): string {
    return this.#tier === "standard" ? `${order}/${verdict}` : `${order}/${rule}/${id}`;
  }

  #enter(policy: Policy, rule: RuleFragment): void {
    const key = this.#placeKey(policy, rule);
    const place = this.#places.get(key);
    if (place !== undefined) {
      place.count++;
      return;
    }
    const { order, id } = policy;
    const { verdict } = rule;
    this.#places.set(
      key,
      this.#tier === "standard"
        ? { key, order, policy: "", rank: VERDICT_RANK[verdict], verdict, count: 1 }
        : { key, order, policy: id, rank: rule.rule, verdict, count: 1 },
    );
  }

  #leave(policy: Policy, rule: RuleFragment): void {
    const key = this.#placeKey(policy, rule);
    const place = this.#places.get(key);
    if (place !== undefined && --place.count === 0) this.#places.delete(key);
  }

  /** Places in their order, neighbours of one verdict as one layer. */
  #arrange(): { key: string; verdict: PolicyVerdict; places: string[] }[] {
    const layers: { key: string; verdict: PolicyVerdict; places: string[] }[] = [];
    for (const { key, verdict } of [...this.#places.values()].sort(comparePlaces)) {
      const last = layers.at(-1);
      if (last?.verdict === verdict) last.places.push(key);
      else layers.push({ key: `${layers.length}_${verdict}`, verdict, places: [key] });
    }
    return layers;
  }

  #write(
    compiled: Compiled,
    touched: Map<string, { layer: Layer; key: string }> | undefined,
    change: (layer: Layer, key: string, entry: FragmentEntry, stateful: boolean, saying: Saying) => void,
  ): void {
    const { policy } = compiled;
    for (const rule of this.#rulesOf(compiled)) {
      const layer = this.#layerOf.get(this.#placeKey(policy, rule));
      if (layer === undefined) continue;
      const saying = { policy: policy.id, rule: rule.rule, order: policy.order };
      for (const entry of rule.entries) {
        const key = entryKey(entry.subject.key, entry.peer.key, entry.traffic, rule.stateful);
        change(layer, key, entry, rule.stateful, saying);
        touched?.set(`${layer.key} ${key}`, { layer, key });
      }
    }
  }
}

function add(layer: Layer, key: string, entry: FragmentEntry, stateful: boolean, saying: Saying): void {
  const row = layer.rows.get(key);
  if (row === undefined) {
    const { subject, peer, traffic } = entry;
    layer.rows.set(key, {
      entry: { subject: subject.party, peer: peer.party, traffic, stateful },
      by: [saying],
    });
    return;
  }
  if (row.by.some((other) => compareSayings(other, saying) === 0)) return;
  row.by.push(saying);
  row.by.sort(compareSayings);
}

function remove(layer: Layer, key: string, _: FragmentEntry, __: boolean, saying: Saying): void {
  const row = layer.rows.get(key);
  const index = row?.by.findIndex((other) => compareSayings(other, saying) === 0) ?? -1;
  if (row === undefined || index === -1) return;
  row.by.splice(index, 1);
  if (row.by.length === 0) layer.rows.delete(key);
}

function entryOf({ entry, by }: Row): RuleEntry {
  return { ...entry, by: by.map(({ policy, rule }) => ({ policy, rule })) };
}

function placesOf(
  arranged: readonly { readonly places: readonly string[] }[],
  layers: readonly Layer[],
): Map<string, Layer> {
  return new Map(
    arranged.flatMap(({ places }, index) => places.map((place) => [place, layers[index] as Layer] as const)),
  );
}

function comparePlaces(a: Place, b: Place): number {
  return a.order - b.order || compareText(a.policy, b.policy) || a.rank - b.rank;
}

function compareSayings(a: Saying, b: Saying): number {
  return a.order - b.order || compareText(a.policy, b.policy) || a.rule - b.rule;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

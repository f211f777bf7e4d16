import type { Policy, PolicyVerdict, Tier } from "../model/index.ts";
import { type Fragment, type FragmentEntry, type RuleFragment, type Scope, scopesOf } from "./fragment.ts";
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

/** An entry that knows the order of those who say it. */
interface Row extends RuleEntry {
  readonly by: readonly Saying[];
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
  /** Entries whose changes were not asked for yet; undefined: the layers are others. */
  #touched: Map<string, { readonly layer: Layer; readonly key: string }> | undefined = new Map();

  constructor(tier: Tier, scope: Scope, direction: RuleFragment["direction"]) {
    this.#tier = tier;
    this.#scope = scope;
    this.#direction = direction;
  }

  /**
   * Puts layers in order for policies that come in place of others, whose entries must be gone already. False: the layers
   * are others now and hold nothing; all policies must be put. What was put before may be put again.
   */
  arrange(removed: readonly Policy[], added: readonly Policy[]): boolean {
    for (const policy of added) this.#eachRule(policy, (key, place) => this.#enter(key, place));
    for (const policy of removed) this.#eachRule(policy, (key) => this.#leave(key));
    const arranged = this.#arranged();
    const isSame =
      arranged.map(({ key }) => key).join() === this.#layers.map(({ key }) => key).join() &&
      arranged.every(({ key, places }) =>
        places.every((place) => (this.#layerOf.get(place)?.key ?? key) === key),
      );
    if (!isSame) {
      this.#touched = undefined;
      this.#layers = arranged.map(({ key, verdict }) => ({ key, verdict, rows: new Map() }));
    }
    this.#layerOf = new Map(
      arranged.flatMap(({ places }, index) =>
        places.map((place) => [place, this.#layers[index] as Layer] as const),
      ),
    );
    return isSame;
  }

  /** Puts what a policy says. */
  put(policy: Policy, fragment: Fragment): void {
    this.#write(policy, fragment, add);
  }

  /** Takes back what a policy said. */
  remove(policy: Policy, fragment: Fragment): void {
    this.#write(policy, fragment, remove);
  }

  /** What became of entries since this was last asked; undefined when the layers are others since then. */
  takeChanges(): readonly EntryChange[] | undefined {
    const touched = this.#touched;
    this.#touched = new Map();
    return (
      touched &&
      Array.from(touched.values(), ({ layer, key }) => ({
        layer: layer.key,
        key,
        entry: layer.rows.get(key),
      }))
    );
  }

  /** The layers as they are now. */
  layers(): readonly RuleLayer[] {
    return this.#layers.map(({ key, verdict, rows }) => ({
      key,
      verdict,
      entries: [...rows.values()],
    }));
  }

  /** The places of a policy's rules; its targets need not be known for that. */
  #eachRule(policy: Policy, visit: (key: string, place: Omit<Place, "key" | "count">) => void): void {
    if (policy.tier !== this.#tier || !scopesOf(policy).includes(this.#scope)) return;
    const { order, id } = policy;
    for (const [rule, { direction, verdict }] of policy.rules.entries()) {
      if (direction !== this.#direction) continue;
      const place =
        this.#tier === "standard" ? { policy: "", rank: VERDICT_RANK[verdict] } : { policy: id, rank: rule };
      visit(this.#placeKey(policy, rule, verdict), { order, verdict, ...place });
    }
  }

  #placeKey({ order, id }: Policy, rule: number, verdict: PolicyVerdict): string {
    return this.#tier === "standard" ? `${order}/${verdict}` : `${order}/${rule}/${verdict}/${id}`;
  }

  #enter(key: string, place: Omit<Place, "key" | "count">): void {
    const known = this.#places.get(key);
    if (known === undefined) this.#places.set(key, { ...place, key, count: 1 });
    else known.count++;
  }

  #leave(key: string): void {
    const place = this.#places.get(key);
    if (place !== undefined && --place.count === 0) this.#places.delete(key);
  }

  /** Places in their order, neighbours of one verdict as one layer. */
  #arranged(): { key: string; verdict: PolicyVerdict; places: string[] }[] {
    const layers: { key: string; verdict: PolicyVerdict; places: string[] }[] = [];
    for (const { key, verdict } of [...this.#places.values()].sort(comparePlaces)) {
      const last = layers.at(-1);
      if (last?.verdict === verdict) last.places.push(key);
      else layers.push({ key: `${layers.length}_${verdict}`, verdict, places: [key] });
    }
    return layers;
  }

  #write(
    policy: Policy,
    { rules }: Fragment,
    change: (layer: Layer, key: string, entry: FragmentEntry, stateful: boolean, saying: Saying) => void,
  ): void {
    if (policy.tier !== this.#tier) return;
    for (const { scope, direction, rule, verdict, stateful, entries } of rules) {
      if (scope !== this.#scope || direction !== this.#direction) continue;
      const layer = this.#layerOf.get(this.#placeKey(policy, rule, verdict));
      if (layer === undefined) continue;
      const saying = { policy: policy.id, rule, order: policy.order };
      for (const entry of entries) {
        const key = entryKey(entry.subject.key, entry.peer.key, entry.traffic, stateful);
        change(layer, key, entry, stateful, saying);
        this.#touched?.set(`${layer.key} ${key}`, { layer, key });
      }
    }
  }
}

function add(layer: Layer, key: string, entry: FragmentEntry, stateful: boolean, saying: Saying): void {
  const known = layer.rows.get(key)?.by;
  if (known?.some((other) => compareSayings(other, saying) === 0) === true) return;
  const by = known === undefined ? [saying] : [...known, saying].sort(compareSayings);
  const { subject, peer, traffic } = entry;
  layer.rows.set(key, { subject: subject.party, peer: peer.party, traffic, stateful, by });
}

function remove(layer: Layer, key: string, _: FragmentEntry, __: boolean, saying: Saying): void {
  const row = layer.rows.get(key);
  if (row === undefined) return;
  const by = row.by.filter((other) => compareSayings(other, saying) !== 0);
  if (by.length === 0) layer.rows.delete(key);
  else layer.rows.set(key, { ...row, by });
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

import { type AddressPlan, type Direction, type Network, plansOf, TIERS, type Tier } from "../model/index.ts";
import { addressBits, type Family, prefixMask } from "../net/index.ts";
import {
  type ExceptionRules,
  keyOfEntry,
  type ModelChange,
  partyKey,
  type RuleEntry,
  type RuleLayer,
  type RuleModel,
  type RuleReference,
  type Scope,
} from "../rules/index.ts";
import { sortElements } from "./key.ts";
import { LayerSets, type SetDifference, type ShapeSet } from "./layer-sets.ts";
import type { Element, NamedSet } from "./table.ts";

/** A layer with its sets in one family. */
export interface PolicyLayer {
  readonly verdict: RuleLayer["verdict"];
  readonly sets: LayerSets;
}

/** One direction of one scope in one family. */
export interface PolicyDirection {
  readonly tiers: Readonly<Record<Tier, readonly PolicyLayer[]>>;
  readonly isolated: LayerSets;
  /** Accepted without connection tracking. */
  readonly stateless: LayerSets;
}

/** A set with the rules that its elements come from. */
export interface CountedSet {
  readonly name: string;
  readonly rows: readonly { readonly element: Element; readonly by: readonly RuleReference[] }[];
}

const FAMILIES: readonly Family[] = [4, 6];
const SCOPES: readonly Scope[] = ["endpoints", "machines"];
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];
const SHORT: Readonly<Record<Direction, string>> = { ingress: "in", egress: "out" };

/**
 * The rule model as sets of the address bits of some networks. It follows changes of the model element by element,
 * as long as no layer and no shape of keys is new.
 */
export class PolicyRules {
  readonly #directions = new Map<string, PolicyDirection>();
  readonly #layers = new Map<string, LayerSets>();
  readonly #defaults = new Map<Family, { readonly accept: LayerSets; readonly isolated: LayerSets }>();
  #exceptionRules: ExceptionRules;
  readonly #plans: ReadonlyMap<Family, readonly AddressPlan[]>;

  constructor(networks: readonly Network[], model: RuleModel) {
    const plans = networks.flatMap(plansOf);
    this.#plans = new Map(FAMILIES.map((family) => [family, plans.filter((plan) => plan.family === family)]));
    this.#exceptionRules = model;
    for (const family of FAMILIES) {
      for (const scope of SCOPES) {
        for (const direction of DIRECTIONS) this.#build(model, family, scope, direction);
      }
      const accept = this.#sets(`default${family}`, family);
      accept.change(keyed(model.exceptionDefaults));
      const isolated = this.#sets(`default_isolated${family}`, family);
      isolated.change(isolatedKeyed(model));
      this.#defaults.set(family, { accept, isolated });
    }
    this.takeDifferences();
  }

  /** Takes in a change. False: it cannot be expressed by elements, everything must be made anew. */
  change(change: ModelChange): boolean {
    if (change.kind === "structure") return false;
    const known: boolean[] = [];
    for (const family of FAMILIES) {
      for (const { scope, direction, tier, layer, key, entry } of change.entries) {
        const sets = this.#layers.get(layerName(family, scope, direction, tier, layer));
        if (sets === undefined) return false;
        known.push(sets.change([[key, entry]]));
        const { stateless } = this.direction(family, scope, direction);
        if (layer.endsWith("_accept")) {
          known.push(stateless.change([[`${layer} ${key}`, entry?.stateful === false ? entry : undefined]]));
        }
      }
      for (const { scope, direction, subject, by } of change.isolated) {
        const { isolated } = this.direction(family, scope, direction);
        const entry = by.length === 0 ? undefined : isolationEntry(subject, by);
        known.push(isolated.change([[partyKey(subject), entry]]));
      }
    }
    if (change.exceptions !== undefined) known.push(this.#changeExceptions(change.exceptions));
    return !known.includes(false);
  }

  /** What came to sets and went from them since this was last asked, or since the beginning. */
  takeDifferences(): readonly SetDifference[] {
    return this.#allSets().flatMap((sets) => sets.takeDifferences());
  }

  direction(family: Family, scope: Scope, direction: Direction): PolicyDirection {
    return this.#directions.get(`${family} ${scope} ${direction}`) as PolicyDirection;
  }

  /** What tenants' isolation accepts, and then whom it drops, where exceptions are concerned. */
  defaults(family: Family): { readonly accept: LayerSets; readonly isolated: LayerSets } {
    return this.#defaults.get(family) as { accept: LayerSets; isolated: LayerSets };
  }

  /** Sets of the blocks of exceptions, with the mask of each. */
  exceptions(family: Family): readonly { readonly mask: bigint; readonly set: NamedSet }[] {
    const own = this.#exceptionRules.exceptions.filter((block) => block.family === family);
    const lengths = [...new Set(own.map(({ length }) => length))].sort((a, b) => b - a);
    const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
    return lengths.map((length) => {
      const bits = addressBits(family) - length;
      const elements = own
        .filter((block) => block.length === length)
        .map(({ value }): Element => [{ type, value }]);
      return {
        mask: prefixMask(family, length),
        set: {
          name: `exceptions${family}${bits === 0 ? "" : `_block${bits}`}`,
          comment: "endpoints whose address does not say who they are",
          key: [type],
          elements: sortElements(distinct(elements)),
        },
      };
    });
  }

  /** All sets of a family, without those of exceptions. */
  sets(family: Family): readonly NamedSet[] {
    return this.#shapes(family).map((set) => set.toSet(comment(set)));
  }

  /** All sets in which rules decide; those of stateless traffic only repeat what others have. */
  counted(): readonly CountedSet[] {
    const repeating = new Set([...this.#directions.values()].map(({ stateless }) => stateless));
    return this.#allSets()
      .filter((sets) => !repeating.has(sets))
      .flatMap(({ sets }) => sets)
      .map((set) => ({
        name: set.name,
        get rows(): CountedSet["rows"] {
          return set.rows();
        },
      }));
  }

  /** True when some policy is about this direction. */
  has(family: Family, scope: Scope, direction: Direction): boolean {
    const { tiers, isolated } = this.direction(family, scope, direction);
    return isolated.sets.length > 0 || TIERS.some((tier) => tiers[tier].length > 0);
  }

  /** False when rules differ that say where exceptions are looked up. */
  #changeExceptions(after: ExceptionRules): boolean {
    const before = this.#exceptionRules;
    this.#exceptionRules = after;
    const changes = FAMILIES.map((family) => {
      const { accept, isolated } = this.defaults(family);
      const hasAccept = accept.change(
        replacing(keyed(before.exceptionDefaults), keyed(after.exceptionDefaults)),
      );
      const hasIsolated = isolated.change(replacing(isolatedKeyed(before), isolatedKeyed(after)));
      return hasAccept && hasIsolated;
    });
    return !changes.includes(false) && lengthsOf(before) === lengthsOf(after);
  }

  #build(model: RuleModel, family: Family, scope: Scope, direction: Direction): void {
    const { tiers, isolated } = model[scope][direction];
    const name = `${scope === "machines" ? "machine_" : ""}${SHORT[direction]}${family}`;
    const stateless = this.#sets(`${name}_stateless`, family);
    const layersOf = (tier: Tier): readonly PolicyLayer[] =>
      tiers[tier].map(({ key, verdict, entries }) => {
        const sets = this.#sets(`${name}_${tier}_${key}`, family);
        sets.change(keyed(entries));
        if (verdict === "accept") {
          const without = entries.filter(({ stateful }) => !stateful);
          stateless.change(without.map((entry) => [`${key} ${keyOfEntry(entry)}`, entry] as const));
        }
        this.#layers.set(layerName(family, scope, direction, tier, key), sets);
        return { verdict, sets };
      });
    const isolatedSets = this.#sets(`${name}_isolated`, family);
    isolatedSets.change(
      isolated.map(({ subject, by }) => [partyKey(subject), isolationEntry(subject, by)] as const),
    );
    this.#directions.set(`${family} ${scope} ${direction}`, {
      tiers: { admin: layersOf("admin"), standard: layersOf("standard"), baseline: layersOf("baseline") },
      isolated: isolatedSets,
      stateless,
    });
  }

  #sets(name: string, family: Family): LayerSets {
    return new LayerSets(name, family, this.#plans.get(family) ?? []);
  }

  #shapes(family: Family): readonly ShapeSet[] {
    return this.#layerSets(family).flatMap(({ sets }) => sets);
  }

  #allSets(): readonly LayerSets[] {
    return FAMILIES.flatMap((family) => this.#layerSets(family));
  }

  #layerSets(family: Family): readonly LayerSets[] {
    const directions = SCOPES.flatMap((scope) =>
      DIRECTIONS.map((direction) => this.direction(family, scope, direction)),
    );
    return [
      ...directions.flatMap(({ tiers, isolated, stateless }) => [
        ...TIERS.flatMap((tier) => tiers[tier].map(({ sets }) => sets)),
        isolated,
        stateless,
      ]),
      ...Object.values(this.defaults(family)),
    ];
  }
}

function* keyed(entries: readonly RuleEntry[]): Generator<KeyedEntry> {
  for (const entry of entries) yield [keyOfEntry(entry), entry];
}

type KeyedEntry = readonly [key: string, entry: RuleEntry];

function isolatedKeyed({ isolatedExceptions }: ExceptionRules): readonly KeyedEntry[] {
  return isolatedExceptions.map((party) => [partyKey(party), isolationEntry(party, [])] as const);
}

/** What makes the old entries the new ones; who is in both is left alone. */
function replacing(
  before: Iterable<KeyedEntry>,
  after: Iterable<KeyedEntry>,
): readonly (readonly [key: string, entry: RuleEntry | undefined])[] {
  const [old, young] = [new Map(before), new Map(after)];
  return [
    ...[...old.keys()].filter((key) => !young.has(key)).map((key) => [key, undefined] as const),
    ...[...young].filter(([key]) => !old.has(key)),
  ];
}

/** The kinds of blocks that there are, as text. */
function lengthsOf({ exceptions }: ExceptionRules): string {
  return [...new Set(exceptions.map(({ family, length }) => `${family}/${length}`))].sort().join(" ");
}

/** The entry of a subject that these policies isolate. Their rule is -1: no rule of theirs has decided. */
export function isolationEntry(subject: RuleEntry["subject"], by: readonly string[]): RuleEntry {
  const references = by.map((policy) => ({ policy, rule: -1 }));
  return { subject, peer: { kind: "any" }, traffic: {}, stateful: true, by: references };
}

function layerName(family: Family, scope: Scope, direction: Direction, tier: Tier, key: string): string {
  return `${family} ${scope} ${direction} ${tier} ${key}`;
}

function comment({ shape: { subject, peer, traffic } }: ShapeSet): string {
  return `subject ${subject.class}, peer ${peer.class}, traffic ${traffic}`;
}

function distinct(elements: readonly Element[]): readonly Element[] {
  return [...new Map(elements.map((element) => [`${element[0]?.value}`, element])).values()];
}

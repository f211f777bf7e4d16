import {
  type Direction,
  type EndpointSelector,
  type Policy,
  type PolicyPeer,
  type PolicyTarget,
  TIERS,
  type Tier,
} from "../model/index.ts";
import { Directory, type Identities } from "./directory.ts";
import { exceptionDefaults, isolatedExceptions } from "./exception-defaults.ts";
import { createFragment, type Scope } from "./fragment.ts";
import { type KeyedParty } from "./party.ts";
import type { DirectionRules, Party, RuleModel } from "./rule-model.ts";
import { type Compiled, type EntryChange, TierBook } from "./tier-book.ts";

/** An entry that changed, with where it stands. */
export interface ModelEntryChange extends EntryChange {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly tier: Tier;
}

/** A subject that became isolated, or is it no longer. */
export interface IsolationChange {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly subject: Party;
  /** Policies that isolate it; empty: none any more. */
  readonly by: readonly string[];
}

/** What changed in the rule model; `structure`: layers came or went, so that it must be looked at as a whole. */
export type ModelChange =
  | { readonly kind: "structure" }
  | {
      readonly kind: "entries";
      readonly entries: readonly ModelEntryChange[];
      readonly isolated: readonly IsolationChange[];
    };

interface Book {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly tier: Tier;
  readonly book: TierBook;
}

const SCOPES: readonly Scope[] = ["endpoints", "machines"];
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** Keeps the rule model of policies that come, change and go; works only on what depends on the change. */
export class PolicyCompiler {
  #identities: Identities;
  #directory: Directory;
  readonly #policies = new Map<string, Policy>();
  readonly #books: readonly Book[] = SCOPES.flatMap((scope) =>
    DIRECTIONS.flatMap((direction) =>
      TIERS.map((tier) => ({ scope, direction, tier, book: new TierBook(tier, scope, direction) })),
    ),
  );
  /** By scope, direction and key of the subject. */
  readonly #isolated = new Map<
    string,
    { scope: Scope; direction: Direction; subject: Party; by: Set<string> }
  >();

  constructor(identities: Identities) {
    this.#identities = identities;
    this.#directory = new Directory(identities);
  }

  /** Puts policies (replacing those of the same ID) and removes others. */
  change(put: readonly Policy[], removed: readonly string[] = []): ModelChange {
    const ids = new Set([...put.map(({ id }) => id), ...removed]);
    const before = [...ids].flatMap((id) => this.#policies.get(id) ?? []);
    const out = before.map((policy) => this.#compile(policy));
    for (const id of ids) this.#policies.delete(id);
    for (const policy of put) this.#policies.set(policy.id, policy);
    return this.#apply(
      out,
      put.map((policy) => this.#compile(policy)),
    );
  }

  /** Takes in who exists now. Exceptions, or hosts, that changed make it look at everything anew. */
  identify(identities: Identities): ModelChange {
    const changed = changedTenants(this.#identities, identities);
    const before = this.#directory;
    this.#directory = new Directory(identities);
    const isBroad =
      !isSameList(this.#identities.exceptions, identities.exceptions) ||
      !isSameList(this.#identities.hosts, identities.hosts);
    this.#identities = identities;
    const affected = [...this.#policies.values()].filter((policy) => isBroad || dependsOn(policy, changed));
    const change = this.#apply(
      affected.map((policy) => ({ policy, fragment: createFragment(before, policy) })),
      affected.map((policy) => this.#compile(policy)),
    );
    return isBroad ? { kind: "structure" } : change;
  }

  /** The whole model as it is now. */
  model(): RuleModel {
    return {
      endpoints: { ingress: this.#rules("endpoints", "ingress"), egress: this.#rules("endpoints", "egress") },
      machines: { ingress: this.#rules("machines", "ingress"), egress: this.#rules("machines", "egress") },
      exceptions: this.#identities.exceptions.flatMap(({ blocks }) => blocks),
      exceptionDefaults: exceptionDefaults(this.#directory),
      isolatedExceptions: isolatedExceptions(this.#directory),
    };
  }

  #compile(policy: Policy): Compiled {
    return { policy, fragment: createFragment(this.#directory, policy) };
  }

  #apply(removed: readonly Compiled[], added: readonly Compiled[]): ModelChange {
    const entries: ModelEntryChange[] = [];
    let isStructural = false;
    for (const { book, ...place } of this.#books) {
      const changes = book.change(removed, added);
      if (changes === undefined) {
        isStructural = true;
        book.fill(this.#all());
      } else for (const change of changes) entries.push({ ...change, ...place });
    }
    const isolated = this.#isolate(removed, added);
    return isStructural ? { kind: "structure" } : { kind: "entries", entries, isolated };
  }

  *#all(): Generator<Compiled> {
    for (const policy of this.#policies.values()) yield this.#compile(policy);
  }

  #isolate(removed: readonly Compiled[], added: readonly Compiled[]): readonly IsolationChange[] {
    const touched = new Set<string>();
    const gone: IsolationChange[] = [];
    for (const { policy, fragment } of removed) {
      for (const item of fragment.isolated) {
        const key = isolationKey(item);
        this.#isolated.get(key)?.by.delete(policy.id);
        touched.add(key);
      }
    }
    for (const { policy, fragment } of added) {
      for (const item of fragment.isolated) {
        const key = isolationKey(item);
        const { scope, direction, subject } = item;
        const known = this.#isolated.get(key) ?? { scope, direction, subject: subject.party, by: new Set() };
        known.by.add(policy.id);
        this.#isolated.set(key, known);
        touched.add(key);
      }
    }
    for (const key of touched) {
      const { by, ...item } = this.#isolated.get(key) ?? { by: new Set<string>() };
      if (by.size === 0) this.#isolated.delete(key);
      if ("subject" in item) gone.push({ ...item, by: [...by].sort() });
    }
    return gone;
  }

  #rules(scope: Scope, direction: Direction): DirectionRules {
    const layersOf = (tier: Tier): DirectionRules["tiers"][Tier] =>
      this.#books
        .find((entry) => entry.scope === scope && entry.direction === direction && entry.tier === tier)
        ?.book.layers() ?? [];
    const isolated = [...this.#isolated.values()]
      .filter((item) => item.scope === scope && item.direction === direction)
      .map(({ subject, by }) => ({ subject, by: [...by].sort() }));
    return {
      tiers: { admin: layersOf("admin"), standard: layersOf("standard"), baseline: layersOf("baseline") },
      isolated,
    };
  }
}

/** The rule model of a whole world. */
export function compilePolicies({
  policies,
  ...identities
}: Identities & { readonly policies: readonly Policy[] }): RuleModel {
  const compiler = new PolicyCompiler(identities);
  compiler.change(policies);
  return compiler.model();
}

function isolationKey({
  scope,
  direction,
  subject,
}: {
  scope: Scope;
  direction: Direction;
  subject: KeyedParty;
}): string {
  return `${scope} ${direction} ${subject.key}`;
}

/** Names of tenants that came, went or changed, themselves or in their segments. */
function changedTenants(before: Identities, after: Identities): ReadonlySet<string> {
  const changed = new Set<string>();
  for (const [a, b] of [
    [before, after],
    [after, before],
  ] as const) {
    const tenants = new Set(a.tenants);
    const segments = new Set(a.segments);
    for (const tenant of b.tenants) if (!tenants.has(tenant)) changed.add(tenant.name);
    for (const segment of b.segments) if (!segments.has(segment)) changed.add(segment.tenant);
  }
  return changed;
}

function dependsOn({ appliedTo, rules }: Policy, tenants: ReadonlySet<string>): boolean {
  if (tenants.size === 0) return false;
  const names = rules.some(({ traffic }) => traffic.some(({ portName }) => portName !== undefined));
  const parties: readonly (PolicyTarget | PolicyPeer)[] = [
    ...appliedTo,
    ...rules.flatMap(({ peers }) => peers),
  ];
  return parties.some((party) =>
    party.kind === "endpoints"
      ? selects(party, tenants)
      : names && (party.kind === "any" || party.kind === "local"),
  );
}

function selects({ tenant }: EndpointSelector, names: ReadonlySet<string>): boolean {
  return tenant?.by === "name" ? names.has(tenant.name) : true;
}

function isSameList(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}

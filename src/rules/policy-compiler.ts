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
import { IsolationBook, type IsolationChange } from "./isolation-book.ts";
import type { DirectionRules, RuleModel } from "./rule-model.ts";
import { type EntryChange, TierBook } from "./tier-book.ts";

/** An entry that changed, with where it stands. */
export interface ModelEntryChange extends EntryChange {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly tier: Tier;
}

/** What the rule model says of exceptions alone. */
export type ExceptionRules = Pick<RuleModel, "exceptions" | "exceptionDefaults" | "isolatedExceptions">;

/** What changed in the rule model; `structure`: layers came or went, so that it must be looked at as a whole. */
export type ModelChange =
  | { readonly kind: "structure" }
  | {
      readonly kind: "entries";
      readonly entries: readonly ModelEntryChange[];
      readonly isolated: readonly IsolationChange[];
      /** All that is said of exceptions now; absent when that cannot have changed. */
      readonly exceptions?: ExceptionRules;
    };

/** What is kept of one scope and direction. */
interface Books {
  readonly scope: Scope;
  readonly direction: Direction;
  readonly tiers: readonly { readonly tier: Tier; readonly book: TierBook }[];
  readonly isolation: IsolationBook;
}

const SCOPES: readonly Scope[] = ["endpoints", "machines"];
const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** Keeps the rule model of policies that come, change and go; works only on what depends on the change. */
export class PolicyCompiler {
  #identities: Identities;
  #directory: Directory;
  readonly #policies = new Map<string, Policy>();
  readonly #books: readonly Books[] = SCOPES.flatMap((scope) =>
    DIRECTIONS.map((direction) => ({
      scope,
      direction,
      tiers: TIERS.map((tier) => ({ tier, book: new TierBook(tier, scope, direction) })),
      isolation: new IsolationBook(scope, direction),
    })),
  );

  constructor(identities: Identities) {
    this.#identities = identities;
    this.#directory = new Directory(identities);
  }

  /** Puts policies (replacing those of the same ID) and removes others. */
  change(put: readonly Policy[], removed: readonly string[] = []): ModelChange {
    const ids = new Set([...put.map(({ id }) => id), ...removed]);
    const before = [...ids].flatMap((id) => this.#policies.get(id) ?? []);
    for (const id of ids) this.#policies.delete(id);
    for (const policy of put) this.#policies.set(policy.id, policy);
    return this.#apply(before, this.#directory, put);
  }

  /** Takes in who exists now. */
  identify(identities: Identities): ModelChange {
    const changed = differenceOf(this.#identities, identities);
    const before = this.#directory;
    this.#directory = new Directory(identities);
    const hasExceptions = this.#identities.exceptions.length + identities.exceptions.length > 0;
    this.#identities = identities;
    const affected = [...this.#policies.values()].filter((policy) => dependsOn(policy, changed));
    const change = this.#apply(affected, before, affected);
    if (change.kind === "structure" || !hasExceptions) return change;
    return { ...change, exceptions: this.#exceptionRules() };
  }

  /** The whole model as it is now. */
  model(): RuleModel {
    return {
      endpoints: { ingress: this.#rules("endpoints", "ingress"), egress: this.#rules("endpoints", "egress") },
      machines: { ingress: this.#rules("machines", "ingress"), egress: this.#rules("machines", "egress") },
      ...this.#exceptionRules(),
    };
  }

  #exceptionRules(): ExceptionRules {
    return {
      exceptions: this.#identities.exceptions.flatMap(({ blocks }) => blocks),
      exceptionDefaults: exceptionDefaults(this.#directory),
      isolatedExceptions: isolatedExceptions(this.#directory),
    };
  }

  /** Takes out policies, as they were with who existed before, and puts others in. */
  #apply(removed: readonly Policy[], before: Directory, added: readonly Policy[]): ModelChange {
    for (const policy of removed) {
      const fragment = createFragment(before, policy);
      for (const { tiers, isolation } of this.#books) {
        isolation.remove(policy.id, fragment);
        for (const { book } of tiers) book.remove(policy, fragment);
      }
    }
    const emptied = this.#books
      .flatMap(({ tiers }) => tiers)
      .filter(({ book }) => !book.arrange(removed, added));
    const isStructural = emptied.length > 0;
    if (isStructural) for (const { isolation } of this.#books) isolation.skipChanges();
    // One policy after another: what all of them come to at once would fill the memory.
    for (const policy of isStructural ? this.#policies.values() : added) {
      const fragment = createFragment(this.#directory, policy);
      for (const { tiers, isolation } of this.#books) {
        isolation.put(policy.id, fragment);
        for (const { book } of tiers) book.put(policy, fragment);
      }
    }
    return this.#takeChange();
  }

  #takeChange(): ModelChange {
    const entries = this.#books.flatMap(({ scope, direction, tiers }) =>
      tiers.map(({ tier, book }) =>
        book.takeChanges()?.map((change): ModelEntryChange => ({ ...change, scope, direction, tier })),
      ),
    );
    const isolated = this.#books.flatMap(({ isolation }) => isolation.takeChanges() ?? []);
    return entries.every((changes) => changes !== undefined)
      ? { kind: "entries", entries: entries.flat(), isolated }
      : { kind: "structure" };
  }

  #rules(scope: Scope, direction: Direction): DirectionRules {
    const books = this.#books.find((entry) => entry.scope === scope && entry.direction === direction);
    const layersOf = (wanted: Tier): DirectionRules["tiers"][Tier] =>
      books?.tiers.find(({ tier }) => tier === wanted)?.book.layers() ?? [];
    return {
      tiers: { admin: layersOf("admin"), standard: layersOf("standard"), baseline: layersOf("baseline") },
      isolated: books?.isolation.isolated() ?? [],
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

/** Who is not the same in two lists of who exists. */
interface IdentityDifference {
  /** Names of tenants that came, went or changed, themselves, in their segments or in their exceptions. */
  readonly tenants: ReadonlySet<string>;
  readonly hasExceptions: boolean;
  readonly hasHosts: boolean;
}

function differenceOf(before: Identities, after: Identities): IdentityDifference {
  const exceptions = different(before.exceptions, after.exceptions);
  const tenants = new Set([
    ...different(before.tenants, after.tenants).map(({ name }) => name),
    ...different(before.segments, after.segments).map(({ tenant }) => tenant),
    ...exceptions.map(({ tenant }) => tenant),
  ]);
  const hasHosts = different(before.hosts, after.hosts).length > 0;
  return { tenants, hasExceptions: exceptions.length > 0, hasHosts };
}

/** Items that only one of the lists has. */
function different<T>(before: readonly T[], after: readonly T[]): readonly T[] {
  const [old, young] = [new Set(before), new Set(after)];
  return [...before.filter((item) => !young.has(item)), ...after.filter((item) => !old.has(item))];
}

function dependsOn({ appliedTo, rules }: Policy, difference: IdentityDifference): boolean {
  const { tenants, hasExceptions, hasHosts } = difference;
  const names = rules.some(({ traffic }) => traffic.some(({ portName }) => portName !== undefined));
  const parties: readonly (PolicyTarget | PolicyPeer)[] = [
    ...appliedTo,
    ...rules.flatMap(({ peers }) => peers),
  ];
  return parties.some((party) => {
    switch (party.kind) {
      case "endpoints":
        return tenants.size > 0 && selects(party, tenants);
      case "hosts":
        return hasHosts;
      case "local":
        return hasExceptions || (names && tenants.size > 0);
      case "any":
        return names && tenants.size > 0;
      default:
        return false;
    }
  });
}

function selects({ tenant }: EndpointSelector, names: ReadonlySet<string>): boolean {
  return tenant?.by === "name" ? names.has(tenant.name) : true;
}

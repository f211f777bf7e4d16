import { DEFAULT_EXTRA_BITS, segmentKey, segmentMask, tenantKey, tenantMask } from "../addressing/index.ts";
import { type AddressPlan, plansOf, type SegmentCode } from "../model/index.ts";
import type { Family } from "../net/index.ts";
import type { FirewallInput } from "./input.ts";
import { sortElements } from "./key.ts";
import type { Element, KeyField, NamedSet, Rule } from "./table.ts";

/** Sets of allowed identities, and the rules that look into them. */
export interface IdentityLookups {
  readonly sets: readonly NamedSet[];
  /** Destinations that everybody reaches. */
  readonly open: readonly Rule[];
  /** Pairs that share their tenant or segment. */
  readonly same: readonly Rule[];
}

/** Look-ups of one kind. */
interface Lookups {
  readonly sets: readonly NamedSet[];
  readonly rules: readonly Rule[];
}

/** The bits of an address that say who it is, and what they are for somebody. */
interface Pattern {
  readonly mask: bigint;
  readonly key: bigint;
}

/** What one kind of isolation allows: patterns of the destination, or of source and destination. */
interface Allowance {
  readonly name: string;
  readonly comment: string;
  readonly fields: readonly ("source" | "destination")[];
  /** Masks that are looked up even when nobody is allowed yet, so that the first one is only an element. */
  readonly masks: readonly (readonly bigint[])[];
  readonly entries: readonly (readonly Pattern[])[];
}

/**
 * Who may reach an endpoint by default, as exact look-ups of masked addresses. How many there are depends on
 * networks and code widths only; tenants and segments are elements, and endpoints are in none of them.
 */
export function identityLookups(input: FirewallInput, family: Family): IdentityLookups {
  const plans = input.networks.flatMap(plansOf).filter((plan) => plan.family === family);
  const [open, ...same] = [openTenants, tenantPairs, segmentPairs].map((allow) =>
    toLookups(allow(input, plans), family),
  ) as [Lookups, Lookups, Lookups];
  return {
    sets: [open, ...same].flatMap(({ sets }) => sets),
    open: open.rules,
    same: same.flatMap(({ rules }) => rules),
  };
}

function openTenants(input: FirewallInput, plans: readonly AddressPlan[]): Allowance {
  const tenants = input.tenants.filter(({ isolation }) => isolation === "none");
  return {
    name: "open",
    comment: "tenants that everybody reaches",
    fields: ["destination"],
    masks: plans.map((plan) => [tenantMask(plan)]),
    entries: plans.flatMap((plan) => tenants.map(({ id }) => [tenantPattern(plan, id)])),
  };
}

function tenantPairs(input: FirewallInput, plans: readonly AddressPlan[]): Allowance {
  const tenants = input.tenants.filter(({ isolation }) => isolation === "tenant");
  return {
    name: "same_tenant",
    comment: "source and destination of one tenant",
    fields: ["source", "destination"],
    masks: pairs(plans).map(([from, to]) => [tenantMask(from), tenantMask(to)]),
    entries: pairs(plans).flatMap(([from, to]) =>
      tenants.map(({ id }) => [tenantPattern(from, id), tenantPattern(to, id)]),
    ),
  };
}

function segmentPairs(input: FirewallInput, plans: readonly AddressPlan[]): Allowance {
  const tenants = new Map(input.tenants.map((tenant) => [tenant.name, tenant]));
  const segments = input.segments.flatMap(({ tenant, codes }) => {
    const owner = tenants.get(tenant);
    return owner?.isolation === "segment" ? [{ tenant: owner.id, codes }] : [];
  });
  const patterns = (plan: AddressPlan, tenant: number, codes: readonly SegmentCode[]): Pattern[] =>
    codes.map((code) => ({
      mask: segmentMask(plan, code.extraBits),
      key: segmentKey(plan, tenant, code),
    }));
  return {
    name: "same_segment",
    comment: "source and destination of one segment",
    fields: ["source", "destination"],
    masks: pairs(plans).map((pair) => pair.map((plan) => segmentMask(plan, DEFAULT_EXTRA_BITS))),
    entries: pairs(plans).flatMap(([from, to]) =>
      segments.flatMap(({ tenant, codes }) => {
        const destinations = patterns(to, tenant, codes);
        return patterns(from, tenant, codes).flatMap((source) =>
          destinations.map((destination) => [source, destination]),
        );
      }),
    ),
  };
}

function tenantPattern(plan: AddressPlan, id: number): Pattern {
  return { mask: tenantMask(plan), key: tenantKey(plan, id) };
}

function pairs<T>(items: readonly T[]): readonly (readonly [T, T])[] {
  return items.flatMap((first) => items.map((second) => [first, second] as const));
}

/** Most fixed bits first, so that the order of tenants and segments does not show. */
function byMasks(a: readonly Pattern[], b: readonly Pattern[]): number {
  for (const [index, { mask }] of a.entries()) {
    const other = (b[index] as Pattern).mask;
    if (mask !== other) return mask > other ? -1 : 1;
  }
  return 0;
}

/** One set and one rule for each combination of masks. Keys hold network prefixes, so networks can share a set. */
function toLookups({ name, comment, fields, masks, entries }: Allowance, family: Family): Lookups {
  const groups = new Map<string, { masks: readonly bigint[]; elements: Element[] }>();
  const groupOf = (of: readonly bigint[]): Element[] => {
    const group = groups.get(of.join()) ?? { masks: of, elements: [] };
    groups.set(of.join(), group);
    return group.elements;
  };
  for (const base of masks) groupOf(base);
  const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
  for (const patterns of [...entries].sort(byMasks)) {
    groupOf(patterns.map(({ mask }) => mask)).push(patterns.map(({ key }) => ({ type, value: key })));
  }
  const lookups = [...groups.values()].map((group, index) => {
    const set = `${name}${family}${index === 0 ? "" : `_${index + 1}`}`;
    const key = group.masks.map(
      (mask, part): KeyField => ({ field: fields[part] as "source" | "destination", family, mask }),
    );
    return {
      set: { name: set, comment, key: fields.map(() => type), elements: sortElements(group.elements) },
      rule: {
        matches: [{ kind: "lookup", key, set, negated: false }],
        verdict: { kind: "accept" },
      } satisfies Rule,
    };
  });
  return { sets: lookups.map(({ set }) => set), rules: lookups.map(({ rule }) => rule) };
}

import { type Family, type Prefix, prefixContainsPrefix, prefixMask } from "../net/index.ts";
import type { FirewallInput, OwnPrefix } from "./input.ts";
import { sortElements } from "./key.ts";
import type { Element, Match, NamedSet } from "./table.ts";

/** Blocks that are here, or elsewhere, in spite of their prefix. */
type Kind = "visiting" | "away";

const KINDS: readonly Kind[] = ["visiting", "away"];
const FAMILIES: readonly Family[] = [4, 6];
const COMMENTS: Readonly<Record<Kind, string>> = {
  visiting: "endpoints of other hosts that are here",
  away: "own endpoints that are on other hosts",
};

/** The sets of endpoints that are not where their address says; none as long as there are no such endpoints. */
export function relocationSets(input: FirewallInput): readonly NamedSet[] {
  return KINDS.flatMap((kind) =>
    FAMILIES.flatMap((family) =>
      lengthsOf(input[kind], family).map((length): NamedSet => {
        const blocks = (input[kind] ?? []).filter((one) => one.family === family && one.length === length);
        const type = family === 4 ? "ipv4_addr" : "ipv6_addr";
        return {
          name: setName(kind, family, length),
          comment: COMMENTS[kind],
          key: [type],
          elements: sortElements(blocks.map(({ value }): Element => [{ type, value }])),
        };
      }),
    ),
  );
}

/** Look-ups that hold for an address in such blocks: one of them, or, negated, all. */
export function relocated(
  input: FirewallInput,
  kind: Kind,
  family: Family,
  field: "source" | "destination",
  negated: boolean,
): readonly Match[] {
  return lengthsOf(input[kind], family).map((length) => ({
    kind: "lookup",
    key: [{ field, family, mask: prefixMask(family, length) }],
    set: setName(kind, family, length),
    negated,
  }));
}

/**
 * The ways in which an address is of an endpoint on this host: in an own prefix and not away, or visiting from the rest
 * of the plan. All matches of one of them hold.
 */
export function ownMatches(
  input: FirewallInput,
  { plan, prefix }: OwnPrefix,
  field: "source" | "destination",
): readonly (readonly Match[])[] {
  const { family } = plan;
  const away = (input.away ?? []).some((block) => prefixContainsPrefix(prefix, block));
  const visiting = (input.visiting ?? []).some((block) => prefixContainsPrefix(plan.prefix, block));
  return [
    [{ kind: field, prefix }, ...(away ? relocated(input, "away", family, field, true) : [])],
    ...(visiting
      ? relocated(input, "visiting", family, field, false).map((match): readonly Match[] => [
          { kind: field, prefix: plan.prefix },
          match,
        ])
      : []),
  ];
}

function lengthsOf(blocks: readonly Prefix[] | undefined, family: Family): readonly number[] {
  const lengths = (blocks ?? []).filter((block) => block.family === family).map(({ length }) => length);
  return [...new Set(lengths)].sort((a, b) => b - a);
}

function setName(kind: Kind, family: Family, length: number): string {
  return `${kind}${family}_${length}`;
}

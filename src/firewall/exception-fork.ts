import type { Family } from "../net/index.ts";
import { exceptionMatches } from "./policy-chains.ts";
import type { PolicyRules } from "./policy-rules.ts";
import type { SideClass } from "./sides.ts";
import type { Chain, Rule } from "./table.ts";

/** Whom a side can be about when it is no exception. */
export const NORMAL: ReadonlySet<SideClass> = new Set(["identity", "address"]);
/** Whom a side can be about when it is one. */
export const EXCEPTION: ReadonlySet<SideClass> = new Set(["block", "address"]);

/**
 * Chains for identities at both ends, and for exceptions at one of them or both, which are found first. Without
 * exceptions there is nothing to tell apart.
 */
export function forked(
  rules: PolicyRules,
  family: Family,
  name: string,
  ends: readonly ("source" | "destination")[],
  chainsOf: (name: string, first: boolean, second: boolean) => readonly Chain[],
): readonly Chain[] {
  if (rules.exceptions(family).length === 0) return chainsOf(name, false, false);
  const [firstEnd, secondEnd] = ends;
  const find = (end: "source" | "destination" | undefined, chain: string): readonly Rule[] =>
    end === undefined
      ? []
      : exceptionMatches(rules, family, end, false).map((match) => ({
          matches: [match],
          verdict: { kind: "goto", chain },
        }));
  const plain = chainsOf(`${name}_identity`, false, false);
  const first = chainsOf(`${name}_x_identity`, true, false);
  const second = secondEnd === undefined ? [] : chainsOf(`${name}_identity_x`, false, true);
  const both = secondEnd === undefined ? [] : chainsOf(`${name}_x_x`, true, true);
  const then = (chain: string): Rule => ({ matches: [], verdict: { kind: "goto", chain } });
  return [
    ...plain,
    ...first,
    ...second,
    ...both,
    { name: `${name}_x`, rules: [...find(secondEnd, `${name}_x_x`), then(`${name}_x_identity`)] },
    {
      name,
      rules: [
        ...find(firstEnd, `${name}_x`),
        ...find(secondEnd, `${name}_identity_x`),
        then(`${name}_identity`),
      ],
    },
  ];
}

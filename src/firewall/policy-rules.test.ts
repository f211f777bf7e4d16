import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw } from "../../test/support/random-world.ts";
import type { Policy } from "../model/index.ts";
import { PolicyCompiler } from "../rules/index.ts";
import { PolicyRules } from "./policy-rules.ts";
import type { Element } from "./table.ts";

const STEPS = 8;

describe("PolicyRules", () => {
  test("sets follow changes of policies, and tell exactly what came and went", () => {
    const seen = { followed: 0, added: 0, removed: 0 };
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const compiler = new PolicyCompiler(world);
        compiler.change(world.policies);
        let rules = new PolicyRules(world.networks, compiler.model());
        let kernel = elementsOf(rules);
        for (let step = 0; step < STEPS && world.policies.length > 0; step++) {
          const policy = draw.pick(world.policies);
          const part: Policy = {
            ...policy,
            rules: policy.rules.map((rule) => ({
              ...rule,
              peers: rule.peers.filter(() => draw.pick([true, false])),
            })),
          };
          const change = compiler.change([draw.pick([policy, part])]);
          if (!rules.change(change)) {
            rules = new PolicyRules(world.networks, compiler.model());
            kernel = elementsOf(rules);
            continue;
          }
          seen.followed++;
          for (const { set, add, remove } of rules.takeDifferences()) {
            const elements = kernel.get(set);
            for (const element of remove)
              expect(elements?.delete(textOf(element)), `seed ${seed}`).toBe(true);
            for (const element of add) elements?.add(textOf(element));
            seen.added += add.length;
            seen.removed += remove.length;
          }
          expect(kernel, `seed ${seed}`).toEqual(elementsOf(rules));
          const anew = new PolicyRules(world.networks, compiler.model());
          expect(saying(rules), `seed ${seed}`).toEqual(saying(anew));
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(100);
  });
});

function elementsOf(rules: PolicyRules): Map<string, Set<string>> {
  const sets = ([4, 6] as const).flatMap((family) => rules.sets(family));
  return new Map(sets.map(({ name, elements }) => [name, new Set(elements.map(textOf))]));
}

/**
 * What exact sets say, whatever they are called: a set that became empty stays. How ranges are cut depends on who came
 * first.
 */
function saying(rules: PolicyRules): readonly string[] {
  return ([4, 6] as const)
    .flatMap((family) => rules.sets(family))
    .filter(({ hasRanges }) => hasRanges !== true)
    .flatMap(({ name, comment, elements }) =>
      elements.map((element) => `${name.replace(/_\d+$/, "")} ${comment} ${textOf(element)}`),
    )
    .sort();
}

function textOf(element: Element): string {
  return element.map((part) => `${part.value}-${"last" in part ? part.last : ""}`).join(" ");
}

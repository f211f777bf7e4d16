import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw } from "../../test/support/random-world.ts";
import { compilePolicies, PolicyCompiler } from "../rules/index.ts";
import { PolicyRules } from "./policy-rules.ts";
import type { Element } from "./table.ts";

const text = (element: Element): string =>
  element
    .map((part) =>
      "last" in part && part.last !== undefined ? `${part.value}-${part.last}` : `${part.value}`,
    )
    .join(" ");

/** The elements of all sets, whatever the sets are called. */
function contents(rules: PolicyRules): Map<string, Set<string>> {
  return new Map(
    ([4, 6] as const).flatMap((family) =>
      rules.sets(family).map((set) => [set.name, new Set(set.elements.map(text))] as const),
    ),
  );
}

/** Elements of exact keys; how ranges are cut depends on the order in which they came. */
function exactElements(rules: PolicyRules): readonly string[] {
  return ([4, 6] as const)
    .flatMap((family) => rules.sets(family))
    .filter(({ hasRanges }) => hasRanges !== true)
    .flatMap(({ key, elements }) => elements.map((element) => `${key.join()} ${text(element)}`))
    .sort();
}

describe("PolicyRules", () => {
  test("follow changes element by element, and tell which", () => {
    let followed = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        const compiler = new PolicyCompiler(world);
        compiler.change(world.policies);
        const rules = new PolicyRules(world.networks, compiler.model());
        const kernel = contents(rules);
        let policies = world.policies;
        for (let step = 0; step < 4 && policies.length > 0; step++) {
          const gone = draw.pick(policies);
          const other = { ...draw.pick(policies), id: `copy-${step}` };
          policies = [...policies.filter((policy) => policy !== gone), other];
          if (!rules.change(compiler.change([other], [gone.id]))) return;
          followed++;
          for (const { set, add, remove } of rules.takeDifferences()) {
            const elements = kernel.get(set) as Set<string>;
            for (const element of remove) expect(elements.delete(text(element))).toBe(true);
            for (const element of add) elements.add(text(element));
          }
          expect(kernel).toEqual(contents(rules));
          const fresh = new PolicyRules(world.networks, compilePolicies({ ...world, policies }));
          expect(exactElements(rules)).toEqual(exactElements(fresh));
        }
      }),
      { numRuns: 300 },
    );
    expect(followed).toBeGreaterThan(80);
  });

  test("follow who comes and goes, exceptions too, or say that they cannot", () => {
    const seen = { followed: 0, refused: 0 };
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const whole = randomPolicyWorld(draw);
        const sometimes = <T>(items: readonly T[]): readonly T[] =>
          draw.between(0, 2) === 0 ? items.filter(() => draw.between(0, 3) > 0) : items;
        const compiler = new PolicyCompiler(whole);
        compiler.change(whole.policies);
        let rules = new PolicyRules(whole.networks, compiler.model());
        let kernel = contents(rules);
        for (let step = 0; step < 5; step++) {
          const world = {
            ...whole,
            tenants: whole.tenants.map((tenant) => ({
              ...tenant,
              isolation: draw.pick([tenant.isolation, tenant.isolation, "none"] as const),
            })),
            segments: sometimes(whole.segments),
            exceptions: sometimes(whole.exceptions),
            hosts: sometimes(whole.hosts),
          };
          const fresh = new PolicyRules(world.networks, compilePolicies(world));
          if (rules.change(compiler.identify(world))) {
            seen.followed++;
            for (const { set, add, remove } of rules.takeDifferences()) {
              const elements = kernel.get(set) as Set<string>;
              for (const element of remove) expect(elements.delete(text(element))).toBe(true);
              for (const element of add) elements.add(text(element));
            }
            expect(kernel, `seed ${seed}`).toEqual(contents(rules));
          } else {
            seen.refused++;
            rules = new PolicyRules(world.networks, compiler.model());
            kernel = contents(rules);
          }
          expect(exactElements(rules), `seed ${seed}`).toEqual(exactElements(fresh));
          for (const family of [4, 6] as const) {
            expect(rules.exceptions(family)).toEqual(fresh.exceptions(family));
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(50);
  });

  test("elements of sets with ranges never overlap", () => {
    let pairs = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = randomPolicyWorld(createDraw(seed));
        const rules = new PolicyRules(world.networks, compilePolicies(world));
        for (const { elements, hasRanges } of [...rules.sets(4), ...rules.sets(6)]) {
          if (hasRanges !== true) continue;
          for (const [index, element] of elements.entries()) {
            for (const other of elements.slice(index + 1)) {
              pairs++;
              expect(overlap(element, other), `${text(element)} and ${text(other)}`).toBe(false);
            }
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(pairs).toBeGreaterThan(1000);
  });
});

function overlap(a: Element, b: Element): boolean {
  return a.every((part, index) => {
    const other = b[index] as typeof part;
    const last = (one: typeof part) => ("last" in one && one.last !== undefined ? one.last : one.value);
    return part.value <= last(other) && other.value <= last(part);
  });
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomPolicyWorld, randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw, type Draw } from "../../test/support/random-world.ts";
import { type Policy, TIERS } from "../model/index.ts";
import { formatPrefix } from "../net/index.ts";
import { keyOfEntry, partyKey } from "./party.ts";
import { compilePolicies, type ExceptionRules, type ModelChange, PolicyCompiler } from "./policy-compiler.ts";
import type { RuleModel } from "./rule-model.ts";

/** What a model says, whatever the order inside its layers: text by place. */
type Content = Map<string, string>;

const STEPS = 6;
const SCOPES = ["endpoints", "machines"] as const;
const DIRECTIONS = ["ingress", "egress"] as const;

describe("changes of policies and of who exists", () => {
  test("come to what the same policies say at once, and all that changed is told", () => {
    const seen = { structure: 0, entries: 0, isolated: 0, identify: 0, exceptions: 0 };
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        const world = randomPolicyWorld(draw);
        let identities = world;
        const compiler = new PolicyCompiler(world);
        const policies = new Map<string, Policy>();
        let content = contentOf(compiler.model());
        for (let step = 0; step < STEPS; step++) {
          const isIdentify = draw.between(0, 3) === 0;
          if (isIdentify) identities = someOf(draw, world);
          const change = isIdentify
            ? compiler.identify(identities)
            : changePolicies(draw, compiler, world, policies);
          content = changed(content, change, compiler);
          const expected = compilePolicies({ ...identities, policies: [...policies.values()] });
          expect(sorted(contentOf(compiler.model())), `seed ${seed}`).toEqual(sorted(contentOf(expected)));
          expect(sorted(content), `seed ${seed}`).toEqual(sorted(contentOf(expected)));
          if (isIdentify) seen.identify++;
          if (change.kind === "structure") seen.structure++;
          else {
            seen.entries += change.entries.length;
            seen.isolated += change.isolated.length;
            if (change.exceptions !== undefined) seen.exceptions++;
          }
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(100);
  });
});

/** Puts and removes some of the world's policies; half of those that are put had another form before. */
function changePolicies(
  draw: Draw,
  compiler: PolicyCompiler,
  world: RandomPolicyWorld,
  policies: Map<string, Policy>,
): ModelChange {
  const put = world.policies
    .filter(() => draw.between(0, 2) === 0)
    .map((policy): Policy => (draw.pick([true, false]) ? policy : { ...policy, ...partOf(draw, policy) }));
  const ids = new Set(put.map(({ id }) => id));
  const removed = [...policies.keys()].filter((id) => !ids.has(id) && draw.between(0, 3) === 0);
  for (const policy of put) policies.set(policy.id, policy);
  for (const id of removed) policies.delete(id);
  return compiler.change(put, removed);
}

function partOf(draw: Draw, { rules, appliedTo }: Policy): Partial<Policy> {
  return {
    rules: rules
      .filter(() => draw.pick([true, false]))
      .map((rule) => ({ ...rule, verdict: draw.pick(["accept", "drop", rule.verdict] as const) })),
    appliedTo: appliedTo.filter(() => draw.between(0, 3) > 0),
  };
}

/** The same world, sometimes with only some of its tenants, segments, exceptions or hosts. */
function someOf(draw: Draw, world: RandomPolicyWorld): RandomPolicyWorld {
  const some = <T>(items: readonly T[]): T[] => items.filter(() => draw.between(0, 4) > 0);
  const sometimes = <T>(items: readonly T[]): readonly T[] =>
    draw.between(0, 2) === 0 ? some(items) : items;
  return {
    ...world,
    tenants: sometimes(world.tenants),
    segments: sometimes(world.segments),
    exceptions: sometimes(world.exceptions),
    hosts: sometimes(world.hosts),
  };
}

/** What somebody knows who was told of changes only, and looks at everything when told to. */
function changed(before: Content, change: ModelChange, compiler: PolicyCompiler): Content {
  if (change.kind === "structure") return contentOf(compiler.model());
  const after = new Map(before);
  const set = (key: string, value: string | undefined): void => {
    if (value === undefined) after.delete(key);
    else after.set(key, value);
  };
  for (const { scope, direction, tier, layer, key, entry } of change.entries) {
    set(`${scope} ${direction} ${tier} ${layer} ${key}`, entry && JSON.stringify(entry.by));
  }
  for (const { scope, direction, subject, by } of change.isolated) {
    set(`${scope} ${direction} isolated ${partyKey(subject)}`, by.length === 0 ? undefined : by.join());
  }
  if (change.exceptions !== undefined) {
    for (const key of before.keys()) if (key.startsWith(EXCEPTION)) after.delete(key);
    for (const [key, value] of exceptionsOf(change.exceptions)) after.set(key, value);
  }
  return after;
}

const EXCEPTION = "exception ";

function exceptionsOf(rules: ExceptionRules): readonly [string, string][] {
  return [
    ...rules.exceptions.map(formatPrefix),
    ...rules.exceptionDefaults.map((entry) => `accept ${keyOfEntry(entry)}`),
    ...rules.isolatedExceptions.map((party) => `isolated ${partyKey(party)}`),
  ].map((text) => [EXCEPTION + text, ""]);
}

function contentOf(model: RuleModel): Content {
  return new Map([
    ...exceptionsOf(model),
    ...SCOPES.flatMap((scope) =>
      DIRECTIONS.flatMap((direction) => {
        const place = `${scope} ${direction}`;
        const { tiers, isolated } = model[scope][direction];
        return [
          ...TIERS.flatMap((tier) =>
            tiers[tier].flatMap(({ key: layer, entries }) =>
              entries.map((entry): [string, string] => [
                `${place} ${tier} ${layer} ${keyOfEntry(entry)}`,
                JSON.stringify(entry.by),
              ]),
            ),
          ),
          ...isolated.map(({ subject, by }): [string, string] => [
            `${place} isolated ${partyKey(subject)}`,
            by.join(),
          ]),
        ];
      }),
    ),
  ]);
}

function sorted(content: Content): readonly (readonly [string, string])[] {
  return [...content].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type RandomPolicyWorld, randomPolicyWorld } from "../../test/support/random-policies.ts";
import { createDraw, type Draw } from "../../test/support/random-world.ts";
import { formatPrefix } from "../net/index.ts";
import { compilePolicies, keyOfEntry, PolicyCompiler, partyKey, type RuleModel } from "./index.ts";

const SCOPES = ["endpoints", "machines"] as const;
const DIRECTIONS = ["ingress", "egress"] as const;
const TIERS = ["admin", "standard", "baseline"] as const;

/** A model as text that does not depend on the order in which its entries came. */
function canonical(model: RuleModel): unknown {
  const by = (references: readonly { policy: string; rule: number }[]): string =>
    references.map(({ policy, rule }) => `${policy}#${rule}`).join();
  return {
    layers: SCOPES.flatMap((scope) =>
      DIRECTIONS.flatMap((direction) =>
        TIERS.map((tier) =>
          model[scope][direction].tiers[tier].map(({ key, entries }) => [
            `${scope} ${direction} ${tier} ${key}`,
            entries.map((entry) => `${keyOfEntry(entry)} ${by(entry.by)}`).sort(),
          ]),
        ),
      ),
    ),
    isolated: SCOPES.flatMap((scope) =>
      DIRECTIONS.map((direction) =>
        model[scope][direction].isolated
          .map(({ subject, by: policies }) => `${partyKey(subject)} ${policies.join()}`)
          .sort(),
      ),
    ),
    exceptions: model.exceptions.map(formatPrefix).sort(),
    defaults: model.exceptionDefaults.map(keyOfEntry).sort(),
    isolatedExceptions: model.isolatedExceptions.map(partyKey).sort(),
  };
}

/** The world with some policies gone, some new, and sometimes another tenant or segment. */
function changed(draw: Draw, world: RandomPolicyWorld): RandomPolicyWorld {
  const other = randomPolicyWorld(draw);
  const policies = [
    ...world.policies.filter(() => draw.between(0, 3) > 0),
    ...other.policies
      .filter(() => draw.between(0, 2) === 0)
      .map((policy) => ({ ...policy, id: `new-${policy.id}` })),
  ];
  const unique = [...new Map(policies.map((policy) => [policy.id, policy])).values()];
  switch (draw.between(0, 4)) {
    case 0:
      return { ...world, policies: unique, tenants: world.tenants.slice(1) };
    case 1:
      return { ...world, policies: unique, segments: world.segments.filter(() => draw.between(0, 3) > 0) };
    case 2:
      return { ...world, policies: unique, exceptions: world.exceptions.slice(1) };
    default:
      return { ...world, policies: unique };
  }
}

describe("PolicyCompiler", () => {
  test("comes to the same model by changes as from the beginning", () => {
    const seen = { structure: 0, entries: 0 };
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const draw = createDraw(seed);
        let world = randomPolicyWorld(draw);
        const compiler = new PolicyCompiler(world);
        compiler.change(world.policies);
        for (let step = 0; step < 5; step++) {
          const next = changed(draw, world);
          const there = new Set(world.policies);
          const ids = new Set(next.policies.map(({ id }) => id));
          const removed = world.policies.filter(({ id }) => !ids.has(id)).map(({ id }) => id);
          seen[compiler.identify(next).kind]++;
          seen[
            compiler.change(
              next.policies.filter((policy) => !there.has(policy)),
              removed,
            ).kind
          ]++;
          expect(canonical(compiler.model())).toEqual(canonical(compilePolicies(next)));
          world = next;
        }
      }),
      { numRuns: 200 },
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(100);
  });

  test("a change of one policy tells of its entries and of no others", () => {
    const peers = [{ kind: "any" }] as const;
    const policy = (id: string, port: number) =>
      ({
        id,
        tier: "standard",
        order: 1000,
        appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: "acme" } }],
        isolates: ["ingress"],
        rules: [
          {
            direction: "ingress",
            verdict: "accept",
            peers,
            traffic: [{ protocol: 6, ports: { first: port, last: port } }],
            stateful: true,
          },
        ],
        established: "cut",
      }) as const;
    const compiler = new PolicyCompiler({
      tenants: [{ name: "acme", id: 1, isolation: "segment" }],
      segments: [],
      hosts: [],
      exceptions: [],
    });
    expect(compiler.change([policy("a", 80), policy("b", 81)]).kind).toBe("structure");
    const change = compiler.change([policy("b", 82)]);
    expect(change).toMatchObject({
      kind: "entries",
      entries: [
        { layer: "0_accept", key: "t1 any 6:81-81", entry: undefined },
        { layer: "0_accept", key: "t1 any 6:82-82", entry: { by: [{ policy: "b", rule: 0 }] } },
      ],
      isolated: [{ by: ["a", "b"] }],
    });
    expect(compiler.change([], ["nobody"])).toEqual({ kind: "entries", entries: [], isolated: [] });
  });
});

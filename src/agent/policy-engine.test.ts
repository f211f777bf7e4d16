import { describe, expect, test } from "vitest";
import { policyWorld } from "../../test/support/policy-scene.ts";
import { compilePolicies } from "../rules/index.ts";
import { PolicyEngine } from "./policy-engine.ts";

const WORLD = policyWorld();

describe("model()", () => {
  test("is that of what was known last, and the same object until it changes", () => {
    const engine = new PolicyEngine();
    expect(engine.model()).toBeUndefined();
    engine.update(WORLD);
    const model = engine.model();
    expect(model).toEqual(compilePolicies(WORLD));
    engine.update({ ...WORLD, policies: [...WORLD.policies] });
    expect(engine.model()).toBe(model);
    const fewer = { ...WORLD, policies: WORLD.policies.slice(1) };
    engine.update(fewer);
    expect(engine.model()).toEqual(compilePolicies(fewer));
    engine.update({ ...WORLD, policies: [], exceptions: [] });
    expect(engine.model()).toBeUndefined();
  });

  test("is the last good one when policies cannot be compiled", () => {
    const engine = new PolicyEngine();
    engine.update(WORLD);
    const [first] = WORLD.policies;
    const broken = { ...first, id: "broken", appliedTo: undefined } as never;
    expect(() => engine.update({ ...WORLD, policies: [...WORLD.policies, broken] })).toThrow("broken");
    expect(engine.model()).toEqual(compilePolicies(WORLD));
  });
});

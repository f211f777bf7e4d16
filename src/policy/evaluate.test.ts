import { describe, expect, test } from "vitest";
import { ANY, egress, ingress, native, of, tcp } from "./case-policies.case.ts";
import { CASE_WORLD, caseFlow } from "./case-world.case.ts";
import { evaluateEndpoint, evaluateMachine } from "./evaluate.ts";
import { describeDecision, EVALUATE_CASES, EVALUATE_ROWS } from "./evaluate-cases.case.ts";

describe("evaluateEndpoint() and evaluateMachine()", () => {
  test.each(EVALUATE_CASES.map((one) => [one.name, one] as const))(
    "%s",
    (_, { world, direction, flow, ownHost, machine, expected }) => {
      const decision = machine
        ? evaluateMachine(world, direction, { flow, ...machine })
        : evaluateEndpoint(world, direction, flow, ownHost ? { ownHost } : {});
      expect(describeDecision(decision)).toBe(expected.text);
      expect(decision).toMatchObject({ verdict: expected.verdict, stateful: expected.stateful });
    },
  );

  test("the tables have what they are meant to have", () => {
    expect(EVALUATE_ROWS).toBeGreaterThan(250);
    expect(new Set(EVALUATE_CASES.map(({ name }) => name)).size).toBe(EVALUATE_CASES.length);
  });
});

describe("what was considered", () => {
  const { accept, drop } = ingress;
  const policies = [
    native("other", [of("acme")], [accept(), drop()]),
    native(
      "own",
      [of("open")],
      [
        accept([of("beta")], undefined, { name: "beta" }),
        accept([ANY], [tcp(443)]),
        egress.accept(),
        accept(),
        accept([ANY], [tcp(80)]),
      ],
    ),
  ];
  test("names each policy that is not about the subject once, and the part of each rule that fails", () => {
    const flow = caseFlow(4, "outside", "open/web", "tcp/80");
    const { considered } = evaluateEndpoint({ ...CASE_WORLD, policies }, "ingress", flow);
    expect(considered).toEqual([
      { outcome: "target", policy: "other", tier: "standard" },
      { outcome: "peer", policy: "own", rule: 0, ruleName: "beta", tier: "standard", verdict: "accept" },
      { outcome: "traffic", policy: "own", rule: 1, tier: "standard", verdict: "accept" },
      { outcome: "matched", policy: "own", rule: 3, tier: "standard", verdict: "accept" },
    ]);
  });
});

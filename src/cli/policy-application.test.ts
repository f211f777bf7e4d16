import { describe, expect, test } from "vitest";
import type { PolicyChanges } from "../schema/index.ts";
import type { Screen } from "./format.ts";
import { applicationResult } from "./policy-application.ts";

const SCREEN: Screen = { wide: false, columns: 100, unicode: true, paint: (_, text) => text };

const BEFORE = {
  id: "p",
  tier: "standard",
  order: 1000,
  appliedTo: [{ kind: "host" }],
  isolates: ["ingress"],
  rules: [],
  established: "cut",
} satisfies PolicyChanges["changes"][number]["after"];
const AFTER = { ...BEFORE, order: 10 };

describe("applicationResult()", () => {
  test("shows what would be different", () => {
    const changes: PolicyChanges["changes"] = [
      { id: "p", action: "changed", before: BEFORE, after: AFTER },
      { id: "q", action: "unchanged", before: BEFORE, after: BEFORE },
    ];
    expect(applicationResult({ dryRun: true, changes }).text(SCREEN)).toBe(
      [
        'policy "p" would be changed',
        '  - policy "p", tier standard, order 1000',
        '  + policy "p", tier standard, order 10',
        'policy "q" unchanged',
      ].join("\n"),
    );
  });

  test("says so when words cannot show the difference", () => {
    const before = { ...BEFORE, isolates: ["egress", "ingress"] } satisfies typeof BEFORE | object;
    const after = { ...BEFORE, isolates: ["ingress", "egress"] };
    const changes = [{ id: "p", action: "changed", before, after }] as PolicyChanges["changes"];
    expect(applicationResult({ dryRun: false, changes }).text(SCREEN)).toBe(
      ['policy "p" changed', "  ~ only the order of what it lists"].join("\n"),
    );
  });

  test("tells how to keep what is on trial", () => {
    const changes: PolicyChanges["changes"] = [
      { id: "p", action: "created", after: { ...BEFORE, rules: [] } },
    ];
    const result = applicationResult({
      dryRun: false,
      changes,
      trial: { id: "42", deadline: 60_000, policies: ["p"] },
    });
    expect(result.text(SCREEN).split("\n").slice(-2)).toEqual([
      "",
      "On trial until 1970-01-01T00:01:00.000Z; keep it with: romana policy confirm 42",
    ]);
    expect(result.data).toMatchObject({ dryRun: false, trial: { id: "42" } });
  });
});

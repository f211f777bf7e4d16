import { expect, test } from "vitest";
import type { Judgement } from "../policy/index.ts";
import { isAsExpected, type Observation } from "./probe.ts";

const OPEN: Judgement = { verdict: "accept", reason: "same-tenant" };
const SHUT: Judgement = { verdict: "drop", reason: "isolation" };

test.each<[Observation, boolean, boolean]>([
  ["answered", true, false],
  ["refused", false, false],
  ["misrouted", false, false],
  ["silent", false, true],
  ["unreachable", false, true],
])("isAsExpected() of %s: %s where it should arrive, %s where it should not", (observed, open, shut) => {
  expect(isAsExpected({ expected: OPEN, observed, elapsed: 0 })).toBe(open);
  expect(isAsExpected({ expected: SHUT, observed, elapsed: 0 })).toBe(shut);
});

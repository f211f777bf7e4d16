import { expect, test } from "vitest";
import type { ErrorCode } from "../model/index.ts";
import { EXIT_OF } from "./exit.ts";

const EXPECTED: Record<ErrorCode, number> = {
  "invalid-input": 2,
  "not-found": 3,
  conflict: 4,
  "in-use": 4,
  "revision-mismatch": 4,
  "pool-exhausted": 5,
  "quota-exceeded": 5,
  unauthenticated: 6,
  forbidden: 6,
  compacted: 75,
  unavailable: 75,
  timeout: 75,
  aborted: 75,
  "command-failed": 70,
  "kernel-refused": 70,
  unsupported: 70,
  internal: 70,
};

test("every error code has the exit code of its family", () => {
  expect(EXIT_OF).toEqual(EXPECTED);
});

import { describe, expect, test } from "vitest";
import type { CheckReport } from "../../schema/index.ts";
import type { Screen } from "../format.ts";
import { checkResult } from "./ipam.ts";

const SCREEN: Screen = { wide: false, columns: 100, unicode: true, paint: (_, text) => text };

const CLEAN: CheckReport = { clean: true, revision: 7, endpoints: 2, keys: 19, counts: {}, findings: [] };

describe("checkResult()", () => {
  test("nothing found", () => {
    const result = checkResult(CLEAN);
    expect(result.text(SCREEN)).toBe("clean: 2 endpoints, 19 keys, no findings");
    expect(result.exitCode).toBe(0);
  });
  test("what repair mended is told, and is no failure", () => {
    const finding = { kind: "stale-index", key: "host-id//7", message: "no such host", repaired: "deleted" };
    const result = checkResult({ ...CLEAN, endpoints: 1, counts: { "stale-index": 1 }, findings: [finding] });
    expect(result.text(SCREEN)).toBe(
      [
        "FINDING      KEY         WHAT IS WRONG  REPAIR",
        "stale-index  host-id//7  no such host   deleted",
        "",
        "clean: 1 endpoint, 19 keys, 1 finding",
      ].join("\n"),
    );
    expect(result.exitCode).toBe(0);
  });
  test("what is left is counted, listed or not, and fails", () => {
    const finding = { kind: "unknown-key", key: "x", message: "nobody writes it" };
    const result = checkResult({
      ...CLEAN,
      clean: false,
      counts: { "unknown-key": 250 },
      findings: [finding],
    });
    expect(result.text(SCREEN)).toBe(
      [
        "FINDING      KEY  WHAT IS WRONG     REPAIR",
        "unknown-key  x    nobody writes it  -",
        "",
        "not clean: 2 endpoints, 19 keys, 250 findings",
      ].join("\n"),
    );
    expect(result.exitCode).toBe(1);
  });
});

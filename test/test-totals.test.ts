import { expect, test } from "vitest";
import { totalsOf } from "../scripts/test-totals.ts";

const tests = (...statuses: string[]) =>
  statuses.map((status, index) => ({ fullName: `test ${index}`, status }));
const file = (name: string, ...statuses: string[]) => ({
  name: `${process.cwd()}/${name}`,
  status: "",
  message: statuses.length === 0 ? "Cannot import x\nat y" : "",
  assertionResults: tests(...statuses),
});

test("totalsOf() adds up the files of all reports", () => {
  const reports = [
    ["unit", [file("a.test.ts", "passed", "passed"), file("b.test.ts", "passed", "failed")]],
    ["kernel", [file("c.test.ts", "passed", "skipped")]],
  ] as const;
  expect(totalsOf(reports)).toEqual({ passed: 4, failed: 1, skipped: ["test 1"], faults: [] });
});

test("totalsOf() counts a file without a test, and a report without a file, as failures", () => {
  expect(
    totalsOf([
      ["unit", [file("a.test.ts")]],
      ["e2e", []],
    ]),
  ).toEqual({
    passed: 0,
    failed: 2,
    skipped: [],
    faults: ["e2e: no file of tests ran", "a.test.ts: no test ran Cannot import x"],
  });
});

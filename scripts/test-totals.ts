import { existsSync, readFileSync } from "node:fs";
import { basename, relative } from "node:path";

/** What vitest's JSON reporter says about one file of tests. */
interface FileReport {
  readonly name: string;
  readonly status: string;
  readonly message: string;
  readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
}

/** Numbers of tests, and sentences about everything that is not as it should be. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
  readonly faults: readonly string[];
}

/** The totals of some reports. A file that ran no test, and a report without a file, count as failures. */
export function totalsOf(
  reports: readonly (readonly [name: string, files: readonly FileReport[]])[],
): Totals {
  const files = reports.flatMap(([, list]) => list);
  const tests = files.flatMap((file) => file.assertionResults);
  const silent = files.filter((file) => file.assertionResults.length === 0);
  const faults = [
    ...reports.filter(([, list]) => list.length === 0).map(([name]) => `${name}: no file of tests ran`),
    ...silent.map((file) =>
      `${relative(".", file.name)}: no test ran ${file.message.split("\n")[0]}`.trimEnd(),
    ),
  ];
  return {
    passed: tests.filter(({ status }) => status === "passed").length,
    failed: tests.filter(({ status }) => status === "failed").length + faults.length,
    skipped: tests
      .filter(({ status }) => !["passed", "failed"].includes(status))
      .map(({ fullName }) => fullName),
    faults,
  };
}

/** Reads the files of a report. One that is not there, because vitest itself failed, has none. */
function readReport(path: string): readonly [string, readonly FileReport[]] {
  const name = basename(path, ".json");
  if (!existsSync(path)) return [name, []];
  return [name, (JSON.parse(readFileSync(path, "utf8")) as { testResults: FileReport[] }).testResults];
}

if (import.meta.main) {
  const { passed, failed, skipped, faults } = totalsOf(process.argv.slice(2).map(readReport));
  for (const fault of faults) console.log(`not run: ${fault}`);
  for (const name of skipped) console.log(`skipped: ${name}`);
  const mayNotSkip = process.env["CI"] === "true" && existsSync("../shared/data");
  console.log(`${passed} passed, ${failed} failed`);
  if (failed > 0 || passed === 0 || (mayNotSkip && skipped.length > 0)) process.exitCode = 1;
}

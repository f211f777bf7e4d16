import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Mutation } from "./policy-mutations.ts";

const ROOT = join(import.meta.dirname, "../..");
const COPIED = ["src", "test", "package.json", "tsconfig.json"];

/** Settings of the copy's tests. */
const CONFIG = {
  test: {
    include: ["src/**/*.test.ts"],
    setupFiles: ["./test/mutation/fixed-seed.ts"],
    testTimeout: 20_000,
    maxWorkers: 1,
    bail: 1,
  },
};

/** Tests that hold compiled policies against the evaluator. */
const TESTS = [
  "src/firewall/policy-equivalence.test.ts",
  "src/firewall/policy-table.test.ts",
  "src/firewall/policy-rules.test.ts",
  "src/firewall/boxes.test.ts",
  "src/firewall/shape.test.ts",
  "src/firewall/sides.test.ts",
  "src/rules",
];

/** What tests said. */
export interface TestRun {
  readonly passed: number;
  /** Names of those that failed; the run ends with the first one. */
  readonly failed: readonly string[];
}

/** A copy of sources and tests in which mistakes can be made. */
export class MutantBench {
  readonly #directory = mkdtempSync(join(tmpdir(), "romana-mutants-"));

  constructor() {
    for (const name of COPIED) cpSync(join(ROOT, name), join(this.#directory, name), { recursive: true });
    writeFileSync(join(this.#directory, "vitest.config.ts"), `export default ${JSON.stringify(CONFIG)};\n`);
    symlinkSync(join(ROOT, "node_modules"), join(this.#directory, "node_modules"));
  }

  /** Runs the tests with the mistake, and takes it back. Throws when its text is not there exactly once. */
  async run(mutation?: Mutation): Promise<TestRun> {
    if (mutation === undefined) return this.#test();
    const path = join(this.#directory, "src", mutation.file);
    const source = readFileSync(path, "utf8");
    writeFileSync(path, mutated(source, mutation));
    try {
      return await this.#test();
    } finally {
      writeFileSync(path, source);
    }
  }

  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #test(): Promise<TestRun> {
    const report = join(this.#directory, "report.json");
    rmSync(report, { force: true });
    const vitest = join(ROOT, "node_modules/vitest/vitest.mjs");
    const argv = [vitest, "run", "--reporter=json", `--outputFile=${report}`, ...TESTS];
    // The tests that run this are tests themselves, and vitest would take their settings.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^VITEST|^TEST$/.test(name)),
    );
    return new Promise((resolve) => {
      execFile(process.execPath, argv, { cwd: this.#directory, env }, () =>
        resolve(resultOf(readFileSync(report, "utf8"))),
      );
    });
  }
}

/** The source with the mistake. Throws when the text to replace is not there exactly once. */
export function mutated(source: string, { name, file, text, replacement }: Mutation): string {
  const parts = source.split(text);
  if (parts.length !== 2) {
    throw new Error(`mutation "${name}": its text is ${parts.length - 1} times in ${file}, not once`);
  }
  return parts.join(replacement);
}

function resultOf(report: string): TestRun {
  const { testResults } = JSON.parse(report) as {
    readonly testResults: readonly {
      readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
    }[];
  };
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const named = (status: string): readonly string[] =>
    all.filter((result) => result.status === status).map(({ fullName }) => fullName);
  return { passed: named("passed").length, failed: named("failed") };
}

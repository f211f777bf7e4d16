import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BenchResult, type BenchRow, median } from "./bench.ts";
import type { CompileReport } from "./policy-compile-child.ts";
import { XLARGE } from "./policy-compile-world.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const ROUNDS = QUICK ? 1 : 5;
const NAMESPACES = QUICK ? 1_000 : XLARGE.namespaces;
const CHILD = join(import.meta.dirname, "policy-compile-child.ts");

/** A whole cluster from its objects to the rule model, each time in a process of its own. */
export async function run(): Promise<BenchResult> {
  const reports: CompileReport[] = [];
  while (reports.length < ROUNDS) reports.push(await compileOnce());
  const [{ policies, segments, entries, isolated }] = reports as [CompileReport];
  const medianOf = (pick: (report: CompileReport) => number): number => median(reports.map(pick));
  const row = (what: string, value: number, unit: string): BenchRow => ({ what, value, unit });
  return {
    name: "policy-compile",
    method:
      `${NAMESPACES} namespaces, ${policies} NetworkPolicies, ${NAMESPACES * XLARGE.podsPerNamespace} pods; ` +
      `a cold process on one processor; medians of ${ROUNDS}`,
    rows: [
      {
        ...row("objects to rule model", medianOf(totalMs) / 1000, "s"),
        bar: { relation: "at most", value: 3 },
      },
      row(
        "of it: policies, tenants and segments of objects",
        medianOf(({ translateMs }) => translateMs),
        "ms",
      ),
      row(
        "of it: compiled",
        medianOf(({ compileMs }) => compileMs),
        "ms",
      ),
      row(
        "of it: the model put together",
        medianOf(({ modelMs }) => modelMs),
        "ms",
      ),
      {
        ...row(
          "most resident memory, objects included",
          Math.max(...reports.map(({ peakMiB }) => peakMiB)),
          "MiB",
        ),
        bar: { relation: "at most", value: 500 },
      },
      row(
        "of it: before anything was compiled",
        medianOf(({ startMiB }) => startMiB),
        "MiB",
      ),
      row("segments", segments, ""),
      row("entries of the model", entries, ""),
      row("isolated subjects", isolated, ""),
    ],
  };
}

function totalMs({ translateMs, compileMs, modelMs }: CompileReport): number {
  return translateMs + compileMs + modelMs;
}

async function compileOnce(): Promise<CompileReport> {
  const argv = ["-c", "1", process.execPath, CHILD, `${NAMESPACES}`];
  const { stdout } = await promisify(execFile)("taskset", argv);
  return JSON.parse(stdout) as CompileReport;
}

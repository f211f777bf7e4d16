import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type BenchResult, type BenchRow, keepsBar } from "./bench.ts";

const HERE = import.meta.dirname;
const RESULTS = join(HERE, "results");

/** Names of the benchmarks: the files here that export `run()`. */
function benchNames(): string[] {
  const files = readdirSync(HERE).filter((file) => file.endsWith(".ts"));
  return files
    .filter((file) => /^export async function run\(/m.test(readFileSync(join(HERE, file), "utf8")))
    .map((file) => file.slice(0, -".ts".length))
    .sort();
}

function formatBar({ bar, unit }: BenchRow): string {
  if (bar === undefined) return "";
  return `${bar.relation === "at most" ? "≤" : "≥"} ${formatNumber(bar.value)} ${unit}`;
}

function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 3;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** The result as a table for people. */
function render({ name, method, rows }: BenchResult): string {
  const cells = rows.map((row) => [
    row.what,
    `${formatNumber(row.value)} ${row.unit}`,
    formatBar(row),
    row.bar === undefined ? "" : keepsBar(row) ? "ok" : "MISSED",
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...cells.map((line) => (line[column] as string).length)));
  const [what = 0, value = 0, bar = 0] = widths;
  const lines = cells.map(([a = "", b = "", c = "", d = ""]) =>
    `  ${a.padEnd(what)}  ${b.padStart(value)}  ${c.padEnd(bar)}  ${d}`.trimEnd(),
  );
  return `${name}: ${method}\n${lines.join("\n")}\n`;
}

/** Runs the named benchmarks, or all; prints tables, writes `results/NAME.json`; fails when a bar is missed. */
async function main(wanted: readonly string[]): Promise<void> {
  const names = benchNames();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0)
    throw new Error(`no benchmark ${unknown.join(", ")}; there are: ${names.join(", ")}`);
  mkdirSync(RESULTS, { recursive: true });
  for (const name of wanted.length > 0 ? wanted : names) {
    process.stderr.write(`running ${name} …\n`);
    const { run } = (await import(`./${name}.ts`)) as { run: () => Promise<BenchResult> };
    const result = await run();
    process.stdout.write(`${render(result)}\n`);
    writeFileSync(join(RESULTS, `${name}.json`), `${JSON.stringify(result, undefined, 2)}\n`);
    if (!result.rows.every(keepsBar)) process.exitCode = 1;
  }
}

await main(process.argv.slice(2));

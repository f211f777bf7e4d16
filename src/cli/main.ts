import { styleText } from "node:util";
import { type Context, PROGRAM, type Result } from "./command.ts";
import { openConnections } from "./connection.ts";
import { EXIT } from "./exit.ts";
import { exitCodeOf, renderFailure } from "./failure.ts";
import { type OutputFormat, renderJson, renderYaml, type Screen, type Tone } from "./format.ts";
import { NOUNS } from "./nouns.ts";
import { type Invocation, parseCommandLine } from "./program.ts";

/** A stream of the process as far as the program uses it. */
export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Everything that the program takes from its process. */
export interface Environment {
  /** Words after the program's name. */
  readonly words: readonly string[];
  readonly version: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Terminal;
  readonly stderr: Terminal;
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal;
}

/** Width of lines where the output is no terminal. */
const DEFAULT_COLUMNS = 100;

const STYLES = {
  good: "green",
  bad: ["bold", "red"],
  warning: "yellow",
  faint: "dim",
  strong: "bold",
} as const satisfies Record<Tone, Parameters<typeof styleText>[0]>;

/** Runs one command line and returns its exit code. Results go to stdout, everything else to stderr. */
export async function main(environment: Environment): Promise<number> {
  const { stdout, stderr } = environment;
  try {
    const [first, separator, ...unfinished] = environment.words;
    if (first === "complete" && separator === "--") {
      const { complete } = await import("./completion.ts");
      await complete(NOUNS, unfinished, environment.env);
      return EXIT.ok;
    }
    const invocation = await parseCommandLine(NOUNS, environment.words);
    if (invocation.type === "print") {
      stdout.write(`${invocation.text}\n`);
      return EXIT.ok;
    }
    return await runCommand(invocation, environment);
  } catch (error) {
    stderr.write(`${PROGRAM}: ${renderFailure(error)}\n`);
    return exitCodeOf(error);
  }
}

async function runCommand(
  { command, input, output }: Invocation & { type: "run" },
  { version, env, stdout, stderr, signal }: Environment,
): Promise<number> {
  const connections = openConnections(input, env);
  const context: Context = {
    version,
    env,
    signal,
    client: () => connections.client(),
    agent: () => connections.agent(),
    progress: (line) => stderr.write(`${line}\n`),
  };
  try {
    const result = await command.run(input, context);
    const text = await renderResult(result, output, screenOf(stdout, env, output));
    if (text !== "") stdout.write(`${text}\n`);
    return result.exitCode ?? EXIT.ok;
  } finally {
    await connections.close();
  }
}

async function renderResult(result: Result, output: OutputFormat, screen: Screen): Promise<string> {
  if (output === "json") return renderJson(result.data);
  if (output === "yaml") return renderYaml(result.data);
  return result.text(screen);
}

/** What the terminal can show: colours only on a terminal that wants them, unicode only in a UTF-8 locale. */
export function screenOf(stdout: Terminal, env: Environment["env"], output: OutputFormat): Screen {
  const coloured = stdout.isTTY === true && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  const fromEnvironment = Number(env["COLUMNS"]);
  return {
    wide: output === "wide",
    columns: stdout.columns ?? (fromEnvironment > 0 ? fromEnvironment : DEFAULT_COLUMNS),
    unicode: /utf-?8/i.test(env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || ""),
    paint: (tone, text) =>
      coloured ? styleText(STYLES[tone] as "red", text, { validateStream: false }) : text,
  };
}

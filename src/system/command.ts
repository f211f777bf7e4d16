import { spawn, spawnSync } from "node:child_process";
import { RomanaError } from "../model/index.ts";
import { inNamespace } from "./namespace.ts";

/** What to run and how. */
export interface Command {
  /** Program and arguments, never a shell's line. */
  readonly argv: readonly string[];
  /** Text for its standard input; empty without it. */
  readonly input?: string;
  /** Path of the network namespace to run it in. */
  readonly namespace?: string;
  /** Milliseconds after which it is killed. */
  readonly timeout?: number;
}

/**
 * Runs a command to its end and returns what it printed. Messages are in English, for programs that look at them.
 * @throws RomanaError `command-failed` for a status other than 0, `timeout`, or `not-found` without its namespace.
 */
export type CommandRunner = (command: Command) => Promise<string>;

/** The same, while everything else of the process waits. */
export type SyncCommandRunner = (command: Command) => string;

/** How long a command may take when it does not say. */
const TIMEOUT = 30_000;
/** A command that prints more bytes than this fails. */
const MOST_OUTPUT = 256 * 1024 * 1024;

/** Runs real child processes: for what is neither often nor urgent, since Node's fork blocks the event loop. */
export const runCommand: CommandRunner = async ({ argv, input = "", namespace, timeout = TIMEOUT }) => {
  const [program, ...words] = argv;
  const start = () =>
    spawn(program as string, words, { stdio: "pipe", timeout, env: { ...process.env, LC_ALL: "C" } });
  const child = namespace === undefined ? start() : inNamespace(namespace, start);
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  // A program that ends without reading its input says so by its status.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const { promise, resolve } = Promise.withResolvers<number>();
  child.on("error", (error) => {
    stderr += error.message;
    resolve(-1);
  });
  child.on("close", (status) => resolve(status ?? -1));
  const status = await promise;
  if (status === 0) return stdout;
  throw child.killed ? tooSlow(argv, timeout) : failed(argv, status, stderr);
};

/** Runs real child processes one after another: for what must be done before anything else is. */
export const runCommandSync: SyncCommandRunner = ({ argv, input = "", namespace, timeout = TIMEOUT }) => {
  const [program, ...words] = argv;
  const start = () =>
    spawnSync(program as string, words, {
      input,
      timeout,
      encoding: "utf8",
      maxBuffer: MOST_OUTPUT,
      env: { ...process.env, LC_ALL: "C" },
    });
  const { status, stdout, stderr, error } = namespace === undefined ? start() : inNamespace(namespace, start);
  // A program that ends without reading its input says so by its status.
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  if (status === 0 && (error === undefined || code === "EPIPE")) return stdout;
  if (code === "ETIMEDOUT") throw tooSlow(argv, timeout);
  throw failed(argv, status ?? -1, stderr || (error?.message ?? ""));
};

function tooSlow(argv: readonly string[], timeout: number): RomanaError {
  return new RomanaError(`Cannot run "${argv.join(" ")}": no end after ${timeout} ms`, { code: "timeout" });
}

function failed(argv: readonly string[], status: number, stderr: string): RomanaError {
  const reason = stderr.trim().split("\n").at(-1) || `status ${status}`;
  const line = argv.join(" ");
  return new RomanaError(`Cannot run "${line}": ${reason}`, { code: "command-failed", argv, status, stderr });
}

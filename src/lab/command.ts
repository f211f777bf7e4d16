import { type SpawnOptions, spawn } from "node:child_process";
import { RomanaError } from "../model/index.ts";
import { inNamespace } from "../system/namespace.ts";

/** How to run a command. */
export interface CommandOptions {
  /** Text for its standard input. */
  readonly input?: string;
  /** Path of the network namespace to run it in; the caller's own when left out. */
  readonly namespace?: string;
}

/**
 * Runs a command to its end and returns its standard output.
 * @throws RomanaError `command-failed` with its standard error; `not-found` when the namespace is gone.
 */
export async function runCommand(
  argv: readonly string[],
  { input = "", namespace }: CommandOptions = {},
): Promise<string> {
  const child = spawnIn(namespace, argv, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, LC_ALL: "C" },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.on("data", (data) => {
    stdout += data;
  });
  child.stderr?.on("data", (data) => {
    stderr += data;
  });
  // A command that ends before it has read everything says so by its status.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  const status = await new Promise<number>((resolve) => {
    child.on("error", (error) => {
      stderr += error.message;
      resolve(-1);
    });
    child.on("close", (code) => resolve(code ?? -1));
  });
  if (status === 0) return stdout;
  const reason = stderr.trim().split("\n").at(-1) || `status ${status}`;
  const message = `Cannot run "${argv.join(" ")}": ${reason}`;
  throw new RomanaError(message, { code: "command-failed", argv, status, stderr });
}

/** Starts a process in a network namespace: the fork happens inside, and the caller stays where it is. */
export function spawnIn(
  namespace: string | undefined,
  [program, ...words]: readonly string[],
  options: SpawnOptions,
): ReturnType<typeof spawn> {
  const start = (): ReturnType<typeof spawn> => spawn(program as string, words, options);
  return namespace === undefined ? start() : inNamespace(namespace, start);
}

/** Runs lines of `ip` in one process in a namespace. @throws RomanaError as {@link runCommand}. */
export async function runIp(namespace: string, lines: readonly string[]): Promise<void> {
  await runCommand(["ip", "-batch", "-"], { namespace, input: lines.map((line) => `${line}\n`).join("") });
}

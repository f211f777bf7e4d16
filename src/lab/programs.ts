import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { isTemporary, RomanaError } from "../model/index.ts";
import { spawnIn } from "./command.ts";
import { LAB_VARIABLE, type ProgramPaths } from "./paths.ts";
import { findProcess, type ProcessId } from "./processes.ts";

/** A program of a lab: which, with what configuration, and where it keeps its files. */
export interface Program {
  readonly name: "romanad" | "romana-agent";
  readonly paths: ProgramPaths;
  readonly config: object;
  /** Path of the network namespace that it runs in. */
  readonly namespace: string;
}

/** A program that was started. */
export interface Started {
  readonly process: ProcessId;
  readonly program: Program;
}

/** How long a program may take until it answers, in milliseconds. */
const START_TIMEOUT = 60_000;

/** How often it is asked meanwhile, in milliseconds. */
const ASK_INTERVAL = 25;

/** Lines at the end of a log that say why a program failed. */
const LOG_LINES = 15;

/**
 * Starts a program as a process of its own that outlives this one, with its configuration in a file and its
 * output in a log. The mark in its environment makes it, and all it starts, part of the lab.
 */
export function startProgram(labDirectory: string, program: Program): Started {
  const { name, paths, config, namespace } = program;
  mkdirSync(paths.directory, { recursive: true, mode: 0o700 });
  // YAML 1.2 contains JSON.
  writeFileSync(paths.config, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 });
  const log = openSync(paths.log, "a", 0o600);
  try {
    const script = fileURLToPath(new URL(`../../bin/${name}.mjs`, import.meta.url));
    const child = spawnIn(namespace, [process.execPath, script, "--config", paths.config], {
      detached: true,
      cwd: "/",
      stdio: ["ignore", log, log],
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", [LAB_VARIABLE]: labDirectory },
    });
    // A failure to start shows as a process that is not there.
    child.on("error", () => {});
    child.unref();
    const started = child.pid === undefined ? undefined : findProcess(child.pid);
    if (started === undefined) throw failed(program, "it does not start");
    return { process: started, program };
  } finally {
    closeSync(log);
  }
}

/**
 * Waits until a call to the program succeeds.
 * @throws RomanaError `unavailable` when the program ends, `timeout` when it takes too long, `aborted`, or a lasting
 * error of the call.
 */
export async function waitForAnswer<T>(
  { process: id, program }: Started,
  signal: AbortSignal,
  ask: () => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + START_TIMEOUT;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof RomanaError) || !isTemporary(error.code)) throw error;
      if (findProcess(id.pid)?.started !== id.started) throw failed(program, "it has ended");
      if (performance.now() > deadline) throw failed(program, "it does not answer", "timeout");
    }
    await pause(ASK_INTERVAL, signal);
  }
}

/** Waits a while. @throws RomanaError `aborted` when the user interrupts. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  throwIfAborted(signal);
  await new Promise<void>((resolve) => {
    const timer = setTimeout(finish, milliseconds);
    signal.addEventListener("abort", finish);
    function finish(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    }
  });
  throwIfAborted(signal);
}

/** @throws RomanaError `aborted` when the user has interrupted. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new RomanaError("Cannot go on: interrupted", { code: "aborted" });
}

/** The last lines of a program's log; empty when it wrote none. */
export function logTail({ log }: ProgramPaths): readonly string[] {
  try {
    const lines = readFileSync(log, "utf8").split("\n");
    return lines.filter((line) => line.trim() !== "").slice(-LOG_LINES);
  } catch {
    return [];
  }
}

function failed(
  { name, paths }: Program,
  reason: string,
  code: "unavailable" | "timeout" = "unavailable",
): RomanaError {
  const last = logTail(paths).at(-1);
  const said = last === undefined ? "" : `; it last said: ${last}`;
  return new RomanaError(`Cannot start ${name} "${paths.directory}": ${reason}${said}`, { code });
}

import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { RomanaError } from "../model/index.ts";
import { LAB_VARIABLE } from "./paths.ts";

/** A process as it was found; the start time tells it from a later one with the same number. */
export interface ProcessId {
  readonly pid: number;
  /** Clock ticks after boot, as in /proc/PID/stat. */
  readonly started: number;
}

/** How long killed processes may take to go, in milliseconds. */
const KILL_TIMEOUT = 10_000;

/** How often they are looked at meanwhile, in milliseconds. */
const KILL_INTERVAL = 20;

/** How to kill; tests pass their own. */
export interface KillOptions {
  readonly kill?: (pid: number) => void;
  /** Milliseconds after which what is still there is named. */
  readonly timeout?: number;
}

/** The process with this number; undefined when there is none, or only what is left of one (a zombie). */
export function findProcess(pid: number): ProcessId | undefined {
  const stat = readProcFile(pid, "stat");
  if (stat === undefined) return undefined;
  // The name in parentheses may hold spaces and parentheses; the fields after it do not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : { pid, started: Number(fields[19]) };
}

/** True while this very process lives. */
export function isAlive({ pid, started }: ProcessId): boolean {
  return findProcess(pid)?.started === started;
}

/** The words of a process's command line; empty when it is gone. */
export function commandLine(pid: number): readonly string[] {
  return (readProcFile(pid, "cmdline") ?? "").split("\0").filter((word) => word !== "");
}

/** Resident memory of a process in bytes; undefined when it is gone. */
export function residentMemory(pid: number): number | undefined {
  const match = /^VmRSS:\s+(\d+) kB$/m.exec(readProcFile(pid, "status") ?? "");
  return match === null ? undefined : Number(match[1]) * 1024;
}

/**
 * Processes of a lab: those that carry its mark, with their children, and all that live in its namespaces,
 * whoever started them. Never the calling process.
 */
export function findLabProcesses(directory: string, namespaces: readonly string[]): readonly ProcessId[] {
  const inodes = new Set(namespaces.flatMap(inodeOf));
  const mark = `${LAB_VARIABLE}=${directory}`;
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name) && Number(name) !== process.pid)
    .filter((name) => isMarked(name, mark) || inodes.has(namespaceInodeOf(name)))
    .flatMap((name) => findProcess(Number(name)) ?? []);
}

/**
 * Kills what `find` finds, again and again until it finds nothing twice: what is killed may just have forked a
 * child that does not look like one of ours until it has executed its program.
 * @throws RomanaError `timeout` with the numbers of those that do not go.
 */
export async function killAll(
  find: () => readonly ProcessId[],
  { kill = sendKill, timeout = KILL_TIMEOUT }: KillOptions = {},
): Promise<void> {
  const deadline = performance.now() + timeout;
  for (let quiet = 0; quiet < 2; ) {
    const found = find();
    quiet = found.length === 0 ? quiet + 1 : 0;
    if (quiet === 0 && performance.now() > deadline) {
      const numbers = found.map(({ pid }) => pid).join(", ");
      throw new RomanaError(`Cannot stop processes ${numbers}: they do not end`, { code: "timeout" });
    }
    for (const { pid } of found) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, KILL_INTERVAL));
  }
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isMarked(pid: string, mark: string): boolean {
  return (readProcFile(pid, "environ") ?? "").split("\0").includes(mark);
}

function inodeOf(path: string): string[] {
  try {
    return [`net:[${statSync(path).ino}]`];
  } catch {
    return [];
  }
}

function namespaceInodeOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/net`);
  } catch {
    return "";
  }
}

/** Text of a file of a process; undefined when the process is gone or ends while it is read. */
function readProcFile(pid: number | string, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return undefined;
  }
}

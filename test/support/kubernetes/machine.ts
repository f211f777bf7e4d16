import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../../../src/system/command.ts";
import { until } from "../until.ts";
import { type ClusterDirectory, createCgroups } from "./cluster-directory.ts";

const SCRIPT = join(import.meta.dirname, "machine.sh");

/** Milliseconds that namespaces and mounts of a machine may take. */
const START_TIMEOUT = 20_000;

/**
 * Enters all namespaces of a machine and its cgroups. The shell is there because processes that join a cgroup
 * namespace stay in the cgroup that they came from.
 */
const MOVE_IN =
  'for file in /sys/fs/cgroup/*/cgroup.procs; do echo $$ > "$file" || exit 126; done; exec "$@"';

/** How a command is run in a machine. */
export interface RunOptions {
  readonly input?: string;
  /** Milliseconds. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program of a machine that runs until it is stopped. */
export interface Daemon {
  readonly name: string;
  /** File with what it has printed. */
  readonly log: string;
  readonly process: ChildProcess;
  /** Ends it and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** @throws Error with the end of its log when it has ended. */
  check(): void;
}

/**
 * A machine of a cluster: processes, mounts, files, host name, cgroups and network of its own, on this kernel. Nothing
 * of it outlives its process 1.
 */
export interface Machine {
  readonly name: string;
  /** Where its files are, seen from outside: `/run` of the machine is `files/run` here. */
  readonly directory: string;
  /** Process (of the real machine) whose namespaces are the machine's, for `nsenter` and `ip link … netns`. */
  readonly pid: number;
  /** Path of its network namespace, seen from outside. */
  readonly netns: string;
  /** The path by which processes outside reach a file of the machine, mounts included. */
  path(inside: string): string;
  /** Runs a command in it to its end. @throws RomanaError as `runCommand` does */
  run(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** Starts a program in it; what it prints goes to a file. */
  start(name: string, argv: readonly string[], env?: Readonly<Record<string, string>>): Daemon;
  /** Cuts its power: every process is killed, and what it had mounted and its network are gone. */
  kill(): Promise<void>;
}

/** Starts a machine without any program. */
export async function startMachine(cluster: ClusterDirectory, name: string): Promise<Machine> {
  const directory = join(cluster.path, "machines", name);
  mkdirSync(join(directory, "logs"), { recursive: true });
  const log = openSync(join(directory, "logs", "machine.log"), "a");
  const cgroups = createCgroups(cluster, name);
  const init = spawn("/bin/sh", [SCRIPT, "outside", ...cgroups, "--", directory, name], {
    stdio: ["ignore", log, log],
    detached: true,
    env: { PATH: process.env["PATH"], LC_ALL: "C", ...cluster.mark },
  });
  closeSync(log);
  const ended = new Promise<void>((resolve) => init.once("close", () => resolve()));
  const pid = await pidOf(init);
  await until(
    `machine ${name} is there`,
    () => {
      if (init.exitCode !== null) throw new Error(readFileSync(join(directory, "logs/machine.log"), "utf8"));
      if (!existsSync(join(directory, "ready"))) throw new Error("it is not ready");
    },
    START_TIMEOUT,
  );

  const enter = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): string[] => {
    const pidNamespace = `--pid=/proc/${pid}/ns/pid_for_children`;
    const namespaces = ["--mount", "--net", "--uts", "--ipc", "--cgroup", pidNamespace];
    const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`);
    const words = variables.length === 0 ? argv : ["env", ...variables, ...argv];
    return ["nsenter", "--target", String(pid), ...namespaces, "--", "sh", "-c", MOVE_IN, "sh", ...words];
  };

  return {
    name,
    directory,
    pid,
    netns: `/proc/${pid}/ns/net`,
    // A link that is followed from outside leads to a place outside.
    path: (inside) => join(`/proc/${pid}/root`, inside.replace(/^\/var\/run\//, "/run/")),
    run: (argv, { input = "", timeout = 30_000, env } = {}) =>
      runCommand({ argv: enter(argv, env), input, timeout }),
    start: (daemon, argv, env) => startDaemon(daemon, directory, enter(argv, env), cluster),
    async kill() {
      // Its parent, which is outside, ends when all the machine's processes are dead.
      for (const first of childrenOf(init)) process.kill(first, "SIGKILL");
      await ended;
    },
  };
}

function startDaemon(
  name: string,
  directory: string,
  [program, ...words]: readonly string[],
  cluster: ClusterDirectory,
): Daemon {
  const log = join(directory, "logs", `${name}.log`);
  const file = openSync(log, "a");
  const child = spawn(program as string, words, {
    stdio: ["ignore", file, file],
    detached: true,
    env: { PATH: process.env["PATH"], LC_ALL: "C", ...cluster.mark },
  });
  closeSync(file);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  return {
    name,
    log,
    process: child,
    async stop(signal = "SIGTERM") {
      for (const pid of childrenOf(child)) process.kill(pid, signal);
      await ended;
    },
    check() {
      if (child.exitCode === null && child.signalCode === null) return;
      throw new Error(`${name} has ended: ${readFileSync(log, "utf8").slice(-2000)}`);
    },
  };
}

/** The process inside: what was started is its parent, `nsenter` or `unshare`, which waits for it and ends as it does. */
function childrenOf({ pid, exitCode, signalCode }: ChildProcess): number[] {
  if (exitCode !== null || signalCode !== null) return [];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return children.split(" ").filter(Boolean).map(Number);
}

function pidOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => resolve(child.pid as number));
  });
}

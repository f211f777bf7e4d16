import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { LAB_VARIABLE } from "../../../src/lab/paths.ts";
import {
  commandLine,
  findLabProcesses,
  findProcess,
  isAlive,
  killAll,
  type ProcessId,
} from "../../../src/lab/processes.ts";
import { until } from "../until.ts";

const PREFIX = "romana-kubernetes-";
const KEEPER = join(import.meta.dirname, "keeper.ts");
const CGROUP_ROOT = "/sys/fs/cgroup";

/** Programs that only wait for a child in other namespaces. */
const PARENTS: ReadonlySet<string> = new Set(["nsenter", "unshare"]);

/** Milliseconds that killed processes may stay in their cgroups. */
const EMPTY_TIMEOUT = 20_000;

/** Where a cluster keeps everything; what is below it, and what carries its mark, belongs to it and goes with it. */
export interface ClusterDirectory {
  readonly path: string;
  /** Environment of all its processes outside of machines, by which they are found. */
  readonly mark: Readonly<Record<string, string>>;
  /** Removes the cluster: processes, cgroups, files. Namespaces and mounts go with their processes. */
  close(): Promise<void>;
}

/**
 * Makes the directory of a new cluster and the process that removes the cluster when this one ends, however it ends.
 * Clusters that lost both, since somebody killed both, are removed first.
 */
export async function createClusterDirectory(): Promise<ClusterDirectory> {
  await removeAbandoned();
  const fresh = mkdtempSync(join(tmpdir(), `.${PREFIX}`));
  writeOwner(fresh, process.pid);
  const path = join(tmpdir(), basename(fresh).slice(1));
  renameSync(fresh, path);
  const log = openSync(join(path, "keeper.log"), "a");
  const keeper = spawn(process.execPath, [KEEPER, path], { stdio: ["pipe", "ignore", log], detached: true });
  closeSync(log);
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  let said = "";
  keeper.on("error", reject);
  keeper.on("exit", (status) => {
    if (existsSync(join(path, "keeper.log"))) said = readFileSync(join(path, "keeper.log"), "utf8");
    if (status === 0) resolve();
    else reject(new Error(`Cannot remove cluster "${path}": ${said}`));
  });
  ended.catch(() => {});
  return {
    path,
    mark: { [LAB_VARIABLE]: path },
    close() {
      keeper.stdin?.end();
      return ended;
    },
  };
}

/** Writes down which process answers for a cluster. */
export function writeOwner(path: string, pid: number): void {
  writeFileSync(join(path, "owner.json.new"), JSON.stringify(findProcess(pid)));
  renameSync(join(path, "owner.json.new"), join(path, "owner.json"));
}

/** Kills all processes of a cluster and removes its cgroups and files. */
export async function removeCluster(path: string): Promise<void> {
  const mark = basename(path);
  const all = (): readonly ProcessId[] => clusterProcesses(path);
  // The parents of what runs in machines are outside. They bury their child, and end with it.
  const isParent = ({ pid }: ProcessId): boolean => PARENTS.has(commandLine(pid)[0] ?? "");
  await killAll(() => all().filter((found) => !isParent(found)));
  await killAll(all);
  await until("the cgroups are gone", () => clusterCgroups(mark).forEach(removeTree), EMPTY_TIMEOUT);
  await until("the files are gone", () => rmSync(path, { recursive: true, force: true }), EMPTY_TIMEOUT);
}

/** All processes of a cluster, those of its pods included. */
export function clusterProcesses(path: string): readonly ProcessId[] {
  const found = [...findLabProcesses(path, []), ...cgroupProcesses(basename(path))];
  return [...new Map(found.map((process) => [process.pid, process])).values()];
}

/**
 * Makes the cgroups of a machine in every hierarchy, below the one that this process is in.
 * @returns their paths
 * @throws Error on a machine that has only cgroups v2
 */
export function createCgroups(cluster: ClusterDirectory, machine: string): readonly string[] {
  const parents = ownCgroups();
  if (!parents.some((path) => path.startsWith(`${CGROUP_ROOT}/memory`))) {
    throw new Error(
      `Cannot start machine "${machine}": there are no cgroups v1 here, which clusters are made with`,
    );
  }
  return parents.map((own) => {
    const path = join(own, basename(cluster.path), machine);
    mkdirSync(path, { recursive: true });
    return path;
  });
}

async function removeAbandoned(): Promise<void> {
  for (const name of readdirSync(tmpdir()).filter((entry) => entry.startsWith(PREFIX))) {
    const path = join(tmpdir(), name);
    const owner = ownerOf(path);
    if (owner !== undefined && !isAlive(owner) && existsSync(path)) await removeCluster(path);
  }
}

function ownerOf(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(join(path, "owner.json"), "utf8")) as ProcessId;
  } catch {
    return undefined;
  }
}

/** The cgroups of this process, one for each hierarchy that is mounted. */
function ownCgroups(): string[] {
  return readFileSync("/proc/self/cgroup", "utf8")
    .trim()
    .split("\n")
    .flatMap((line) => {
      const [, controllers = "", path = "/"] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
      const hierarchy = controllers === "" ? "unified" : controllers.replace(/^name=/, "");
      const directory = join(CGROUP_ROOT, hierarchy, path);
      return existsSync(directory) ? [directory] : [];
    });
}

/** Where the cgroups of a cluster begin: its name is unique, so wherever its maker was. */
export function clusterCgroups(mark: string): string[] {
  return readdirSync(CGROUP_ROOT).flatMap((hierarchy) => findBelow(join(CGROUP_ROOT, hierarchy), mark));
}

function findBelow(path: string, mark: string): string[] {
  return childrenOf(path).flatMap((name) =>
    name === mark ? [join(path, name)] : findBelow(join(path, name), mark),
  );
}

function childrenOf(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    // It went meanwhile.
    return [];
  }
}

function cgroupProcesses(mark: string): ProcessId[] {
  const collect = (path: string): number[] => [
    ...childrenOf(path).flatMap((name) => collect(join(path, name))),
    ...numbersOf(join(path, "cgroup.procs")),
  ];
  return [...new Set(clusterCgroups(mark).flatMap(collect))].flatMap((pid) => findProcess(pid) ?? []);
}

function numbersOf(path: string): number[] {
  try {
    return readFileSync(path, "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function removeTree(path: string): void {
  for (const name of childrenOf(path)) removeTree(join(path, name));
  rmdirSync(path);
}

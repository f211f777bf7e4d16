import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { invalidInput, notFound, RomanaError } from "../model/index.ts";
import { decodeLab, LAB_NAME_PATTERN } from "../schema/lab.ts";
import { listNamespaces } from "../system/namespace.ts";
import { LABS_DIRECTORY, type LabPaths, labPaths, namespacePrefix } from "./paths.ts";
import { noteNamespaceDirectory, restoreNamespaceDirectory } from "./namespace-directory.ts";
import { findProcess, isAlive, type ProcessId } from "./processes.ts";
import { type LabTopology, planTopology } from "./topology.ts";

/** Whether a lab is up; `broken` is what a crash of `lab up` leaves, and only `lab down` mends it. */
export type LabState = "up" | "starting" | "broken";

/**
 * The directory of a lab, which is deleted with all that is in it: a name never leads anywhere else.
 * @throws RomanaError `invalid-input` when no lab can have the name.
 */
export function labDirectory(name: string): string {
  if (!LAB_NAME_PATTERN.test(name)) {
    throw invalidInput(`use lab "${name}"`, [{ path: "", reason: "no lab can have this name" }]);
  }
  return join(LABS_DIRECTORY, name);
}

/**
 * Takes the name of a lab, for root only, and writes down what it shall consist of: from here on `lab down` finds
 * everything, whenever this process ends.
 * @throws RomanaError `conflict` when a lab or namespaces of that name are there.
 */
export function claimLab(name: string, document: unknown): LabTopology {
  const directory = labDirectory(name);
  const topology = planTopology(decodeLab(document), directory);
  if (listLabs().includes(name)) throw taken(name, "it is there already");
  const [leftover] = labNamespaces(name);
  if (leftover !== undefined) throw taken(name, `there is a network namespace "${leftover}"`);
  try {
    makeDirectory(directory);
    noteNamespaceDirectory();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") throw taken(name, "it is there already");
    throw error;
  }
  writeJson(topology.paths.owner, findProcess(process.pid));
  writeJson(topology.paths.document, document);
  return topology;
}

/** Makes the directory, which must not be there. The one above it may vanish with another lab meanwhile. */
function makeDirectory(directory: string): void {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(dirname(directory), { recursive: true, mode: 0o700 });
    try {
      mkdirSync(directory, { mode: 0o700 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt > 2) throw error;
    }
  }
}

/**
 * A lab that is there, as its document describes it.
 * @throws RomanaError `not-found` when there is none, or when it was given up before it was described.
 */
export function loadLab(name: string): LabTopology {
  const directory = labDirectory(name);
  const document = readJson(labPaths(directory).document);
  if (document === undefined) throw notFound("lab", name);
  return planTopology(decodeLab(document), directory);
}

/** Names of the labs that are there, in whatever state. */
export function listLabs(): readonly string[] {
  try {
    return readdirSync(LABS_DIRECTORY)
      .filter((name) => LAB_NAME_PATTERN.test(name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The state of a lab that is there. */
export function stateOf(paths: LabPaths): LabState {
  if (readJson(paths.record) !== undefined) return "up";
  return ownerOf(paths) === undefined ? "broken" : "starting";
}

/** The process that is bringing the lab up; undefined when none is (any more). */
export function ownerOf(paths: LabPaths): ProcessId | undefined {
  const owner = readJson(paths.owner) as ProcessId | undefined;
  return owner !== undefined && isAlive(owner) ? owner : undefined;
}

/** Names of the namespaces that belong to a lab, by their names alone. */
export function labNamespaces(name: string): readonly string[] {
  return listNamespaces().filter((namespace) => namespace.startsWith(namespacePrefix(name)));
}

/** Removes the state of a lab; with the last lab goes all that labs brought to the machine. */
export function removeState(name: string): void {
  rmSync(labDirectory(name), { recursive: true, force: true });
  if (listLabs().length > 0) return;
  restoreNamespaceDirectory();
  for (const directory of [LABS_DIRECTORY, dirname(LABS_DIRECTORY)]) {
    try {
      rmdirSync(directory);
    } catch {
      // Not empty, or gone: somebody else's.
      return;
    }
  }
}

/** Writes JSON in one step: readers see the old file or the new one. */
export function writeJson(path: string, value: unknown): void {
  writeFileSync(`${path}.new`, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** The JSON of a file; undefined when there is none, or it was cut short by a crash. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function taken(name: string, reason: string): RomanaError {
  return new RomanaError(`Cannot bring up lab "${name}": ${reason}`, {
    code: "conflict",
    noun: "lab",
    name,
  });
}

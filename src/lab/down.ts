import { deleteNamespace, namespacePath } from "../system/namespace.ts";
import { labPaths } from "./paths.ts";
import { findLabProcesses, isAlive, killAll } from "./processes.ts";
import { labDirectory, labNamespaces, listLabs, ownerOf, removeState } from "./state.ts";

/** What was there of a lab. */
export interface TornDown {
  /** False when nothing of the lab was there. */
  readonly found: boolean;
  readonly processes: number;
  readonly namespaces: number;
}

/**
 * Removes everything of a lab, in whatever state it is: a running `lab up`, processes, namespaces with their
 * links, files. Its name is enough, so this works after any crash, and again after a crash of this.
 */
export async function tearDown(name: string): Promise<TornDown> {
  const directory = labDirectory(name);
  const paths = labPaths(directory);
  const found = listLabs().includes(name) || labNamespaces(name).length > 0;
  const owner = ownerOf(paths);
  if (owner !== undefined && owner.pid !== process.pid) {
    await killAll(() => (isAlive(owner) ? [owner] : []));
  }
  const seen = new Set<number>();
  await killAll(() => {
    const processes = findLabProcesses(directory, labNamespaces(name).map(namespacePath));
    for (const { pid } of processes) seen.add(pid);
    return processes;
  });
  const namespaces = labNamespaces(name);
  for (const namespace of namespaces) deleteNamespace(namespace);
  removeState(name);
  return { found, processes: seen.size, namespaces: namespaces.length };
}

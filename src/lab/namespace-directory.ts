import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { listNamespaces, NAMESPACE_DIRECTORY } from "../system/namespace.ts";
import { sys } from "../system/sys.ts";
import { LABS_DIRECTORY } from "./paths.ts";

/** Says that the directory of named namespaces was no mount before the first lab came. */
const MARK = join(LABS_DIRECTORY, ".mounted-namespaces");

/** Notes, before a lab makes its first namespace, whether that will turn the directory into a mount of its own. */
export function noteNamespaceDirectory(): void {
  if (!isMounted()) writeFileSync(MARK, "");
}

/** Undoes the mount when labs brought it and nobody uses it any more; called when the last lab has gone. */
export function restoreNamespaceDirectory(): void {
  if (!existsSync(MARK)) return;
  // A namespace that somebody made meanwhile keeps the mount: it is theirs now.
  if (listNamespaces().length === 0 && sys.umount2(NAMESPACE_DIRECTORY, 0) === 0)
    rmdirSync(NAMESPACE_DIRECTORY);
  rmSync(MARK, { force: true });
}

function isMounted(): boolean {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8");
  return mounts.split("\n").some((line) => line.split(" ")[4] === NAMESPACE_DIRECTORY);
}

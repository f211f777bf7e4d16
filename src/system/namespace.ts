import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { notFound, RomanaError } from "../model/index.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { checked, lastErrno, sys } from "./sys.ts";

/** Where `ip netns` keeps its named network namespaces. */
export const NAMESPACE_DIRECTORY = "/run/netns";

const OWN_NAMESPACE = "/proc/thread-self/ns/net";
const O_RDONLY = 0;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_CLOEXEC = 0o2000000;
const CLONE_NEWNET = 0x40000000;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_SHARED = 0x100000;
const MNT_DETACH = 2;

/** Path of a named network namespace, as `ip netns add NAME` makes it. */
export function namespacePath(name: string): string {
  return join(NAMESPACE_DIRECTORY, name);
}

/** Opens a namespace; the descriptor keeps it alive. @throws RomanaError `not-found` when it is gone. */
export function openNamespace(path: string): number {
  const fd = sys.open(path, O_RDONLY | O_CLOEXEC, 0);
  if (fd >= 0) return fd;
  const errno = lastErrno();
  if (errno === "ENOENT" || errno === "ENOTDIR") throw notFound("network namespace", path);
  throw kernelRefused(`open network namespace "${path}"`, errno);
}

/**
 * Runs a function with this thread inside another network namespace and comes back, whatever happens. Sockets
 * opened inside stay inside. The function must be synchronous: between two turns of the event loop the thread
 * is always at home. (A child process may be started in it: the fork happens within the call.)
 * @throws RomanaError `not-found` when the namespace is gone.
 */
export function inNamespace<T>(path: string, run: () => T): T {
  const fd = openNamespace(path);
  try {
    return inNamespaceOf(fd, path, run);
  } finally {
    sys.close(fd);
  }
}

/** As {@link inNamespace}, with a descriptor from {@link openNamespace}. */
export function inNamespaceOf<T>(fd: number, path: string, run: () => T): T {
  const home = checked(sys.open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC, 0), "open the own network namespace");
  try {
    if (sys.setns(fd, CLONE_NEWNET) < 0) {
      const errno = lastErrno();
      // A plain file: what is left of a named namespace after it was unmounted.
      if (errno === "EINVAL") throw notFound("network namespace", path);
      throw kernelRefused(`enter network namespace "${path}"`, errno);
    }
    try {
      const result = run();
      if (result instanceof Promise) throw new TypeError("inNamespace() takes synchronous functions only");
      return result;
    } finally {
      // Nothing done in the wrong namespace could be trusted, so there is nothing to go on with.
      if (sys.setns(home, CLONE_NEWNET) < 0) process.abort();
    }
  } finally {
    sys.close(home);
  }
}

/** Makes a named network namespace, as `ip netns add` does. @throws RomanaError `conflict` when the name is taken. */
export function createNamespace(name: string): void {
  shareNamespaceDirectory();
  const path = namespacePath(name);
  const file = sys.open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0);
  if (file < 0) {
    const errno = lastErrno();
    if (errno !== "EEXIST") throw kernelRefused(`create network namespace "${name}"`, errno);
    throw new RomanaError(`Cannot create network namespace "${name}": the name is taken`, {
      code: "conflict",
      noun: "network namespace",
      name,
    });
  }
  sys.close(file);
  try {
    const home = checked(sys.open(OWN_NAMESPACE, O_RDONLY | O_CLOEXEC, 0), "open the own network namespace");
    try {
      checked(sys.unshare(CLONE_NEWNET), `create network namespace "${name}"`);
      const mounted = sys.mount(OWN_NAMESPACE, path, "none", MS_BIND, null);
      const errno = mounted < 0 ? lastErrno() : "";
      if (sys.setns(home, CLONE_NEWNET) < 0) process.abort();
      if (mounted < 0) throw kernelRefused(`name network namespace "${name}"`, errno);
    } finally {
      sys.close(home);
    }
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/** Deletes a named network namespace with all that is in it; one that is gone already is fine. */
export function deleteNamespace(name: string): void {
  const path = namespacePath(name);
  if (sys.umount2(path, MNT_DETACH) < 0) {
    const errno = lastErrno();
    if (errno === "ENOENT") return;
    // EINVAL: not a mount, just the file that is left of one.
    if (errno !== "EINVAL") throw kernelRefused(`delete network namespace "${name}"`, errno);
  }
  rmSync(path, { force: true });
}

/** Names of the named network namespaces. */
export function listNamespaces(): readonly string[] {
  try {
    return readdirSync(NAMESPACE_DIRECTORY).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Namespaces named here must show up in every mount namespace, so the directory becomes a shared mount. */
function shareNamespaceDirectory(): void {
  mkdirSync(NAMESPACE_DIRECTORY, { recursive: true, mode: 0o755 });
  if (sys.mount("", NAMESPACE_DIRECTORY, "none", MS_SHARED | MS_REC, null) === 0) return;
  checked(
    sys.mount(NAMESPACE_DIRECTORY, NAMESPACE_DIRECTORY, "none", MS_BIND | MS_REC, null),
    `mount ${NAMESPACE_DIRECTORY}`,
  );
  checked(
    sys.mount("", NAMESPACE_DIRECTORY, "none", MS_SHARED | MS_REC, null),
    `share ${NAMESPACE_DIRECTORY}`,
  );
}

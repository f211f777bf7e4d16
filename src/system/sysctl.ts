import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { notFound } from "../model/index.ts";
import { kernelRefused } from "./kernel-refused.ts";
import { lastErrno, sys } from "./sys.ts";

const O_WRONLY = 1;
const O_CLOEXEC = 0o2000000;

/** Parts of a name that stand for a directory kept open: `net.ipv6.conf`. */
const BASE_PARTS = 3;

/**
 * Sysctls of one network namespace by their dotted names, `/` for dots inside names
 * (`net.ipv4.conf.eth0/100.rp_filter`). Every call must be made by a thread that is in that namespace, and the kernel
 * picks it when a file is opened: only synchronous calls of `node:fs` are sure to be on this one.
 *
 * Directories that many sysctls share stay open, since on a machine with many network namespaces the way through
 * /proc is what a sysctl costs: all of them have directories of the same names there.
 */
export class Sysctls {
  readonly #bases = new Map<string, number>();

  /** Undefined when there is none. */
  read(name: string): string | undefined {
    const path = pathOf(name);
    if (path === undefined) return undefined;
    try {
      return readFileSync(this.#locate(path), "utf8").trim();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw refusal(`read sysctl "${name}"`, error);
    }
  }

  /** @throws RomanaError `not-found`, or `kernel-refused` for a bad value. */
  write(name: string, value: string): void {
    const path = pathOf(name);
    if (path === undefined) throw notFound("sysctl", name);
    try {
      writeValue(this.#locate(path), name, value);
    } catch (error) {
      if (isMissing(error)) throw notFound("sysctl", name);
      throw error;
    }
  }

  /** Sets several; those that the kernel does not have are left out. */
  writeAll(values: ReadonlyMap<string, string>): void {
    const paths = [...values].flatMap(([name, value]) => {
      const parts = pathOf(name);
      return parts === undefined ? [] : [{ directory: parts.slice(0, -1), last: parts.at(-1), name, value }];
    });
    for (const [, group] of Map.groupBy(paths, ({ directory }) => directory.join("/"))) {
      const fd = openIfThere(this.#locate(group[0]?.directory ?? []));
      if (fd === undefined) continue;
      try {
        for (const { last, name, value } of group) writeIfThere(fd, last ?? "", name, value);
      } finally {
        closeSync(fd);
      }
    }
  }

  close(): void {
    for (const fd of this.#bases.values()) closeSync(fd);
    this.#bases.clear();
  }

  /** A path to a file or directory, from an open directory where that is possible. */
  #locate(parts: readonly string[]): string {
    const base = `/proc/sys/${parts.slice(0, BASE_PARTS).join("/")}`;
    if (parts.length <= BASE_PARTS) return base;
    let fd = this.#bases.get(base);
    if (fd === undefined) {
      fd = openIfThere(base);
      if (fd === undefined) return `/proc/sys/${parts.join("/")}`;
      this.#bases.set(base, fd);
    }
    return `/proc/self/fd/${fd}/${parts.slice(BASE_PARTS).join("/")}`;
  }
}

/** By bare system calls: of files in an open directory `node:fs` knows only the way through /proc/self/fd. */
function writeIfThere(directory: number, file: string, name: string, value: string): void {
  const fd = sys.openat(directory, file, O_WRONLY | O_CLOEXEC);
  const bytes = Buffer.from(value);
  const written = fd < 0 ? fd : sys.write(fd, bytes, bytes.length);
  const errno = written < 0 ? lastErrno() : undefined;
  if (fd >= 0) sys.close(fd);
  if (errno !== undefined && errno !== "ENOENT") {
    throw kernelRefused(`set sysctl "${name}" to "${value}"`, errno);
  }
}

function writeValue(path: string, name: string, value: string): void {
  try {
    writeFileSync(path, value, { flag: "r+" });
  } catch (error) {
    if (isMissing(error)) throw error;
    throw refusal(`set sysctl "${name}" to "${value}"`, error);
  }
}

/** Undefined when there is none. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw refusal(`open ${path}`, error);
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOENT" || code === "ENOTDIR";
}

function refusal(operation: string, error: unknown): Error {
  return kernelRefused(operation, (error as NodeJS.ErrnoException).code ?? String(error));
}

/** Parts of the path below /proc/sys; undefined for a name with an empty part or a way out of the directory. */
function pathOf(name: string): readonly string[] | undefined {
  const parts = name.split(".").map((part) => part.replaceAll("/", "."));
  return parts.some((part) => part === "" || part === "." || part === "..") ? undefined : parts;
}

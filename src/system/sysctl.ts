import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { hasCode, notFound } from "../model/index.ts";
import { kernelRefused } from "./kernel-refused.ts";

/**
 * Value of a sysctl of the calling thread's network namespace by its dotted name, `/` for dots inside names
 * (`net.ipv4.conf.eth0/100.rp_filter`); undefined when there is none. (The kernel picks the namespace of the
 * thread that opens the file: only synchronous calls of `node:fs` are sure to be on this one.)
 */
export function readSysctl(name: string): string | undefined {
  const path = sysctlPath(name);
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw kernelRefused(`read sysctl "${name}"`, code ?? String(error));
  }
}

/** Sets a sysctl. @throws RomanaError `not-found`, or `kernel-refused` for a bad value. */
export function writeSysctl(name: string, value: string): void {
  const path = sysctlPath(name);
  if (path === undefined) throw notFound("sysctl", name);
  writeValue(path, name, value);
}

/**
 * Sets several sysctls; those that the kernel does not have are left out. Each directory is opened once: on a
 * machine with many network namespaces, the way through /proc is what a write costs, since all of them have
 * directories of the same names there.
 */
export function writeSysctls(values: ReadonlyMap<string, string>): void {
  for (const [directory, group] of Map.groupBy(values, ([name]) => dirname(sysctlPath(name) ?? ""))) {
    const fd = openDirectory(directory);
    if (fd === undefined) continue;
    try {
      for (const [name, value] of group) writeIfThere(`/proc/self/fd/${fd}/${lastPart(name)}`, name, value);
    } finally {
      closeSync(fd);
    }
  }
}

function writeIfThere(path: string, name: string, value: string): void {
  try {
    writeValue(path, name, value);
  } catch (error) {
    if (!hasCode(error, "not-found")) throw error;
  }
}

function writeValue(path: string, name: string, value: string): void {
  try {
    writeFileSync(path, value, { flag: "r+" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw notFound("sysctl", name);
    throw kernelRefused(`set sysctl "${name}" to "${value}"`, code ?? String(error));
  }
}

/** Undefined when there is none. */
function openDirectory(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw kernelRefused(`open ${path}`, code ?? String(error));
  }
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

/** Undefined for a name with an empty part or a way out of the directory. */
function sysctlPath(name: string): string | undefined {
  const parts = name.split(".").map((part) => part.replaceAll("/", "."));
  if (parts.some((part) => part === "" || part === "." || part === "..")) return undefined;
  return `/proc/sys/${parts.join("/")}`;
}

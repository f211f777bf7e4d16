import { readFileSync, writeFileSync } from "node:fs";
import { notFound } from "../model/index.ts";
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
  try {
    writeFileSync(path, value, { flag: "r+" });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") throw notFound("sysctl", name);
    throw kernelRefused(`set sysctl "${name}" to "${value}"`, code ?? String(error));
  }
}

/** Undefined for a name with an empty part or a way out of the directory. */
function sysctlPath(name: string): string | undefined {
  const parts = name.split(".").map((part) => part.replaceAll("/", "."));
  if (parts.some((part) => part === "" || part === "." || part === "..")) return undefined;
  return `/proc/sys/${parts.join("/")}`;
}

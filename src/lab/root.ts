import { RomanaError } from "../model/index.ts";

/** @throws RomanaError `forbidden` unless this process is root's: namespaces and other processes' files need it. */
export function requireRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new RomanaError("Cannot use labs: network namespaces need root", { code: "forbidden" });
}

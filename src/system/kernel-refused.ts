import { RomanaError } from "../model/index.ts";

/** A `kernel-refused` error: `operation` reads after "Cannot", such as `open network namespace "/run/netns/x"`. */
export function kernelRefused(operation: string, errno: string, detail = ""): RomanaError {
  const reason = detail === "" ? errno : `${errno} (${detail})`;
  return new RomanaError(`Cannot ${operation}: ${reason}`, { code: "kernel-refused", operation, errno });
}

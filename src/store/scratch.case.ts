import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory for the files of a test: in memory where there is such a place, so that a busy disk is no matter. */
export function scratchDirectory(): string {
  const memory = "/dev/shm";
  return mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "romana-store-"));
}

import { readFileSync } from "node:fs";

/** Milliseconds between two looks whether a process has ended, and until it is killed. */
const LOOK = 20;
const PATIENCE = 5_000;

/** The process of a pid file, when it is really one of this command line; undefined when there is none. */
export function findProcess(pidFile: string, argv: readonly string[]): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, "utf8"));
    return Number.isInteger(pid) && pid > 1 && isRunning(pid, argv) ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Ends a process of this command line, and waits until it is gone; one that does not go is killed. */
export async function endProcess(pid: number, argv: readonly string[]): Promise<void> {
  for (let waited = 0; isRunning(pid, argv); waited += LOOK) {
    if (waited === 0 || waited >= PATIENCE) process.kill(pid, waited === 0 ? "SIGTERM" : "SIGKILL");
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK);
    });
  }
}

/** A process that has ended has no command line any more, even if nobody has looked after it yet. */
function isRunning(pid: number, argv: readonly string[]): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `${argv.join("\0")}\0`;
  } catch {
    return false;
  }
}

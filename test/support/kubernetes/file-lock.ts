import { spawn } from "node:child_process";
import { once } from "node:events";

/**
 * Runs something while no other process that asks does so: a lock on a file, which the kernel lifts whatever becomes of
 * this process.
 */
export async function withFileLock<T>(path: string, run: () => Promise<T>): Promise<T> {
  // The lock is held by a process that lives until its standard input ends.
  const holder = spawn("flock", [path, "sh", "-c", "echo locked; cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "close");
  const [first] = await Promise.race([once(holder.stdout, "data"), ended]);
  if (!Buffer.isBuffer(first)) throw new Error(`Cannot lock "${path}": flock ended with ${first}`);
  try {
    return await run();
  } finally {
    holder.stdin.end();
    await ended;
  }
}

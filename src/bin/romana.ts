import manifest from "../../package.json" with { type: "json" };
import { main } from "../cli/main.ts";

/** Runs `romana` on the words of this process and leaves its exit code. A second signal ends it at once. */
export async function run(): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      if (interrupted.signal.aborted) process.exit(1);
      interrupted.abort();
    });
  }
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.exitCode = await main({
    words: process.argv.slice(2),
    version: manifest.version,
    env: process.env,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupted.signal,
  });
}

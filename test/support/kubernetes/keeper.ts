import { removeCluster, writeOwner } from "./cluster-directory.ts";

/**
 * Waits until the process that made a cluster closes its end of the pipe, on purpose or by dying, and then removes the
 * cluster. Signals from the terminal are for that process.
 */
const path = process.argv[2] as string;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
writeOwner(path, process.pid);
for await (const _ of process.stdin);
await removeCluster(path);

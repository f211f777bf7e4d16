import { type SpawnOptions, spawn } from "node:child_process";
import { runCommand } from "../system/command.ts";
import { inNamespace } from "../system/namespace.ts";

/**
 * Starts a process in a network namespace: the fork happens inside, and the caller stays where it is.
 * @throws RomanaError `not-found` when the namespace is gone.
 */
export function spawnIn(
  namespace: string,
  [program, ...words]: readonly string[],
  options: SpawnOptions,
): ReturnType<typeof spawn> {
  return inNamespace(namespace, () => spawn(program as string, words, options));
}

/** Runs lines of `ip` in one process in a namespace. @throws RomanaError `command-failed` with what it says. */
export async function runIp(namespace: string, lines: readonly string[]): Promise<void> {
  const input = lines.map((line) => `${line}\n`).join("");
  await runCommand({ argv: ["ip", "-batch", "-"], namespace, input });
}

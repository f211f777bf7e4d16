import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hasCode, invalidInput, RomanaError } from "../model/index.ts";
import type { Command, CommandRunner } from "../system/command.ts";

/** Who may read the files of a daemon. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** The text of a file; undefined when there is none. */
export function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Replaces a file as a whole. Configurations have passwords: only root and the owner may read it. */
export function writeText(file: string, text: string, owner?: FileOwner): void {
  const draft = `${file}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, text, { mode: 0o600 });
  if (owner !== undefined) chownSync(draft, owner.uid, owner.gid);
  renameSync(draft, file);
}

/** Makes the directory of a daemon. */
export function makeDirectory(directory: string, owner?: FileOwner): void {
  mkdirSync(directory, { recursive: true });
  chmodSync(directory, 0o755);
  if (owner !== undefined) chownSync(directory, owner.uid, owner.gid);
}

/** Runs a daemon's program. @throws RomanaError `unsupported` when it is not installed. */
export async function runProgram(run: CommandRunner, command: Command): Promise<string> {
  try {
    return await run(command);
  } catch (error) {
    const isMissing = error instanceof RomanaError && /ENOENT/.test(error.message);
    if (!isMissing) throw error;
    const program = command.argv[0] as string;
    throw new RomanaError(`Cannot run the routing daemon: ${program} is not installed`, {
      code: "unsupported",
    });
  }
}

/** Runs the check of a configuration. @throws RomanaError `invalid-input` with what the daemon says, `unsupported` when it is not installed. */
export async function runCheck(run: CommandRunner, argv: readonly string[], file: string): Promise<void> {
  try {
    await runProgram(run, { argv });
  } catch (error) {
    if (!(error instanceof RomanaError) || !hasCode(error, "command-failed")) throw error;
    const said = error.failure.code === "command-failed" ? error.failure.stderr.trim() : "";
    const reason = (said || error.message).replaceAll(`${file}:`, "line ").split("\n").slice(-3).join("; ");
    throw invalidInput("use the configuration of the routing daemon", [{ path: "", reason }]);
  }
}

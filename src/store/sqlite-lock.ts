import { closeSync, existsSync, openSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { RomanaError } from "../model/index.ts";
import { isBusy } from "./sqlite-error.ts";

/**
 * Makes an empty file for the owner only, if there is none. Never opens one that is there: closing it again would
 * drop the locks that SQLite has on it in this process.
 */
export function createPrivate(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
}

/**
 * Takes the lock of a store, until the returned connection is closed. It is a locked, empty SQLite database beside
 * the file: the system takes the lock back however its owner dies, and SQLite keeps track within one process too.
 * @throws RomanaError `unavailable` when someone else has it.
 */
export function lockStore(path: string): DatabaseSync {
  const lockPath = `${path}.lock`;
  createPrivate(lockPath);
  const lock = new DatabaseSync(lockPath, { timeout: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new RomanaError(
      `Cannot open store "${path}": another process has it open (it holds the lock on "${lockPath}")`,
      { code: "unavailable" },
    );
  }
}

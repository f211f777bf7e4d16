import { rmSync } from "node:fs";
import { backup, DatabaseSync } from "node:sqlite";
import { RomanaError } from "../model/index.ts";
import { lookAt } from "./sqlite-check.ts";
import { storeError } from "./sqlite-error.ts";
import { openReader, publishFile } from "./sqlite-file.ts";
import { createPrivate } from "./sqlite-lock.ts";
import { prepare } from "./sqlite-schema.ts";

/** Pages that are copied at once, off the main thread. */
const PAGES = 1024;

/**
 * Copies the store at `path` as of now into the new file `target`, while it is being written to. The copy is a
 * complete store, opened like any other.
 * @throws RomanaError `conflict` when `target` exists, `unavailable` when the system refuses.
 */
export async function backUpStore(path: string, target: string): Promise<void> {
  try {
    assertAbsent(target);
    await copyByDraft(path, target, `${target}.new`);
  } catch (error) {
    throw storeError("back up", path, error);
  }
}

async function copyByDraft(path: string, target: string, draft: string): Promise<void> {
  rmSync(draft, { force: true });
  createPrivate(draft);
  try {
    await copy(path, draft);
    markClean(draft);
    publishFile(draft, target);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

function assertAbsent(target: string): void {
  if (lookAt(target).size === undefined) return;
  throw new RomanaError(`Cannot write backup "${target}": it exists`, {
    code: "conflict",
    noun: "backup",
    name: target,
  });
}

/** An open read transaction keeps the source still, whatever is committed meanwhile. */
async function copy(path: string, draft: string): Promise<void> {
  const reader = openReader(path);
  try {
    reader.exec("BEGIN");
    prepare(reader, "SELECT clean FROM state").get();
    await backup(reader, draft, { rate: PAGES });
  } finally {
    reader.close();
  }
}

function markClean(draft: string): void {
  const database = new DatabaseSync(draft);
  try {
    database.exec("UPDATE state SET clean = 1");
  } finally {
    database.close();
  }
}

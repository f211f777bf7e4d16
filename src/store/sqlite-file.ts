import { closeSync, fdatasync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { assertFormat, assertSound, assertWhole, lookAt } from "./sqlite-check.ts";
import { storeError } from "./sqlite-error.ts";
import { createPrivate, lockStore } from "./sqlite-lock.ts";
import { createTables } from "./sqlite-schema.ts";

/**
 * Settings of the owner's connection. The write-ahead log goes to the file every 8 MB, which takes some 10 ms and is synced by
 * SQLite; commits to the log are synced by {@link StoreFile.sync}.
 */
const PRAGMAS = `
  PRAGMA synchronous = NORMAL;
  PRAGMA cache_size = -65536;
  PRAGMA cell_size_check = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA wal_autocheckpoint = 2000;
`;

/** An opened store file and the lock that makes us its owner. */
export interface StoreFile {
  readonly database: DatabaseSync;
  /** Makes all commits so far durable, on a thread of libuv's. */
  sync(): Promise<void>;
  /** Closes it as complete. */
  close(): void;
  /** Lets go of it as it is. */
  abandon(): void;
}

/**
 * Opens the store's file as its only owner; makes it when there is none.
 * @throws RomanaError `unavailable` when another process has it open or the system refuses, `unsupported` when it
 *   is not a store of this format, `internal` when it is damaged.
 */
export function openStoreFile(path: string): StoreFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const lock = lockStore(path);
    try {
      return takeOver(path, lock);
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    throw storeError("open", path, error);
  }
}

function takeOver(path: string, lock: DatabaseSync): StoreFile {
  const database = openSound(path);
  const file = ownedFile(path, database, lock);
  try {
    // The mark must be in the file itself: its use is to notice that the write-ahead log got lost.
    database.exec("UPDATE state SET clean = 0; PRAGMA wal_checkpoint(TRUNCATE)");
    return file;
  } catch (error) {
    file.abandon();
    throw error;
  }
}

function ownedFile(path: string, database: DatabaseSync, lock: DatabaseSync): StoreFile {
  // The same file as long as the connection is open. SQLite has no locks on it that closing it could take away.
  const log = openSync(`${path}-wal`, "r");
  function close(): void {
    closeSync(log);
    database.close();
  }
  function abandon(): void {
    close();
    // SQLite has removed it, but with the file not marked as clean its absence would look like a loss.
    createPrivate(`${path}-wal`);
    lock.close();
  }
  return {
    database,
    async sync() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      fdatasync(log, (error) => (error ? reject(error) : resolve()));
      await promise;
    },
    close() {
      try {
        database.exec("UPDATE state SET clean = 1");
      } catch {
        // No room for the mark: the next start will check the file, that is all.
        return abandon();
      }
      close();
      lock.close();
    },
    abandon,
  };
}

/** A second connection that only reads; it sees what is committed. */
export function openReader(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: 1000 });
}

/** Makes a new name of a complete file last, power cut or not. */
export function publishFile(draft: string, path: string): void {
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function openSound(path: string): DatabaseSync {
  const found = lookAt(path);
  assertWhole(path, found);
  if (found.size === undefined) createFile(path);
  const database = new DatabaseSync(path, { timeout: 1000, defensive: true });
  try {
    assertFormat(path, database);
    database.exec(PRAGMAS);
    assertSound(path, database, found);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Makes the store under another name first, so that a file of the right name is always complete. */
function createFile(path: string): void {
  const draft = `${path}.new`;
  for (const suffix of ["", "-wal", "-shm"]) rmSync(draft + suffix, { force: true });
  createPrivate(draft);
  const database = new DatabaseSync(draft);
  try {
    createTables(database);
  } finally {
    database.close();
  }
  publishFile(draft, path);
}

import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { RomanaError } from "../model/index.ts";
import { DAMAGE_ADVICE, isBusy, storeError } from "./sqlite-error.ts";
import { APPLICATION_ID, createTables, FORMAT_VERSION, readNumbers } from "./sqlite-schema.ts";

/** Settings of the owner's connection. */
const PRAGMAS = `
  PRAGMA synchronous = FULL;
  PRAGMA cache_size = -65536;
  PRAGMA cell_size_check = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA wal_autocheckpoint = 2000;
`;

/** An opened store file and the lock that makes us its owner. */
export interface StoreFile {
  readonly database: DatabaseSync;
  close(): void;
}

/**
 * Opens the store's file as its only owner; makes it when there is none.
 * @throws RomanaError `unavailable` when another process has it open or the system refuses, `unsupported` when it
 *   is not a store of this format, `internal` when it is damaged.
 */
export function openStoreFile(path: string): StoreFile {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const lock = lockFile(path);
    try {
      assertNotCut(path);
      if (!existsSync(path)) createFile(path);
      const database = openDatabase(path);
      return {
        database,
        close() {
          database.close();
          lock.close();
        },
      };
    } catch (error) {
      lock.close();
      throw error;
    }
  } catch (error) {
    throw openError(path, error);
  }
}

/** A second connection that only reads; it sees what is committed. */
export function openReader(path: string): DatabaseSync {
  return new DatabaseSync(path, { readOnly: true, timeout: 1000 });
}

/**
 * The lock is a locked, empty SQLite database beside the file: the system takes the lock back however its owner
 * dies, and SQLite knows about locks within one process too.
 */
function lockFile(path: string): DatabaseSync {
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

/** Makes an empty file for the owner only, if there is none. Never opens one: closing it would drop SQLite's locks. */
function createPrivate(path: string): void {
  if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
}

/** An empty main file, or a log without its main file, are remains of a store and not the place for a new one. */
function assertNotCut(path: string): void {
  const size = sizeOf(path);
  const log = sizeOf(`${path}-wal`) ?? 0;
  if (size === undefined && log > 0) throw damaged(path, `it is missing, but its log "${path}-wal" is there`);
  if (size === 0) throw damaged(path, "it is empty");
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
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
  renameSync(draft, path);
  const directory = openSync(dirname(path), "r");
  fsyncSync(directory);
  closeSync(directory);
}

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: 1000, defensive: true });
  try {
    assertFormat(path, database);
    database.exec(PRAGMAS);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function assertFormat(path: string, database: DatabaseSync): void {
  const [application] = readNumbers(database, "PRAGMA application_id");
  if (application !== APPLICATION_ID) {
    throw new RomanaError(`Cannot open store "${path}": the file is a database of another program`, {
      code: "unsupported",
    });
  }
  const [version] = readNumbers(database, "PRAGMA user_version");
  if (version === FORMAT_VERSION) return;
  throw new RomanaError(
    `Cannot open store "${path}": it has format ${version}, this program reads format ${FORMAT_VERSION}`,
    { code: "unsupported" },
  );
}

function damaged(path: string, reason: string): RomanaError {
  return new RomanaError(`Cannot open store "${path}": ${reason}: ${DAMAGE_ADVICE}`, { code: "internal" });
}

function openError(path: string, error: unknown): unknown {
  if (error instanceof Error && "syscall" in error) {
    return new RomanaError(
      `Cannot open store "${path}": ${error.message}`,
      { code: "unavailable" },
      {
        cause: error,
      },
    );
  }
  return storeError("open", path, error);
}

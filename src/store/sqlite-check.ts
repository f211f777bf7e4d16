import { statSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { RomanaError } from "../model/index.ts";
import { damaged } from "./sqlite-error.ts";
import { APPLICATION_ID, FORMAT_VERSION, prepare, readNumbers } from "./sqlite-schema.ts";

/** Files up to this size are checked whole at every start: that takes half a second at most. */
const ALWAYS_CHECKED = 256 * 1024 * 1024;

/** Smallest database of SQLite, in bytes. What is shorter it takes for a new one. */
const LEAST = 512;

/** What lies on disk before the store is opened; sizes in bytes, undefined: no such file. */
export interface Found {
  readonly size: number | undefined;
  readonly logSize: number | undefined;
}

/**
 * Looks without opening anything.
 * @throws RomanaError `unsupported` when there is something else than a file.
 */
export function lookAt(path: string): Found {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file?.isFile() === false) throw unsupported(path, "it is not a file");
  return { size: file?.size, logSize: statSync(`${path}-wal`, { throwIfNoEntry: false })?.size };
}

/**
 * An empty file, or a write-ahead log without its file, are remains of a store and no place for a new one.
 * @throws RomanaError `internal`.
 */
export function assertWhole(path: string, { size, logSize }: Found): void {
  if (size !== undefined && size < LEAST) throw damaged(path, `it has only ${size} bytes`);
  if (size === undefined && logSize !== undefined && logSize > 0) {
    throw damaged(path, `it is missing, though its write-ahead log "${path}-wal" is there`);
  }
}

/** @throws RomanaError `unsupported` when the database is not a store, or one of another format. */
export function assertFormat(path: string, database: DatabaseSync): void {
  const [application] = readNumbers(database, "PRAGMA application_id");
  if (application !== APPLICATION_ID) throw unsupported(path, "it is a database of another program");
  const [version] = readNumbers(database, "PRAGMA user_version");
  if (version === FORMAT_VERSION) return;
  throw unsupported(path, `it has format ${version}, this program reads format ${FORMAT_VERSION}`);
}

function unsupported(path: string, reason: string): RomanaError {
  return new RomanaError(`Cannot open store "${path}": ${reason}`, { code: "unsupported" });
}

/**
 * Finds what is damaged inside, as far as that is cheap: always in small files, in large ones only when the last
 * program did not close them.
 * @throws RomanaError `internal`.
 */
export function assertSound(path: string, database: DatabaseSync, found: Found): void {
  const [clean] = readNumbers(database, "SELECT clean FROM state");
  if (clean === 0 && found.logSize === undefined) {
    throw damaged(
      path,
      `its write-ahead log "${path}-wal" is missing, and the last commits with it (to accept that, make an empty one)`,
    );
  }
  const [pageSize = 0] = readNumbers(database, "PRAGMA page_size");
  const size = found.size ?? 0;
  // SQLite itself compares the size with the header, but rounds up. After a crash the log knows better than the file.
  if (clean === 1 && size % pageSize !== 0) throw damaged(path, "it is cut off inside a page");
  if (clean === 1 && size > ALWAYS_CHECKED) return;
  const [verdict] = prepare(database, "PRAGMA quick_check(1)").get() as unknown as [string];
  if (verdict !== "ok") throw damaged(path, verdict.replaceAll("\n", "; "));
}

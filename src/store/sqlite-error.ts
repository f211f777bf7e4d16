import { RomanaError } from "../model/index.ts";

/** SQLite's primary result codes that the store tells apart. */
const CODE = { BUSY: 5, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const;

/** SQLite's primary result code in an error of node:sqlite; undefined for any other error. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}

/** True when another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === CODE.BUSY;
}

/** Where to go from a damaged file; part of every message about one. */
export const DAMAGE_ADVICE =
  "restore a backup, or look at it with `sqlite3 FILE 'PRAGMA integrity_check'`; nothing was changed";

/** The error of `verb`ing the store at `path` because SQLite refused; errors of other origin are passed through. */
export function storeError(verb: string, path: string, error: unknown): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const reason = (error as Error).message;
  const failed = `Cannot ${verb} store "${path}"`;
  if (code === CODE.CORRUPT || code === CODE.NOTADB) {
    return new RomanaError(
      `${failed}: the file is damaged (${reason}): ${DAMAGE_ADVICE}`,
      { code: "internal" },
      {
        cause: error,
      },
    );
  }
  return new RomanaError(`${failed}: ${reason}`, { code: "unavailable" }, { cause: error });
}

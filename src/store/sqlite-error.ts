import { RomanaError } from "../model/index.ts";

/** SQLite's primary result codes that the store tells apart. */
const CODE = { BUSY: 5, CORRUPT: 11, NOTADB: 26 } as const;

/** SQLite's primary result code in an error of node:sqlite; undefined for any other error. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error) || typeof error.errcode !== "number")
    return undefined;
  return error.errcode & 0xff;
}

/** True when another connection holds the lock that was asked for. */
export function isBusy(error: unknown): boolean {
  return sqliteCode(error) === CODE.BUSY;
}

/** The error of opening a file that is not what it was. */
export function damaged(path: string, reason: string, cause?: unknown): RomanaError {
  return damage("open", path, reason, cause);
}

/** What an error of SQLite or of the system means for the store at `path`; errors of other origin are passed through. */
export function storeError(verb: string, path: string, error: unknown): unknown {
  const code = sqliteCode(error);
  const fromSystem = error instanceof Error && "syscall" in error;
  if (code === undefined && !fromSystem) return error;
  const reason = (error as Error).message;
  if (code === CODE.CORRUPT || code === CODE.NOTADB) return damage(verb, path, reason, error);
  const message = `Cannot ${verb} store "${path}": ${reason}`;
  return new RomanaError(message, { code: "unavailable" }, { cause: error });
}

function damage(verb: string, path: string, reason: string, cause: unknown): RomanaError {
  const advice = `restore a backup, or examine it with: sqlite3 "${path}" "PRAGMA integrity_check"`;
  return new RomanaError(
    `Cannot ${verb} store "${path}": the file is damaged: ${reason}; ${advice}`,
    {
      code: "internal",
    },
    { cause },
  );
}

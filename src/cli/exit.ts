import type { ErrorCode } from "../model/index.ts";

/** Exit codes of `romana` by family of error; sysexits.h names 70 and 75. */
export const EXIT = {
  ok: 0,
  /** The command did its work and the answer is "no": the matrix or the audit found something. */
  findings: 1,
  input: 2,
  absence: 3,
  clash: 4,
  capacity: 5,
  rights: 6,
  host: 70,
  temporary: 75,
} as const;

/** The exit code of each error code: the CLI's column of the error table. */
export const EXIT_OF: Readonly<Record<ErrorCode, number>> = {
  "invalid-input": EXIT.input,
  "not-found": EXIT.absence,
  conflict: EXIT.clash,
  "in-use": EXIT.clash,
  "revision-mismatch": EXIT.clash,
  "pool-exhausted": EXIT.capacity,
  "quota-exceeded": EXIT.capacity,
  unauthenticated: EXIT.rights,
  forbidden: EXIT.rights,
  compacted: EXIT.temporary,
  unavailable: EXIT.temporary,
  timeout: EXIT.temporary,
  aborted: EXIT.temporary,
  "command-failed": EXIT.host,
  "kernel-refused": EXIT.host,
  unsupported: EXIT.host,
  internal: EXIT.host,
};

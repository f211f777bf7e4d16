import { type Fault, invalidInput } from "../model/index.ts";
import {
  type Compare,
  type ListOptions,
  MAX_KEY_BYTES,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_OPERATIONS,
  type Write,
} from "./store.ts";

/**
 * Refuses what no store accepts, so that all of them refuse the same.
 * @throws RomanaError `invalid-input` with every fault.
 */
export function checkTransaction(compares: readonly Compare[], writes: readonly Write[]): void {
  const faults: Fault[] = [];
  checkCount("compares", compares.length, faults);
  checkCount("writes", writes.length, faults);
  if (faults.length > 0) throw invalidInput("commit transaction", faults);
  const written = new Set<string>();
  let bytes = 0;
  for (const [index, { key, modRevision }] of compares.entries()) {
    bytes += checkKey(key, `compares[${index}].key`, faults);
    if (!Number.isSafeInteger(modRevision) || modRevision < 0) {
      faults.push({ path: `compares[${index}].modRevision`, reason: `${modRevision} is no revision` });
    }
  }
  for (const [index, write] of writes.entries()) {
    bytes += checkKey(write.key, `writes[${index}].key`, faults);
    if (written.has(write.key)) {
      faults.push({ path: `writes[${index}].key`, reason: `"${write.key}" is written twice` });
    }
    written.add(write.key);
    if (write.type === "delete") continue;
    if (!write.value.isWellFormed()) {
      faults.push({ path: `writes[${index}].value`, reason: "holds half of a surrogate pair" });
    }
    bytes += Buffer.byteLength(write.value);
  }
  if (bytes > MAX_TRANSACTION_BYTES) {
    faults.push({ path: "", reason: `${bytes} bytes are more than ${MAX_TRANSACTION_BYTES}` });
  }
  if (faults.length > 0) throw invalidInput("commit transaction", faults);
}

function checkCount(path: string, count: number, faults: Fault[]): void {
  if (count > MAX_TRANSACTION_OPERATIONS) {
    faults.push({ path, reason: `${count} are more than ${MAX_TRANSACTION_OPERATIONS}` });
  }
}

/** Adds what is wrong with the key to `faults`; returns its length in bytes. */
function checkKey(key: string, path: string, faults: Fault[]): number {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) faults.push({ path, reason: "is empty" });
  if (bytes > MAX_KEY_BYTES) {
    faults.push({ path, reason: `${bytes} bytes are more than ${MAX_KEY_BYTES}` });
  }
  if (!key.isWellFormed()) faults.push({ path, reason: "holds half of a surrogate pair" });
  return bytes;
}

/** @throws RomanaError `invalid-input` for a range that no store can list. */
export function checkList(prefix: string, { after, limit }: ListOptions): void {
  const faults: Fault[] = [];
  if (!prefix.isWellFormed()) faults.push({ path: "prefix", reason: "holds half of a surrogate pair" });
  if (after?.isWellFormed() === false) {
    faults.push({ path: "after", reason: "holds half of a surrogate pair" });
  }
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1)) {
    faults.push({ path: "limit", reason: `${limit} is no number of entries` });
  }
  if (faults.length > 0) throw invalidInput("list keys", faults);
}

/** @throws RomanaError `invalid-input` for a time to live that is not a whole number of seconds from 1. */
export function checkTtl(ttl: number): void {
  if (Number.isSafeInteger(ttl) && ttl >= 1) return;
  throw invalidInput("grant lease", [{ path: "ttl", reason: `${ttl} is no whole number of seconds` }]);
}

/** @throws RomanaError `invalid-input` for a revision that the store has not reached. */
export function checkCompaction(revision: number, current: number): void {
  if (Number.isSafeInteger(revision) && revision >= 0 && revision <= current) return;
  throw invalidInput("compact store", [
    { path: "revision", reason: `${revision} is not between 0 and the store's ${current}` },
  ]);
}

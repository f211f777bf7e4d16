import type { Write } from "../store/index.ts";
import { decodeRest, encodeRest } from "./records.ts";
import { put, remove } from "./settle.ts";

/** Gives an ID, a code or an address back, at once or after a rest. */
export function freed(claimKey: string, until: number | undefined): Write {
  return until === undefined ? remove(claimKey) : put(claimKey, encodeRest(until));
}

/** True when the value of a claim is a rest. */
export function isRest(value: string): boolean {
  try {
    return decodeRest(value) !== undefined;
  } catch {
    return false;
  }
}

/** True when the value of a claim is a rest that is over. */
export function isRestOver(value: string, now: number): boolean {
  return isRest(value) && (decodeRest(value) ?? now) <= now;
}

/** One fault of an input: where it is and why it is refused. */
export interface Fault {
  /** Path of the field, e.g. `plans.ipv4.hostBits`; empty for the whole document. */
  readonly path: string;
  readonly reason: string;
}

/** Every way in which Romana refuses or fails; the data of each code travels with the error. */
export type Failure =
  | { readonly code: "invalid-input"; readonly faults: readonly Fault[] }
  | { readonly code: "not-found"; readonly noun: string; readonly name: string }
  | { readonly code: "conflict"; readonly noun: string; readonly name: string; readonly existing?: unknown }
  | {
      readonly code: "in-use";
      readonly noun: string;
      readonly name: string;
      /** The first of those that use it. */
      readonly usedBy: readonly string[];
      /** How many use it; absent when `usedBy` names all. */
      readonly count?: number;
    }
  | {
      readonly code: "revision-mismatch";
      readonly noun: string;
      readonly name: string;
      readonly revision: number;
    }
  | {
      readonly code: "pool-exhausted";
      readonly pool: string;
      readonly capacity: number;
      readonly used: number;
      readonly coolingDown: number;
    }
  | {
      readonly code: "quota-exceeded";
      readonly tenant: string;
      readonly quota: number;
      readonly used: number;
    }
  | { readonly code: "compacted"; readonly oldest: number }
  | { readonly code: "unauthenticated" }
  | { readonly code: "forbidden" }
  | { readonly code: "unavailable" }
  | { readonly code: "timeout" }
  | { readonly code: "aborted" }
  | {
      readonly code: "command-failed";
      readonly argv: readonly string[];
      readonly status: number;
      readonly stderr: string;
    }
  | { readonly code: "kernel-refused"; readonly operation: string; readonly errno: string }
  | { readonly code: "unsupported" }
  | { readonly code: "internal" };

/** The code of a {@link Failure}: the closed list that REST, CLI and CNI map from. */
export type ErrorCode = Failure["code"];

/**
 * The one error class. The message reads `Cannot <verb> <noun> "<name>": <reason>` without a full stop and
 * is the same sentence in REST, CLI and CNI; `failure` is what programs look at.
 */
export class RomanaError extends Error {
  readonly failure: Failure;

  constructor(message: string, failure: Failure, options?: ErrorOptions) {
    super(message, options);
    this.name = "RomanaError";
    this.failure = failure;
  }

  get code(): ErrorCode {
    return this.failure.code;
  }
}

/** Codes that go away by themselves, so that trying again later makes sense. */
const TEMPORARY: ReadonlySet<ErrorCode> = new Set(["unavailable", "timeout", "aborted"]);

/** True when the same call may succeed later without any change. */
export function isTemporary(code: ErrorCode): boolean {
  return TEMPORARY.has(code);
}

/** True when the value is a {@link RomanaError} with this code. */
export function hasCode<C extends ErrorCode>(
  error: unknown,
  code: C,
): error is RomanaError & { failure: Extract<Failure, { code: C }> } {
  return error instanceof RomanaError && error.code === code;
}

/** An `invalid-input` error that lists all its faults in the message. */
export function invalidInput(what: string, faults: readonly Fault[]): RomanaError {
  const list = faults.map(({ path, reason }) => (path === "" ? reason : `${path}: ${reason}`)).join("; ");
  return new RomanaError(`Cannot ${what}: ${list}`, { code: "invalid-input", faults });
}

/** A `not-found` error for one object. */
export function notFound(noun: string, name: string): RomanaError {
  return new RomanaError(`Cannot find ${noun} "${name}"`, { code: "not-found", noun, name });
}

import { type Fault, invalidInput, isTemporary, RomanaError } from "../model/index.ts";
import { encodeProblem, type Problem, STATUS_OF_CODE } from "../schema/index.ts";

/** Media type of problem documents (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** Seconds after which a client may try again what failed for a temporary reason. */
const RETRY_AFTER = 1;

/** An error of the HTTP layer itself: it has a status that its code alone does not say. */
export class HttpError extends Error {
  readonly status: number;
  readonly error: RomanaError;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, error: RomanaError, headers: Readonly<Record<string, string>> = {}) {
    super(error.message, { cause: error });
    this.name = "HttpError";
    this.status = status;
    this.error = error;
    this.headers = headers;
  }
}

/** A problem document with the status and headers that go with it. */
export interface ProblemAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly problem: Problem;
}

/** The answer that tells of an error. What is not ours becomes `internal` and says nothing about its cause. */
export function problemOf(error: unknown): ProblemAnswer {
  if (error instanceof HttpError) return answer(error.error, error.status, error.headers);
  if (error instanceof RomanaError) return answer(error, STATUS_OF_CODE[error.code], {});
  const internal = new RomanaError("Cannot answer the request: an error inside romanad, see its log", {
    code: "internal",
  });
  return answer(internal, STATUS_OF_CODE.internal, {});
}

/** An `invalid-input` error with one fault and a status of its own. */
export function badRequest(status: number, what: string, fault: Fault): HttpError {
  return new HttpError(status, invalidInput(what, [fault]));
}

function answer(
  error: RomanaError,
  status: number,
  headers: Readonly<Record<string, string>>,
): ProblemAnswer {
  const retry = isTemporary(error.code) ? { "retry-after": String(RETRY_AFTER) } : {};
  return { status, headers: { ...retry, ...headers }, problem: encodeProblem(error, status) };
}

import { errors } from "undici";
import { type Failure, RomanaError } from "../model/index.ts";

/** The failure that a status of the Kubernetes API means (its conventions, "HTTP Status codes"). */
function failureOf(status: number, name: string, message: string): Failure {
  switch (status) {
    case 400:
    case 415:
    case 422:
      return { code: "invalid-input", faults: [{ path: "", reason: message }] };
    case 401:
      return { code: "unauthenticated" };
    case 403:
      return { code: "forbidden" };
    case 404:
      return { code: "not-found", noun: "object", name };
    case 409:
      return { code: "conflict", noun: "object", name };
    case 410:
      return { code: "compacted", oldest: 0 };
    default:
      return status === 429 || status >= 500 ? { code: "unavailable" } : { code: "internal" };
  }
}

/** The error of an answer of the API server that is no success. `body`: a Status (meta/v1), or whatever came. */
export function errorOfStatus(what: string, path: string, status: number, body: unknown): RomanaError {
  const { message } = typeof body === "object" && body !== null ? (body as { message?: unknown }) : {};
  const reason =
    typeof message === "string" && message !== "" ? message : `the API server answered ${status}`;
  return new RomanaError(`Cannot ${what}: ${reason}`, failureOf(status, path, reason));
}

/** The error of a request that got no answer, or only a part of one. */
export function errorOfConnection(
  what: string,
  error: unknown,
  signal: AbortSignal | undefined,
): RomanaError {
  if (error instanceof RomanaError) return error;
  const { message } = error as { readonly message?: string };
  const reason = message === undefined || message === "" ? String(error) : message;
  const failed = (code: "aborted" | "timeout" | "unavailable"): RomanaError =>
    new RomanaError(`Cannot ${what}: ${reason}`, { code }, { cause: error });
  if (signal?.aborted === true) return failed("aborted");
  const isLate =
    error instanceof errors.HeadersTimeoutError ||
    error instanceof errors.BodyTimeoutError ||
    error instanceof errors.ConnectTimeoutError;
  return failed(isLate ? "timeout" : "unavailable");
}

import { z } from "zod";
import { type ErrorCode, type Failure, RomanaError } from "../model/index.ts";

/** Starts the `type` of every problem; the error code follows. */
export const PROBLEM_TYPE_PREFIX = "urn:romana:error:";

/** Every error code with the title of its problems: the closed list for OpenAPI, REST and the client. */
export const PROBLEM_TITLES: Readonly<Record<ErrorCode, string>> = {
  "invalid-input": "The input is not valid",
  "not-found": "There is no such object",
  conflict: "Another object is in the way",
  "in-use": "The object is in use",
  "revision-mismatch": "The object has changed meanwhile",
  "pool-exhausted": "No address is left",
  "quota-exceeded": "The tenant's quota is used up",
  compacted: "The history does not go back that far",
  unauthenticated: "It is not known who asks",
  forbidden: "This is not allowed",
  unavailable: "The service cannot answer at the moment",
  timeout: "It took too long",
  aborted: "It was given up half-way and undone",
  "command-failed": "A command failed",
  "kernel-refused": "The kernel refused",
  unsupported: "This is not supported",
  internal: "Something went wrong inside",
};

/** The HTTP status of every error code: romanad's API and the agent's socket answer alike. */
export const STATUS_OF_CODE: Readonly<Record<ErrorCode, number>> = {
  "invalid-input": 422,
  "not-found": 404,
  conflict: 409,
  "in-use": 409,
  "revision-mismatch": 409,
  "pool-exhausted": 507,
  "quota-exceeded": 507,
  compacted: 410,
  unauthenticated: 401,
  forbidden: 403,
  unavailable: 503,
  timeout: 503,
  aborted: 503,
  "command-failed": 500,
  "kernel-refused": 500,
  unsupported: 500,
  internal: 500,
};

/** A problem document (RFC 9457). Besides these fields it has the data of its code. */
export const problemSchema = z
  .looseObject({
    type: z.string().meta({ examples: ["urn:romana:error:not-found"] }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: "The sentence for people." }),
    code: z.enum(Object.keys(PROBLEM_TITLES) as [ErrorCode, ...ErrorCode[]]),
  })
  .meta({ id: "Problem", description: "Why a request failed (RFC 9457), with the data of the error code." });

/** A problem document as JSON. */
export type Problem = z.output<typeof problemSchema>;

/** The problem document of an error; the data of its code stands beside the standard fields. */
export function encodeProblem(error: RomanaError, status: number): Problem {
  const { failure, message } = error;
  const { code, ...data } = failure;
  // RFC 9457 has taken the name "status" for HTTP's.
  const extra = failure.code === "command-failed" ? commandData(failure) : data;
  return {
    type: `${PROBLEM_TYPE_PREFIX}${code}`,
    title: PROBLEM_TITLES[code],
    status,
    detail: message,
    code,
    ...extra,
  };
}

/** The error that a problem document tells of, with the same code, message and data; undefined for other data. */
export function decodeProblem(value: unknown): RomanaError | undefined {
  const result = problemSchema.safeParse(value);
  if (!result.success) return undefined;
  const { type: _type, title: _title, status: _status, detail, exitStatus, ...failure } = result.data;
  const data = exitStatus === undefined ? failure : { ...failure, status: exitStatus };
  return new RomanaError(detail, data as Failure);
}

function commandData({ argv, status, stderr }: Extract<Failure, { code: "command-failed" }>): object {
  return { argv, exitStatus: status, stderr };
}

import { z } from "zod";
import type { ErrorCode } from "../model/index.ts";
import { strict } from "./decode.ts";
import { revisionSchema } from "./text.ts";

/** Methods of the API. */
export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** One operation of the API: the only place that says what goes in and what comes out. */
export interface RouteContract {
  readonly method: Method;
  /** Path with `:name` for parameters. */
  readonly path: string;
  /** One sentence without a full stop, for OpenAPI and docs. */
  readonly summary: string;
  /** Heading under which OpenAPI lists it. */
  readonly tag: string;
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Schema of the body of every success. */
  readonly response: z.ZodType;
  /** Statuses of success with what they mean; the first one is the usual one. */
  readonly statuses: Readonly<Record<number, string>>;
  /** Errors that this operation can end with besides {@link COMMON_ERRORS}. */
  readonly errors: readonly ErrorCode[];
  /** `etag`: answers carry the object's revision; `if-match`: requests may demand it, too. */
  readonly revision?: "etag" | "if-match";
  /** Media type of the answer when it is not JSON. */
  readonly mediaType?: string;
}

/** A field of an operation's contract as data: what goes over the wire, or undefined when it has none. */
type Wire<R extends RouteContract, F extends string> =
  R extends Record<F, infer S extends z.ZodType> ? z.input<S> : undefined;

/** The JSON that an operation takes as its body; undefined when it takes none. */
export type BodyOf<R extends RouteContract> = Wire<R, "body">;

/** The parameters of an operation's path; undefined when it has none. */
export type ParamsOf<R extends RouteContract> = Wire<R, "params">;

/** The query of an operation; undefined when it has none. */
export type QueryOf<R extends RouteContract> = Wire<R, "query">;

/** The JSON that an operation answers with. */
export type ResponseOf<R extends RouteContract> = z.input<R["response"]>;

/** What an operation answers with, read into model values. */
export type ResultOf<R extends RouteContract> = z.output<R["response"]>;

/** Errors that every operation can end with. */
export const COMMON_ERRORS: readonly ErrorCode[] = ["invalid-input", "unavailable", "timeout", "internal"];

const OK = { 200: "Done" } as const;

/** A page of items. */
function pageOf<S extends z.ZodType>(item: S) {
  return strict({
    items: z.array(item),
    nextCursor: z.string().exactOptional().meta({ description: "Absent on the last page." }),
    revision: revisionSchema,
  });
}

/** A listing, page by page. */
export function listing<I extends z.ZodType, R extends Partial<RouteContract>>(item: I, rest: R) {
  return { method: "GET", statuses: OK, errors: [], response: pageOf(item), ...rest } as const;
}

/** Reading one object. */
export function reading<R extends Partial<RouteContract>>(rest: R) {
  return { method: "GET", statuses: OK, errors: ["not-found"], ...rest } as const;
}

/** An idempotent creation. */
export function creation<R extends Partial<RouteContract>>(rest: R) {
  return {
    method: "POST",
    statuses: { 201: "Created", 200: "It was there already, and equal" },
    revision: "etag",
    ...rest,
  } as const;
}

/** A change of some fields. */
export function change<R extends Partial<RouteContract>>(rest: R) {
  return {
    method: "PATCH",
    statuses: OK,
    errors: ["not-found", "conflict", "in-use", "revision-mismatch", "aborted"],
    revision: "if-match",
    ...rest,
  } as const;
}

/** A delete. */
export function deletion<R extends Partial<RouteContract>>(rest: R) {
  return {
    method: "DELETE",
    statuses: OK,
    errors: ["not-found", "in-use", "revision-mismatch", "aborted"],
    revision: "if-match",
    ...rest,
  } as const;
}

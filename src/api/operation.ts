import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { z } from "zod";
import type { ChangeOptions } from "../control/index.ts";
import { hasCode, invalidInput } from "../model/index.ts";
import {
  CONTRACT,
  decodeWith,
  type Operation,
  type ResponseOf,
  type RouteContract,
} from "../schema/index.ts";
import { HttpError } from "./problem.ts";

type Decoded<R extends RouteContract, F extends string> =
  R extends Record<F, infer S extends z.ZodType> ? z.output<S> : undefined;

/** What a handler gets: everything is decoded and checked. */
export interface Call<O extends Operation> {
  readonly params: Decoded<(typeof CONTRACT)[O], "params">;
  readonly query: Decoded<(typeof CONTRACT)[O], "query">;
  readonly body: Decoded<(typeof CONTRACT)[O], "body">;
  /** What `If-Match` demands. */
  readonly change: ChangeOptions;
  /** Aborts when the caller hangs up. Made when it is asked for. */
  readonly signal: () => AbortSignal;
}

/** What a handler answers. */
export interface Answer<O extends Operation> {
  /** JSON; text when the contract names another media type. */
  readonly body: ResponseOf<(typeof CONTRACT)[O]>;
  /** Default 200. */
  readonly status?: number;
  /** Revision of the object, for `ETag`. */
  readonly revision?: number;
  /** Path of the new object. */
  readonly location?: string;
}

/** Does one operation. */
export type Handler<O extends Operation> = (call: Call<O>) => Promise<Answer<O>>;

/** A handler for each of some operations. */
export type Handlers<O extends Operation> = { readonly [K in O]: Handler<K> };

const NO_DEMAND: ChangeOptions = {};
const JSON_MEDIA_TYPE = "application/json; charset=utf-8";

/** Serves an operation of the contract: decode, handle, encode. */
export function serveOperation<O extends Operation>(
  app: FastifyInstance,
  operation: O,
  handler: Handler<O>,
): void {
  const route: RouteContract = CONTRACT[operation];
  const what = actionOf(route.summary);
  const serve = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const change = route.revision === "if-match" ? ifMatch(request, what) : NO_DEMAND;
    const call = {
      params: route.params && decodeWith(route.params, what, request.params),
      query: route.query && decodeWith(route.query, what, request.query),
      body: route.body && decodeWith(route.body, what, request.body),
      change,
      signal: () => signalOf(request),
    } as Call<O>;
    let answer: Answer<O>;
    try {
      answer = await handler(call);
    } catch (error) {
      if (change !== NO_DEMAND && hasCode(error, "revision-mismatch")) throw new HttpError(412, error);
      throw error;
    }
    reply.code(answer.status ?? 200).header("content-type", route.mediaType ?? JSON_MEDIA_TYPE);
    if (answer.revision !== undefined) reply.header("etag", `"${answer.revision}"`);
    if (answer.location !== undefined) reply.header("location", answer.location);
    return reply.send(route.mediaType === undefined ? JSON.stringify(answer.body) : answer.body);
  };
  app.route({ method: route.method, url: route.path, handler: serve, config: { operation } });
}

/** The revision that the request demands. */
function ifMatch(request: FastifyRequest, what: string): ChangeOptions {
  const text = request.headers["if-match"];
  if (text === undefined || text === "*") return NO_DEMAND;
  const match = /^"([0-9]{1,16})"$/.exec(text);
  if (match !== null) return { expectedRevision: Number(match[1]) };
  throw invalidInput(what, [
    { path: "If-Match", reason: `${JSON.stringify(text)} is not a revision in quotes, such as "42"` },
  ]);
}

function signalOf({ raw }: FastifyRequest): AbortSignal {
  const controller = new AbortController();
  raw.once("close", () => {
    if (!raw.complete || raw.socket.destroyed) controller.abort();
  });
  return controller.signal;
}

/** The beginning of error messages: "Create a tenant" is "create tenant". */
function actionOf(summary: string): string {
  return (summary.charAt(0).toLowerCase() + summary.slice(1)).replace(/ (a|an|the) /g, " ");
}

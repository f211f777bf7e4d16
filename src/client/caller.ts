import { isTemporary, RomanaError } from "../model/index.ts";
import {
  type BodyOf,
  decodeLenient,
  type ParamsOf,
  type QueryOf,
  type ResultOf,
  type RouteContract,
} from "../schema/index.ts";
import { type Backoff, backoffDelay, type Sleep, sleep } from "./backoff.ts";
import type { Server } from "./server.ts";
import { type Request, Transport } from "./transport.ts";

/** A table of operations. */
export type Contract = Readonly<Record<string, RouteContract>>;

/** What a call sends; fields that the operation does not have are left out. */
export type CallInput<R extends RouteContract> = Field<"params", ParamsOf<R>> &
  Field<"query", QueryOf<R>> &
  Field<"body", BodyOf<R>>;

// A field is required when its content has a required field, optional when not, and absent when there is none.
type Field<N extends string, T> = [T] extends [undefined]
  ? { readonly [K in N]?: never }
  : Record<never, never> extends T
    ? { readonly [K in N]?: T }
    : { readonly [K in N]: T };

/** Options of one call. */
export interface CallOptions {
  /** Only when the object is at this revision: else `revision-mismatch`. */
  readonly ifMatch?: number;
  readonly signal?: AbortSignal;
}

/** The result of a call with the HTTP status: 201 says that an object is new, 200 that it was there. */
export interface Answered<T> {
  readonly status: number;
  readonly result: T;
}

/** Options of a {@link Caller}. */
export interface CallerOptions {
  readonly server: Server;
  /** Longest wait for an answer, in milliseconds; default 10 s. */
  readonly timeout?: number;
  /** How often an idempotent call is tried again after a temporary error; default 4. */
  readonly retries?: number;
  readonly backoff?: Backoff;
  readonly sleep?: Sleep;
  /** A number in 0..1 by chance. */
  readonly random?: () => number;
}

const DEFAULT_TIMEOUT = 10_000;
const DEFAULT_RETRIES = 4;

/** Waits between the tries of a call. */
export const DEFAULT_BACKOFF: Backoff = { first: 100, longest: 2_000 };

/** Calls the operations of a contract on one server. Owns its connections. */
export class Caller<C extends Contract> {
  readonly contract: C;
  readonly transport: Transport;
  readonly timeout: number;
  readonly sleep: Sleep;
  readonly random: () => number;
  readonly #retries: number;
  readonly #backoff: Backoff;

  constructor(contract: C, options: CallerOptions) {
    this.contract = contract;
    this.timeout = options.timeout ?? DEFAULT_TIMEOUT;
    this.sleep = options.sleep ?? sleep;
    this.random = options.random ?? Math.random;
    this.transport = new Transport(options.server, this.timeout);
    this.#retries = options.retries ?? DEFAULT_RETRIES;
    this.#backoff = options.backoff ?? DEFAULT_BACKOFF;
  }

  /**
   * Calls one operation. Idempotent calls are tried again after temporary errors.
   * @throws RomanaError with the code, message and data that the server gave; `unavailable`, `timeout` or
   * `aborted` when there was no answer.
   */
  async call<O extends keyof C & string>(
    operation: O,
    input: CallInput<C[O]>,
    options: CallOptions = {},
  ): Promise<ResultOf<C[O]>> {
    return (await this.callWithStatus(operation, input, options)).result;
  }

  /** As {@link Caller.call}, and also says which status the server gave. */
  async callWithStatus<O extends keyof C & string>(
    operation: O,
    input: CallInput<C[O]>,
    options: CallOptions = {},
  ): Promise<Answered<ResultOf<C[O]>>> {
    const route = this.contract[operation] as C[O];
    const request = requestOf(route, input, options, this.timeout);
    const retries = isIdempotent(route, input, options) ? this.#retries : 0;
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.transport.send(request);
        const json = await this.transport.readJson(request, answer);
        const what = `read the answer to ${request.method} ${request.path}`;
        return {
          status: answer.statusCode,
          result: decodeLenient(route.response, what, json) as ResultOf<C[O]>,
        };
      } catch (error) {
        if (attempt >= retries || !isWorthRetrying(error, options.signal)) throw error;
      }
      await this.sleep(backoffDelay(this.#backoff, attempt, this.random()), options.signal);
    }
  }

  /** Closes the connections; calls under way fail with `unavailable`. */
  async close(): Promise<void> {
    await this.transport.close();
  }
}

/** True when the error goes away by itself and the caller still waits. */
function isWorthRetrying(error: unknown, signal: AbortSignal | undefined): boolean {
  return error instanceof RomanaError && isTemporary(error.code) && !signal?.aborted;
}

/**
 * True when sending it twice does what sending it once does. Creations are by name; an allocation only when it
 * says which endpoint it wants. A change of a certain revision is not: the second try would see the first.
 */
function isIdempotent(
  { method }: RouteContract,
  { body }: { readonly body?: unknown },
  { ifMatch }: CallOptions,
): boolean {
  if (method !== "POST") return ifMatch === undefined;
  const fields = body as Readonly<Record<string, unknown>> | undefined;
  return fields !== undefined && ["name", "requestToken"].some((key) => Object.hasOwn(fields, key));
}

/** The HTTP request of a call. */
export function requestOf(
  route: RouteContract,
  input: { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown },
  { ifMatch, signal }: CallOptions,
  timeout: number,
): Request {
  const params = input.params as Readonly<Record<string, string>> | undefined;
  const path = route.path.replace(/:([a-z]+)/g, (_, name: string) =>
    encodeURIComponent(params?.[name] ?? ""),
  );
  const query = new URLSearchParams(
    Object.entries(input.query ?? {}).map(([key, value]): [string, string] => [key, String(value)]),
  ).toString();
  return {
    method: route.method,
    path: query === "" ? path : `${path}?${query}`,
    headers: {
      accept: `${route.mediaType ?? "application/json"}, application/problem+json`,
      ...(input.body !== undefined && { "content-type": "application/json" }),
      ...(ifMatch !== undefined && { "if-match": `"${ifMatch}"` }),
    },
    ...(input.body !== undefined && { body: JSON.stringify(input.body) }),
    ...(signal && { signal }),
    timeout,
  };
}

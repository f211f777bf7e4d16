import { Agent, type Dispatcher, errors } from "undici";
import { type ErrorCode, RomanaError } from "../model/index.ts";
import { decodeProblem } from "../schema/index.ts";
import type { Server } from "./server.ts";

/** One HTTP request. */
export interface Request {
  readonly method: Dispatcher.HttpMethod;
  /** Path with query. */
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly signal?: AbortSignal;
  /** Longest time without a byte of the answer, in milliseconds. */
  readonly timeout: number;
}

/** Status, headers and body stream of an answer that is a success. */
export type Answer = Dispatcher.ResponseData;

/** Sends requests to one server. Owns its connections. */
export class Transport {
  readonly #server: Server;
  readonly #agent: Agent;

  constructor(server: Server, connectTimeout: number) {
    this.#server = server;
    this.#agent = new Agent({
      connect: {
        timeout: connectTimeout,
        ...(server.socketPath !== undefined && { socketPath: server.socketPath }),
      },
    });
  }

  /**
   * Sends one request.
   * @throws RomanaError with the code and message of the server's problem document; `unavailable` or `timeout`
   * when there is no answer; `aborted` when the signal aborts.
   */
  async send(request: Request): Promise<Answer> {
    const { timeout, signal, body, ...rest } = request;
    let answer: Answer;
    try {
      answer = await this.#agent.request({
        ...rest,
        origin: this.#server.origin,
        headersTimeout: timeout,
        bodyTimeout: timeout,
        ...(body !== undefined && { body }),
        ...(signal && { signal }),
      });
    } catch (error) {
      throw this.failure(request, error);
    }
    if (answer.statusCode < 400) return answer;
    throw await this.#problemOf(request, answer);
  }

  /** Reads the whole body as JSON. @throws RomanaError when the connection breaks or it is no JSON. */
  async readJson(request: Request, answer: Answer): Promise<unknown> {
    let text: string;
    try {
      text = await answer.body.text();
    } catch (error) {
      throw this.failure(request, error);
    }
    try {
      return JSON.parse(text);
    } catch (error) {
      throw this.#failed(request, "internal", "the answer is not JSON", error);
    }
  }

  /** The error that a failed connection means. */
  failure(request: Request, error: unknown): RomanaError {
    if (error instanceof RomanaError) return error;
    if (request.signal?.aborted) return this.#failed(request, "aborted", "the caller gave up", error);
    if (
      error instanceof errors.HeadersTimeoutError ||
      error instanceof errors.BodyTimeoutError ||
      error instanceof errors.ConnectTimeoutError
    ) {
      return this.#failed(request, "timeout", `no answer from ${this.#server.text} in time`, error);
    }
    return this.#failed(request, "unavailable", `${this.#server.text}: ${reasonOf(error)}`, error);
  }

  /** Closes the connections; requests under way are ended. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #problemOf(request: Request, answer: Answer): Promise<RomanaError> {
    const text = await answer.body.text().catch(() => "");
    let problem: RomanaError | undefined;
    try {
      problem = decodeProblem(JSON.parse(text));
    } catch {
      // Not ours: a proxy, or another program behind that address.
    }
    return (
      problem ?? this.#failed(request, "internal", `${this.#server.text} answered ${answer.statusCode}`, text)
    );
  }

  #failed(
    { method, path }: Request,
    code: Extract<ErrorCode, "internal" | "aborted" | "timeout" | "unavailable">,
    reason: string,
    cause: unknown,
  ): RomanaError {
    return new RomanaError(`Cannot ${method} ${path}: ${reason}`, { code }, { cause });
  }
}

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such socket; is it running?"],
  ["ECONNREFUSED", "nobody listens there; is it running?"],
  ["EACCES", "this user may not use the socket"],
  ["ECONNRESET", "the connection broke"],
  ["EPIPE", "the connection broke"],
  ["UND_ERR_SOCKET", "the connection broke"],
]);

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  return (code !== undefined && REASONS.get(code)) || message || String(error);
}

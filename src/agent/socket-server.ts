import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync } from "node:fs";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { connect } from "node:net";
import { dirname } from "node:path";
import { invalidInput, RomanaError } from "../model/index.ts";
import { encodeProblem, STATUS_OF_CODE } from "../schema/index.ts";
import type { Agent } from "./agent.ts";
import type { Log } from "./log.ts";
import { type Answer, findRoute } from "./socket-routes.ts";

/**
 * Importing node:http would read all of its lazy exports, and with them load Node's own undici: 15 MB that the agent
 * has no use for.
 */
const { createServer } = process.getBuiltinModule("node:http");

/** The agent's local socket. */
export interface SocketServer {
  /** Takes no more requests and waits for those under way. */
  close(): Promise<void>;
}

/** The largest body of a request, in bytes. */
const MAX_BODY = 64 * 1024;
/** In which a request must have arrived, in milliseconds. */
const REQUEST_TIMEOUT = 10_000;
/** More connections wait. */
const MAX_CONNECTIONS = 1_000;

/**
 * Serves the agent on a unix socket for root only. A socket that a dead agent left behind is replaced.
 * @throws RomanaError `conflict` when somebody answers on it, `unavailable` when the system refuses.
 */
export async function serveAgent(agent: Agent, path: string, log: Log): Promise<SocketServer> {
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT, keepAlive: true },
    async (request, response) => {
      const answer = await answerTo(agent, log, request);
      // A connection that stayed open would hold up the end of the server until the client gives it up.
      response.shouldKeepAlive &&= server.listening;
      send(response, answer);
    },
  );
  server.maxConnections = MAX_CONNECTIONS;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await assertFree(path);
    // Under another name until nobody else may connect.
    const draft = `${path}.new`;
    rmSync(draft, { force: true });
    await listen(server, draft);
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    server.close();
    if (error instanceof RomanaError) throw error;
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new RomanaError(`Cannot listen on ${path}: ${reason}`, { code: "unavailable" }, { cause: error });
  }
  return {
    async close() {
      rmSync(path, { force: true });
      server.closeIdleConnections();
      await new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
    },
  };
}

async function answerTo(agent: Agent, log: Log, request: IncomingMessage): Promise<Answer> {
  const { method = "", url = "" } = request;
  try {
    const route = findRoute(method, url.split("?")[0] ?? "");
    const body = route.wantsBody ? await readBody(request) : undefined;
    return await route.run(agent, body);
  } catch (error) {
    const answer = problemOf(error);
    if (answer.status === STATUS_OF_CODE.internal) log.error({ method, url, err: error }, "request failed");
    else log.info({ method, url, error: (error as Error).message }, "request refused");
    return answer;
  }
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const isText = typeof body === "string";
  const text = isText ? body : JSON.stringify(body);
  const json = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, {
    "content-type": isText ? "text/plain; version=0.0.4; charset=utf-8" : json,
    "content-length": Buffer.byteLength(text),
    ...(status === 503 && { "retry-after": "1" }),
  });
  response.end(text);
}

function problemOf(error: unknown): Answer {
  if (error instanceof BadRequest) {
    return { status: error.status, body: encodeProblem(error.error, error.status) };
  }
  const known =
    error instanceof RomanaError
      ? error
      : new RomanaError("Cannot answer the request: an error inside the agent, see its log", {
          code: "internal",
        });
  const status = STATUS_OF_CODE[known.code];
  return { status, body: encodeProblem(known, status) };
}

/** A body that is refused before anybody has looked into it. */
class BadRequest extends Error {
  readonly status: number;
  readonly error: RomanaError;

  constructor(status: number, reason: string) {
    const error = invalidInput("read request", [{ path: "", reason }]);
    super(error.message);
    this.status = status;
    this.error = error;
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBytes(request);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw new BadRequest(400, "it is not JSON");
  }
}

/** By events: an iteration over the stream costs several times as much. */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const chunks: Buffer[] = [];
  let length = 0;
  request.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length <= MAX_BODY) chunks.push(chunk);
    else reject(new BadRequest(413, `it is larger than ${MAX_BODY} bytes`));
  });
  request.once("end", () => resolve(Buffer.concat(chunks)));
  request.once("error", reject);
  return promise;
}

function listen(server: Server, path: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ path }, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}

async function assertFree(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  const refuse = (reason: string): RomanaError =>
    new RomanaError(`Cannot listen on ${path}: ${reason}`, {
      code: "conflict",
      noun: "listener",
      name: path,
    });
  if (!stat.isSocket()) throw refuse("there is a file of that name that is not a socket");
  if (await answers(path)) throw refuse("another process answers on that socket");
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => {
      resolve(false);
    });
  });
}

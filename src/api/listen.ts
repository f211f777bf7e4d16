import { lstatSync, mkdirSync, rmSync } from "node:fs";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { connect, type ListenOptions, type Socket } from "node:net";
import { dirname } from "node:path";
import { type Fault, RomanaError } from "../model/index.ts";
import { type App, BODY_LIMIT } from "./app.ts";
import { badRequest, PROBLEM_MEDIA_TYPE, problemOf } from "./problem.ts";

/** How a listener treats connections. Times are in milliseconds. */
export interface ListenerOptions {
  /** In which the head and the body of a request must have arrived. */
  readonly requestTimeout: number;
  /** More connections are closed at once. */
  readonly maxConnections: number;
}

/** An open listener. */
export interface Listener {
  /** `unix:///PATH` or `http://HOST:PORT`, with the real port. */
  readonly url: string;
  /** Takes no more connections and waits for the requests under way, at most `grace` milliseconds. */
  close(grace: number): Promise<void>;
}

/** Connections that may wait to be accepted; the kernel caps it at net.core.somaxconn. */
const BACKLOG = 16_384;
/** How long an idle connection is kept, in milliseconds. */
const KEEP_ALIVE = 75_000;
/** How often idle connections are closed while the listener closes, in milliseconds. */
const CLOSE_INTERVAL = 20;

/**
 * Listens on a unix socket that only this user can use. A socket that a dead process left behind is replaced.
 * @throws RomanaError `conflict` when somebody answers on it, `unavailable` when the system refuses.
 */
export async function listenOnSocket(app: App, path: string, options: ListenerOptions): Promise<Listener> {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    await removeStale(path);
    const server = createHttpServer(app, options);
    // The socket is made inside listen(), so that nobody else can connect in between.
    const mask = process.umask(0o177);
    try {
      await listening(server, { path, backlog: BACKLOG });
    } finally {
      process.umask(mask);
    }
    return { url: `unix://${path}`, close: (grace) => closeServer(server, grace) };
  } catch (error) {
    throw listenError(path, error);
  }
}

/**
 * Listens on a TCP address; port 0 takes a free one.
 * @throws RomanaError `conflict` when the port is taken, `unavailable` when the system refuses.
 */
export async function listenOnTcp(
  app: App,
  { host, port }: { readonly host: string; readonly port: number },
  options: ListenerOptions,
): Promise<Listener> {
  const server = createHttpServer(app, options);
  const name = host.includes(":") ? `[${host}]` : host;
  try {
    await listening(server, { host, port, backlog: BACKLOG });
  } catch (error) {
    throw listenError(`${name}:${port}`, error);
  }
  const address = server.address();
  const real = typeof address === "object" && address !== null ? address.port : port;
  return { url: `http://${name}:${real}`, close: (grace) => closeServer(server, grace) };
}

function createHttpServer(app: App, { requestTimeout, maxConnections }: ListenerOptions): HttpServer {
  const settings: ServerOptions = {
    requestTimeout,
    headersTimeout: requestTimeout,
    connectionsCheckingInterval: Math.min(requestTimeout / 4, 5_000),
    keepAliveTimeout: KEEP_ALIVE,
    keepAlive: true,
  };
  const route = (request: IncomingMessage, response: ServerResponse): void => {
    app.fastify.routing(request, response);
  };
  const server = createServer(settings, route);
  server.maxConnections = maxConnections;
  server.on("clientError", refuseClient);
  server.on("checkContinue", (request, response) => {
    // A client that asks before it sends a body that is too large is spared the sending.
    if (!(Number(request.headers["content-length"]) > BODY_LIMIT)) response.writeContinue();
    route(request, response);
  });
  return server;
}

/** Statuses and reasons of what node's HTTP parser refuses; everything else is a request that is not HTTP. */
const CLIENT_ERRORS: ReadonlyMap<string | undefined, [number, Fault]> = new Map([
  ["ERR_HTTP_REQUEST_TIMEOUT", [408, { path: "", reason: "it did not arrive in time" }]],
  ["HPE_HEADER_OVERFLOW", [431, { path: "", reason: "its head is larger than 16 KiB" }]],
]);

/** Answers what is not a request. */
function refuseClient(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, fault] = CLIENT_ERRORS.get(error.code) ?? [400, { path: "", reason: "it is not HTTP/1.1" }];
  const body = JSON.stringify(problemOf(badRequest(status, "read request", fault)).problem);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`, () => socket.destroy());
}

function listening(server: HttpServer, options: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(options, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}

async function closeServer(server: HttpServer, grace: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  const idle = setInterval(() => server.closeIdleConnections(), CLOSE_INTERVAL);
  const deadline = setTimeout(() => server.closeAllConnections(), grace);
  await promise;
  clearInterval(idle);
  clearTimeout(deadline);
}

/** Removes a socket that nobody listens on any more. */
async function removeStale(path: string): Promise<void> {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isSocket()) throw conflict(path, "there is a file of that name that is not a socket");
  if (await answers(path)) throw conflict(path, "another process answers on that socket");
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

function conflict(name: string, reason: string): RomanaError {
  return new RomanaError(`Cannot listen on ${name}: ${reason}`, { code: "conflict", noun: "listener", name });
}

function listenError(name: string, error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "EADDRINUSE") return conflict(name, "the port is taken by another process");
  return new RomanaError(`Cannot listen on ${name}: ${message}`, { code: "unavailable" }, { cause: error });
}

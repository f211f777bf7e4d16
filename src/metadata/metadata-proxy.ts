import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { forwardedHeaders, type MetadataGuest, plainHeaders } from "./request-headers.ts";

/** What a metadata proxy works with. */
export interface MetadataProxyOptions {
  /** Nova's metadata service. */
  readonly url: URL;
  /** What this side and Nova know (`metadata_proxy_shared_secret`). */
  readonly secret: string;
  /** Who has the address on this host; undefined: nobody who gets metadata. */
  readonly guestAt: (address: string) => MetadataGuest | undefined;
  /** Told when Nova's service cannot be asked. */
  readonly onFailure: (reason: string) => void;
  /** Milliseconds that Nova may take. */
  readonly timeout?: number;
}

const TIMEOUT = 30_000;
/** Bytes of a request's body; guests send passwords at most. */
const MOST_BYTES = 64 * 1024;
/** Requests at a time, of everybody and of one guest. */
const MOST_REQUESTS = 256;
const MOST_OF_ONE = 8;
const METHODS = new Set(["GET", "HEAD", "POST", "PUT"]);

/**
 * Answers guests with what Nova's metadata service says of them. Who asks is told by the source address alone, which the
 * host's rules have proved.
 */
export function createMetadataProxy(options: MetadataProxyOptions): Server {
  const busy = new Map<string, number>();
  const server = createServer(
    { requestTimeout: 10_000, headersTimeout: 5_000, keepAliveTimeout: 5_000, maxHeaderSize: 16 * 1024 },
    (request, response) => {
      const address = (request.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
      const guest = options.guestAt(address);
      const refused = refusalOf(request, guest, busy.get(address) ?? 0);
      if (guest === undefined || refused !== undefined) {
        refuse(response, refused ?? 404);
        return;
      }
      busy.set(address, (busy.get(address) ?? 0) + 1);
      response.once("close", () => {
        const left = (busy.get(address) ?? 1) - 1;
        if (left === 0) busy.delete(address);
        else busy.set(address, left);
      });
      forward(options, request, response, guest, address);
    },
  );
  server.maxConnections = MOST_REQUESTS;
  return server;
}

/** The status that a request is refused with. */
function refusalOf(
  { method = "", url = "", headers }: IncomingMessage,
  guest: MetadataGuest | undefined,
  busy: number,
): number | undefined {
  if (guest === undefined) return 404;
  if (!METHODS.has(method)) return 405;
  if (!url.startsWith("/") || url.startsWith("//")) return 400;
  if (Number(headers["content-length"] ?? 0) > MOST_BYTES) return 413;
  return busy >= MOST_OF_ONE ? 429 : undefined;
}

function forward(
  { url, secret, onFailure, timeout = TIMEOUT }: MetadataProxyOptions,
  request: IncomingMessage,
  response: ServerResponse,
  guest: MetadataGuest,
  address: string,
): void {
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  const target = new URL(url);
  const [path = "/", ...query] = (request.url ?? "/").split("?");
  target.pathname = url.pathname.replace(/\/$/, "") + path;
  target.search = query.join("?");
  const outgoing = send(target, {
    method: request.method ?? "GET",
    headers: forwardedHeaders(request.headers, guest, address, secret),
    signal: AbortSignal.timeout(timeout),
  });
  let bytes = 0;
  request.on("data", (part: Buffer) => {
    bytes += part.length;
    if (bytes <= MOST_BYTES) return;
    refuse(response, 413);
    outgoing.destroy();
  });
  request.pipe(outgoing);
  response.once("close", () => {
    outgoing.destroy();
  });
  outgoing.on("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, plainHeaders(answer.headers));
    answer.pipe(response);
    answer.once("error", () => {
      response.destroy();
    });
  });
  outgoing.on("error", (error) => {
    if (response.writableEnded || response.destroyed) return;
    onFailure(error.message);
    if (response.headersSent) response.destroy();
    else refuse(response, error.name === "TimeoutError" || error.name === "AbortError" ? 504 : 502);
  });
}

function refuse(response: ServerResponse, status: number): void {
  if (response.headersSent) return;
  response.writeHead(status, { connection: "close" });
  response.end();
}

import { invalidInput } from "../model/index.ts";

/** Where romanad, or an agent's local socket, is. */
export interface Server {
  /** The text that it was parsed from, for messages. */
  readonly text: string;
  /** Scheme, host and port of HTTP requests. */
  readonly origin: string;
  /** Path of the unix socket; absent for TCP. */
  readonly socketPath?: string;
}

/** The host name of requests over a unix socket; nobody looks it up. */
const SOCKET_ORIGIN = "http://localhost";

/**
 * Reads `unix:///run/romana/romanad.sock`, an absolute path, or `http://host:port`.
 * @throws RomanaError `invalid-input`.
 */
export function parseServer(text: string): Server {
  const path = text.startsWith("unix://") ? text.slice("unix://".length) : text;
  if (path.startsWith("/") && path.length > 1) return { text, origin: SOCKET_ORIGIN, socketPath: path };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const rest = url && `${url.pathname}${url.search}${url.hash}${url.username}${url.password}`;
  if (url?.protocol === "http:" && rest === "/") return { text, origin: url.origin };
  throw invalidInput(`use server "${text}"`, [
    { path: "", reason: "it reads neither unix:///PATH nor http://HOST:PORT" },
  ]);
}

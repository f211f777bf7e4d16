import { readFileSync } from "node:fs";
import type { Control } from "../control/index.ts";
import type { RomanadConfig } from "../schema/index.ts";
import { createApp } from "./app.ts";
import { type Listener, listenOnSocket, listenOnTcp } from "./listen.ts";
import type { Log } from "./log.ts";

/** The API with its listeners. */
export interface Daemon {
  /** Where it listens: `unix:///PATH`, `http://HOST:PORT`. */
  readonly urls: readonly string[];
  /** Takes no more requests, ends the watches, and waits a few seconds for the requests under way. */
  close(): Promise<void>;
}

/** How long requests under way may take when romanad ends, in milliseconds. */
const GRACE = 3_000;

/** File descriptors that romanad needs besides connections. */
const OWN_DESCRIPTORS = 64;

/**
 * Serves control as the configuration says.
 * @throws RomanaError `conflict` when an address is taken, `unavailable` when the system refuses.
 */
export async function startDaemon(
  config: RomanadConfig,
  control: Control,
  log: Log,
  version: string,
): Promise<Daemon> {
  const app = await createApp({
    control,
    log,
    version,
    watch: { heartbeat: config.heartbeat * 1000, stall: config.watchStall * 1000 },
    slowRequest: config.slowRequest * 1000,
  });
  const { socket, listen, maxConnections } = config;
  const options = { requestTimeout: config.requestTimeout * 1000, maxConnections };
  const listeners: Listener[] = [];
  const close = async (): Promise<void> => {
    app.endWatches();
    await Promise.all(listeners.map((listener) => listener.close(GRACE)));
    await app.fastify.close();
  };
  try {
    if (socket !== null) listeners.push(await listenOnSocket(app, socket, options));
    if (listen !== null) listeners.push(await listenOnTcp(app, listen, options));
  } catch (error) {
    await close();
    throw error;
  }
  const descriptors = descriptorLimit();
  const wanted = listeners.length * maxConnections + OWN_DESCRIPTORS;
  if (descriptors < wanted) {
    log.warn({ limit: descriptors, wanted }, "the limit of open files is too low for maxConnections");
  }
  return { urls: listeners.map(({ url }) => url), close };
}

/** How many files this process may have open. */
function descriptorLimit(): number {
  const match = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
  return match === null ? Number.POSITIVE_INFINITY : Number(match[1]);
}

import { connect, createServer, type Server } from "node:net";
import { invalidInput } from "../model/index.ts";
import type { ProbeAnswer } from "./paths.ts";

/** Milliseconds that an answer may take. */
const PATIENCE = 1_500;

/** The error of who lets connect but says nothing. */
export const SILENCE = "it says nothing";

/** A name is not longer. */
const MAX_ANSWER = 300;

/** Connects to all targets at once, and hears who answers. @throws RomanaError `invalid-input` */
export function probeAll(
  targets: readonly string[],
  patience: number = PATIENCE,
): Promise<readonly ProbeAnswer[]> {
  return Promise.all(targets.map((target) => probe(target, parseTarget(target), patience)));
}

function probe(target: string, { host, port }: Place, patience: number): Promise<ProbeAnswer> {
  const { promise, resolve } = Promise.withResolvers<ProbeAnswer>();
  const socket = connect({ host, port });
  const end = (seen: Omit<ProbeAnswer, "target">): void => {
    socket.destroy();
    clearTimeout(timer);
    resolve({ target, ...seen });
  };
  let isConnected = false;
  const timer = setTimeout(() => end({ error: isConnected ? SILENCE : "timeout" }), patience);
  let text = "";
  socket.setEncoding("utf8").on("data", (part: string) => {
    text += part;
    if (text.includes("\n") || text.length > MAX_ANSWER) end({ answer: text.split("\n")[0] as string });
  });
  socket.on("connect", () => {
    isConnected = true;
  });
  socket.on("error", ({ code = "error" }: NodeJS.ErrnoException) => end({ error: code }));
  socket.on("end", () => end({ error: "hung up" }));
  return promise;
}

/** Says a name to whoever connects, until the signal aborts. Resolves when it listens. */
export async function serveName(name: string, port: number, signal: AbortSignal): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(`${name}\n`);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, resolve);
  signal.addEventListener("abort", () => server.close(), { once: true });
  await promise;
  return server;
}

interface Place {
  readonly host: string;
  readonly port: number;
}

function parseTarget(text: string): Place {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^[\]:\s]+)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match !== null && port > 0 && port <= 65_535) return { host: (match[1] ?? match[2]) as string, port };
  throw invalidInput("probe", [{ path: text, reason: "is not HOST:PORT, such as 10.0.0.1:80 or [::1]:80" }]);
}

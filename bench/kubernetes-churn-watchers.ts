import { connect } from "node:net";
import { machineTime } from "./machine-time.ts";

/** What the process of watchers is told, as JSON in its first argument. */
export interface WatcherSettings {
  /** romanad's socket. */
  readonly socket: string;
  /** Hosts whose agents the watchers are. */
  readonly hosts: readonly string[];
}

/** One revision as the watchers heard of it. */
export interface Arrival {
  readonly revision: number;
  /** Kinds of what has changed. */
  readonly kinds: readonly string[];
  /** How many have heard of it. */
  readonly watchers: number;
  /** When the last of them did, by {@link machineTime}. */
  readonly last: number;
}

const arrivals = new Map<number, { kinds: readonly string[]; watchers: number; last: number }>();

/** Watches as the agent of a host does; resolves once it is told where it stands. */
function watch(socketPath: string, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(socketPath);
  let rest = "";
  socket.setEncoding("latin1");
  socket.on("error", reject);
  socket.on("data", (text: string) => {
    rest += text;
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const revision = Number(/^id: (\d+)$/m.exec(rest.slice(0, end))?.[1]);
      if (!Number.isNaN(revision) && /^event: change$/m.test(rest.slice(0, end))) note(revision, rest, end);
      else if (!Number.isNaN(revision)) resolve();
      rest = rest.slice(end + 2);
    }
  });
  socket.write(`GET /v1/watch?host=${host} HTTP/1.1\r\nhost: romanad\r\n\r\n`);
  return promise;
}

function note(revision: number, text: string, end: number): void {
  const known = arrivals.get(revision);
  const last = machineTime();
  if (known !== undefined) {
    known.watchers++;
    known.last = last;
    return;
  }
  const data = text.slice(text.indexOf("data: ") + "data: ".length, end);
  const { changes } = JSON.parse(data) as { changes: readonly { kind: string }[] };
  arrivals.set(revision, { kinds: [...new Set(changes.map(({ kind }) => kind))], watchers: 1, last });
}

/** Says when all watch, and what they have heard whenever it is asked. */
async function main({ socket, hosts }: WatcherSettings): Promise<void> {
  await Promise.all(hosts.map((host) => watch(socket, host)));
  process.on("message", () => {
    process.send?.([...arrivals].map(([revision, arrival]): Arrival => ({ revision, ...arrival })));
  });
  process.send?.("watching");
}

await main(JSON.parse(process.argv[2] as string) as WatcherSettings);

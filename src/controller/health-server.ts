import { createServer } from "node:http";
import { RomanaError } from "../model/index.ts";
import type { ListenAddress } from "../schema/index.ts";

/** What is asked over HTTP. */
export interface HealthSources {
  /** False while not everything of the cluster is known. */
  isReady(): boolean;
  metrics(): Promise<string>;
}

/** A server of health and metrics. */
export interface HealthServer {
  readonly url: string;
  close(): Promise<void>;
}

const TEXT = "text/plain; version=0.0.4; charset=utf-8";

/** Serves `/healthz`, `/readyz` and `/metrics`. @throws RomanaError `conflict` or `unavailable` when it cannot listen. */
export async function serveHealth(address: ListenAddress, sources: HealthSources): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const send = (status: number, text: string): void => {
      response.writeHead(status, { "content-type": TEXT }).end(text);
    };
    const path = request.url?.split("?")[0];
    if (request.method !== "GET") send(405, "only GET\n");
    else if (path === "/healthz") send(200, "ok\n");
    else if (path === "/readyz") {
      if (sources.isReady()) send(200, "ok\n");
      else send(503, "the cluster is not known yet\n");
    } else if (path === "/metrics") {
      sources.metrics().then(
        (text) => {
          send(200, text);
        },
        (error: unknown) => {
          send(500, `${String(error)}\n`);
        },
      );
    } else send(404, "there is /healthz, /readyz and /metrics\n");
  });
  const { host, port } = address;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const what = `Cannot listen on ${host}:${port}: ${error.message}`;
      const isTaken = error.code === "EADDRINUSE";
      const failure = isTaken
        ? ({ code: "conflict", noun: "address", name: `${host}:${port}` } as const)
        : ({ code: "unavailable" } as const);
      reject(new RomanaError(what, failure, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const bound = server.address();
  const actual = typeof bound === "object" && bound !== null ? bound.port : port;
  return {
    url: `http://${host.includes(":") ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

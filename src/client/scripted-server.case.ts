import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseServer, type Server } from "./server.ts";

/** What the server was asked. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** One answer of the script. */
export type Step = (response: ServerResponse, asked: Asked) => void;

/** A server on a unix socket that answers request number n with step number n, the last step for ever. */
export interface ScriptedServer extends AsyncDisposable {
  readonly server: Server;
  readonly asked: readonly Asked[];
}

/** Starts a {@link ScriptedServer}. */
export async function scriptedServer(...steps: [Step, ...Step[]]): Promise<ScriptedServer> {
  const directory = mkdtempSync(join(tmpdir(), "romana-client-"));
  const path = join(directory, "s");
  const asked: Asked[] = [];
  const http = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const question = { method, url, headers, body: Buffer.concat(chunks).toString() };
      const step = steps[Math.min(asked.length, steps.length - 1)] as Step;
      asked.push(question);
      step(response, question);
    });
  });
  await new Promise<void>((resolve) => http.listen(path, resolve));
  return {
    server: parseServer(`unix://${path}`),
    asked,
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      rmSync(directory, { recursive: true });
    },
  };
}

/** Answers with JSON. */
export function json(status: number, body: unknown): Step {
  return (response) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** Answers with server-sent events and then breaks the connection or leaves it open. */
export function events(text: string, then: "break" | "end" | "stay"): Step {
  return (response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (then === "end") response.end(text);
    else response.write(text, () => then === "break" && response.destroy());
  };
}

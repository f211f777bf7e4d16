import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Kube, RomanadPod } from "./kube.ts";

/** Where romanad listens in its pod. */
const ROMANAD_SOCKET = "/run/romana/romanad.sock";

/** What joins its input and output to a socket. */
const BRIDGE = `const s=require("net").connect("${ROMANAD_SOCKET}");process.stdin.pipe(s).pipe(process.stdout)`;

/** A way to a romanad that listens where only its pod can connect. */
export interface Tunnel {
  /** Where it begins, as `--server` takes it. */
  readonly server: string;
  close(): void;
}

/** Opens a socket here whose connections end at romanad, through the API server. */
export async function openTunnel(kube: Pick<Kube, "pipe">, pod: RomanadPod): Promise<Tunnel> {
  const directory = mkdtempSync(join(tmpdir(), "romana-"));
  const path = join(directory, "romanad.sock");
  const connections = new Set<Socket>();
  const server = createServer((socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
    // Whoever has asked hears that the connection is gone.
    socket.on("error", () => socket.destroy());
    kube.pipe(pod, ["node", "-e", BRIDGE], socket, socket).catch(() => socket.destroy());
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  await promise;
  return {
    server: `unix://${path}`,
    close() {
      for (const socket of connections) socket.destroy();
      server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

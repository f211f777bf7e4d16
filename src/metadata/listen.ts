import type { Server } from "node:http";

/** Milliseconds until it is tried again. */
const RETRY = 1_000;

/**
 * Listens as soon as the address is on the host, which may be later. Returns what ends it.
 * @param onFailure told why it cannot listen, once for each reason
 */
export function listenWhenPossible(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
  onFailure: (reason: string) => void,
): () => Promise<void> {
  let last = "";
  let retry: NodeJS.Timeout | undefined;
  const listen = (): void => {
    server.listen({ host, port });
  };
  server.on("error", ({ message }) => {
    if (message !== last) onFailure(message);
    last = message;
    retry = setTimeout(listen, RETRY);
    retry.unref();
  });
  listen();
  return async () => {
    clearTimeout(retry);
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
    });
  };
}

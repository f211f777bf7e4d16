import { request } from "node:http";
import { connect } from "node:net";
import { RomanaError } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import type { EchoAsker } from "../system/echo.ts";
import type { Probe, Prober } from "./health-prober.ts";

/** Makes probes with sockets of this process. */
export function createProber(echo: Pick<EchoAsker, "ask">): Prober {
  return async (probe) => {
    switch (probe.protocol) {
      case "tcp":
        return await probeTcp(probe);
      case "http":
        return await probeHttp(probe);
      case "icmp":
        return await probeIcmp(probe, echo);
      default:
        return probe.protocol satisfies never;
    }
  };
}

/** True when somebody accepts the connection. */
function probeTcp({ address, port, source, timeout }: Probe): Promise<boolean> {
  if (port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect({ host: formatAddress(address), port, localAddress: formatAddress(source) });
    const timer = setTimeout(() => {
      settle(false);
    }, timeout);
    const settle = (hasAnswered: boolean): void => {
      clearTimeout(timer);
      // In order, not with a reset: servers log that, and some end by it.
      socket.destroy();
      resolve(hasAnswered);
    };
    socket.once("connect", () => {
      settle(true);
    });
    socket.on("error", () => {
      settle(false);
    });
  });
}

/** True when a GET is answered with 200 to 399. */
function probeHttp({ address, port, source, path = "/", timeout }: Probe): Promise<boolean> {
  if (port === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const ask = request({
      host: formatAddress(address),
      port,
      path,
      localAddress: formatAddress(source),
      headers: { "user-agent": "romana-agent" },
      agent: false,
      signal: AbortSignal.timeout(timeout),
    });
    ask.once("response", (response) => {
      const { statusCode = 0 } = response;
      resolve(statusCode >= 200 && statusCode < 400);
      // To its end, or until time is over: else the server would get a reset.
      response.on("error", () => {}).resume();
    });
    ask.on("error", () => {
      resolve(false);
    });
    ask.end();
  });
}

async function probeIcmp(
  { address, source, timeout }: Probe,
  echo: Pick<EchoAsker, "ask">,
): Promise<boolean> {
  try {
    return await echo.ask(address, source, timeout);
  } catch (error) {
    if (error instanceof RomanaError) return false;
    throw error;
  }
}

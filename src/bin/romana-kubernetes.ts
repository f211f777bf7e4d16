import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Command } from "commander";
import { pino } from "pino";
import manifest from "../../package.json" with { type: "json" };
import { EXIT, EXIT_OF } from "../cli/exit.ts";
import { createClient, parseServer, sleep } from "../client/index.ts";
import {
  ApiServer,
  Controller,
  createRomanad,
  DEFAULT_CONFIG_FILE,
  type Flags,
  loadKubeConfig,
  loadSettings,
  serveHealth,
} from "../controller/index.ts";
import { RomanaError } from "../model/index.ts";
import type { KubernetesConfig } from "../schema/index.ts";
import { preferLittleMemory } from "../system/process-memory.ts";
import { letBackgroundThreadsGiveWay } from "../system/process-threads.ts";
import { stopSignal } from "./stop-signal.ts";

/** Calls of romanad: short, since the queue of work comes back to what could not be done. */
const CALLS = { timeout: 10_000, retries: 1 } as const;

const EXAMPLES = `
Examples:
  romana-kubernetes                                   in a pod: its service account, what ${DEFAULT_CONFIG_FILE} says
  romana-kubernetes --kubeconfig /etc/kubernetes/admin.conf --server http://10.0.0.5:9600`;

/** Runs `romana-kubernetes` until a signal ends it, and leaves its exit code. A second signal ends it at once. */
export async function run(): Promise<void> {
  const program = new Command("romana-kubernetes")
    .description("Makes romanad say what the objects of a Kubernetes cluster say.")
    .version(manifest.version)
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG_FILE}, when it is there)`)
    .option("--server <url>", "romanad: unix:///PATH or http://HOST:PORT")
    .option("--kubeconfig <file>", "where the API server is (default: the pod's service account)")
    .option("--listen <host:port>", "TCP address of health and metrics")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.input))
    .addHelpText("after", EXAMPLES)
    .parse();
  try {
    await serve(loadSettings(program.opts<Flags>()));
  } catch (error) {
    const isOurs = error instanceof RomanaError;
    process.stderr.write(
      `romana-kubernetes: ${isOurs ? error.message : String((error as Error)?.stack ?? error)}\n`,
    );
    process.exitCode = isOurs ? EXIT_OF[error.code] : EXIT.host;
  }
}

async function serve(config: KubernetesConfig): Promise<void> {
  const stopped = stopSignal();
  preferLittleMemory();
  letBackgroundThreadsGiveWay();
  const base = { program: "romana-kubernetes" };
  const log = pino({ level: config.logLevel, timestamp: pino.stdTimeFunctions.isoTime, base });
  const api = new ApiServer(loadKubeConfig(config.kubeconfig, process.env));
  const client = createClient({ server: parseServer(config.server), ...CALLS });
  const identity = `${hostname()}_${randomUUID()}`;
  const { random } = Math;
  const controller = new Controller({
    api,
    romanad: createRomanad(client),
    config,
    identity,
    log,
    now: Date.now,
    sleep,
    random,
  });
  const health =
    config.listen &&
    (await serveHealth(config.listen, {
      isReady: () => controller.isReady,
      metrics: () => controller.metrics.render(),
    }));
  const stop = new AbortController();
  void stopped.then((signal) => {
    log.info({ signal }, "stopping");
    stop.abort();
  });
  try {
    log.info({ server: config.server, health: health?.url, identity }, "ready");
    await controller.run(stop.signal);
  } finally {
    await health?.close();
    await client.close();
    await api.close();
  }
  log.info({}, "stopped");
}

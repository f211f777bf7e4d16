import { join } from "node:path";
import { Command } from "commander";
import { pino } from "pino";
import manifest from "../../package.json" with { type: "json" };
import { DEFAULT_CONFIG_FILE, type Flags, loadSettings, startDaemon } from "../api/index.ts";
import { EXIT, EXIT_OF } from "../cli/exit.ts";
import { createControl } from "../control/index.ts";
import { RomanaError } from "../model/index.ts";
import { createMemoryStore, openSqliteStore, type Store } from "../store/index.ts";
import { letBackgroundThreadsGiveWay } from "../system/process-threads.ts";
import { stopSignal } from "./stop-signal.ts";

const EXAMPLES = `
Examples:
  romanad                                         socket /run/romana/romanad.sock, data in /var/lib/romana/romanad
  romanad --config /etc/romana/romanad.yaml       everything from a file
  romanad --listen 127.0.0.1:9600 --data /tmp/r   also on TCP, with its data elsewhere`;

/** Runs `romanad` until a signal ends it, and leaves its exit code. A second signal ends it at once. */
export async function run(): Promise<void> {
  const program = new Command("romanad")
    .description("Serves networks, hosts, tenants, segments and endpoints over REST.")
    .version(manifest.version)
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG_FILE}, when it is there)`)
    .option("--listen <host:port>", "TCP address to listen on besides the socket")
    .option("--socket <path>", "unix socket to listen on")
    .option("--data <directory>", "directory of the store")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
    .addHelpText("after", EXAMPLES)
    .parse();
  try {
    await serve(program.opts<Flags>());
  } catch (error) {
    const isOurs = error instanceof RomanaError;
    process.stderr.write(`romanad: ${isOurs ? error.message : String((error as Error)?.stack ?? error)}\n`);
    process.exitCode = isOurs ? EXIT_OF[error.code] : EXIT.host;
  }
}

async function serve(flags: Flags): Promise<void> {
  const stopped = stopSignal();
  letBackgroundThreadsGiveWay();
  const config = loadSettings(flags);
  const log = pino({
    level: config.logLevel,
    timestamp: pino.stdTimeFunctions.isoTime,
    base: { program: "romanad" },
  });
  const store: Store =
    config.store === "memory" ? createMemoryStore() : openSqliteStore(join(config.data, "romanad.db"));
  try {
    const control = await createControl({
      store,
      coolDown: config.coolDown * 1000,
      maxRelocations: config.maxRelocations,
      onTrouble: (error) => log.error({ err: error }, "following the store failed; trying again"),
      onRollBack: (trial) =>
        log.warn({ trial }, "changes of policies were not confirmed in time, and taken back"),
      onMove: ({ name, ...move }) => log.info({ virtualIp: name, ...move }, "a virtual IP has a new holder"),
    });
    try {
      const daemon = await startDaemon(config, control, log, manifest.version);
      log.info({ urls: daemon.urls, store: config.store, revision: await store.revision() }, "ready");
      const signal = await stopped;
      log.info({ signal }, "stopping");
      await daemon.close();
    } finally {
      await control.close();
    }
  } finally {
    await store.close();
  }
  log.info({}, "stopped");
}

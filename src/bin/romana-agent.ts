import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { Command } from "commander";
import { pino } from "pino";
import manifest from "../../package.json" with { type: "json" };
import {
  Agent,
  createProber,
  createRomanad,
  DEFAULT_CONFIG_FILE,
  describeLoss,
  type Flags,
  formatRemoval,
  keepMemorySmall,
  loadSettings,
  openState,
  serveAgent,
  systemTimers,
  tearDown,
} from "../agent/index.ts";
import { EXIT, EXIT_OF } from "../cli/exit.ts";
import { createClient, parseServer } from "../client/index.ts";
import { createRoutingDaemon, type RoutingDaemon } from "../daemons/index.ts";
import { RomanaError } from "../model/index.ts";
import type { AgentConfig } from "../schema/index.ts";
import { createDnsmasq } from "../system/dnsmasq.ts";
import { EchoAsker } from "../system/echo.ts";
import { createIptablesRunner } from "../system/iptables.ts";
import { createLinkNeighbours } from "../system/link-neighbours.ts";
import { createLinuxKernel } from "../system/linux-kernel.ts";
import { preferLittleMemory } from "../system/process-memory.ts";
import { letBackgroundThreadsGiveWay } from "../system/process-threads.ts";
import { serveMetadata } from "./serve-metadata.ts";
import { stopSignal } from "./stop-signal.ts";

/** Calls of romanad: short, because whoever attaches waits; the agent comes back to what could not be done. */
const CALLS = { timeout: 5_000, retries: 2 } as const;

const EXAMPLES = `
Examples:
  romana-agent                                      what /etc/romana/agent.yaml says; host name: the machine's
  romana-agent --host host-1 --server http://10.0.0.5:9600
  romana-agent --teardown --dry-run                 list what is ours in the kernel
  romana-agent --teardown                           remove it; endpoints lose their connection

While it runs: romana agent status | attachments | desired | attach | detach`;

interface Options extends Flags {
  readonly teardown?: true;
  readonly dryRun?: true;
}

/** Runs `romana-agent` until a signal ends it, and leaves its exit code. A second signal ends it at once. */
export async function run(): Promise<void> {
  const program = new Command("romana-agent")
    .description("Keeps this host's kernel equal to the desired state, and attaches endpoints.")
    .version(manifest.version)
    .option("--config <file>", `configuration file (default: ${DEFAULT_CONFIG_FILE}, when it is there)`)
    .option("--host <name>", "name of this host in romanad")
    .option("--server <url>", "romanad: unix:///PATH or http://HOST:PORT")
    .option("--state <directory>", "directory of what must survive a restart")
    .option("--socket <path>", "unix socket for attach and detach")
    .option("--log-level <level>", "debug, info, warn, error or silent")
    .option("--teardown", "remove everything of the agent's from the kernel, and end")
    .option("--dry-run", "with --teardown: only list it")
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? EXIT.ok : EXIT.input))
    .addHelpText("after", EXAMPLES)
    .parse();
  const { teardown, dryRun, ...flags } = program.opts<Options>();
  try {
    const config = loadSettings(flags);
    if (teardown) {
      if (dryRun !== true) await createDnsmasq(config.dhcp.directory).stop();
      if (dryRun !== true) await routingDaemonOf(config)?.stop();
      removeAll(config, dryRun === true);
    } else await serve(config);
  } catch (error) {
    const isOurs = error instanceof RomanaError;
    process.stderr.write(
      `romana-agent: ${isOurs ? error.message : String((error as Error)?.stack ?? error)}\n`,
    );
    process.exitCode = isOurs ? EXIT_OF[error.code] : EXIT.host;
  }
}

async function serve(config: AgentConfig): Promise<void> {
  preferLittleMemory();
  letBackgroundThreadsGiveWay();
  const stopped = stopSignal();
  const host = config.host ?? hostname();
  const base = { program: "romana-agent", host };
  const log = pino({ level: config.logLevel, timestamp: pino.stdTimeFunctions.isoTime, base });
  const client = createClient({ server: parseServer(config.server), ...CALLS });
  const kernel = createLinuxKernel();
  const routingDaemon = routingDaemonOf(config);
  try {
    const { lost, ...state } = await openState(config.stateDir, host, new Date());
    for (const loss of lost) log.error(loss, "state was damaged and moved aside");
    const agent = new Agent({
      ...state,
      host,
      config,
      kernel,
      iptables: createIptablesRunner(),
      neighbours: createLinkNeighbours(),
      dnsmasq: createDnsmasq(config.dhcp.directory),
      ...(routingDaemon && { routingDaemon }),
      probe: createProber(new EchoAsker(process.pid & 0xffff)),
      romanad: createRomanad(client),
      timers: systemTimers,
      random: Math.random,
      newId: randomUUID,
      log,
      version: manifest.version,
      damage: lost.map(describeLoss),
    });
    agent.start();
    const server = await serveAgent(agent, config.socket, log);
    keepMemorySmall(agent);
    const endMetadata = serveMetadata(agent, config.metadata, log);
    log.info({ socket: config.socket, server: config.server }, "ready");
    log.info({ signal: await stopped }, "stopping; the kernel stays as it is");
    await server.close();
    await endMetadata();
    await agent.close();
  } finally {
    kernel.close();
    await client.close();
  }
  log.info({}, "stopped");
}

function removeAll(config: AgentConfig, isDryRun: boolean): void {
  const kernel = createLinuxKernel();
  try {
    const removals = tearDown(kernel, createIptablesRunner(), config, isDryRun);
    for (const removal of removals) process.stdout.write(`${formatRemoval(removal, isDryRun)}\n`);
    if (removals.length === 0) process.stdout.write("nothing of the agent's is in the kernel\n");
    if (removals.some(({ failure }) => failure !== undefined)) process.exitCode = EXIT.host;
  } finally {
    kernel.close();
  }
}

function routingDaemonOf({ routing: { daemon, directory } }: AgentConfig): RoutingDaemon | undefined {
  return daemon === "none" ? undefined : createRoutingDaemon(daemon, { directory });
}

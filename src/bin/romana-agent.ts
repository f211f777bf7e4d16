import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { type Logger, pino } from "pino";
import manifest from "../../package.json" with { type: "json" };
import {
  Agent,
  createRomanad,
  openJournal,
  serveAgent,
  systemTimers,
  tearDown,
  ViewFile,
} from "../agent/index.ts";
import { EXIT, EXIT_OF } from "../cli/exit.ts";
import { createClient, parseServer } from "../client/index.ts";
import { invalidInput, RomanaError } from "../model/index.ts";
import { type AgentConfig, decodeAgentConfig, readYaml } from "../schema/index.ts";
import { createLinuxKernel } from "../system/linux-kernel.ts";
import { preferLittleMemory, releaseMemory } from "../system/process-memory.ts";
import { letBackgroundThreadsGiveWay } from "../system/process-threads.ts";

const DEFAULT_CONFIG_FILE = "/etc/romana/agent.yaml";

/** Calls of romanad: short, because whoever attaches waits; the agent comes back to what could not be done. */
const CALLS = { timeout: 5_000, retries: 2 } as const;

const EXAMPLES = `
Examples:
  romana-agent                                      what /etc/romana/agent.yaml says; host name: the machine's
  romana-agent --host host-1 --server http://10.0.0.5:9600
  romana-agent --teardown --dry-run                 list what is ours in the kernel
  romana-agent --teardown                           remove it; endpoints lose their connection

While it runs: romana agent status | attachments | desired | attach | detach`;

interface Flags {
  readonly config?: string;
  readonly host?: string;
  readonly server?: string;
  readonly state?: string;
  readonly socket?: string;
  readonly logLevel?: string;
  readonly teardown?: true;
  readonly dryRun?: true;
}

/** How often the agent looks whether it should give memory back, and after what growth it does. */
const MEMORY = { interval: 3_000, growth: 5_000_000 } as const;

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
  const flags = program.opts<Flags>();
  try {
    const config = loadConfig(flags);
    if (flags.teardown) removeAll(config, flags.dryRun === true);
    else await serve(config);
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
  try {
    const { state, damage } = await loadState(config.stateDir, host, log);
    const agent = new Agent({
      ...state,
      host,
      config,
      kernel,
      romanad: createRomanad(client),
      timers: systemTimers,
      random: Math.random,
      newId: randomUUID,
      log,
      version: manifest.version,
      damage,
    });
    agent.start();
    const server = await serveAgent(agent, config.socket, log);
    keepMemorySmall(agent);
    log.info({ socket: config.socket, server: config.server }, "ready");
    log.info({ signal: await stopped }, "stopping; the kernel stays as it is");
    await server.close();
    await agent.close();
  } finally {
    kernel.close();
    await client.close();
  }
  log.info({}, "stopped");
}

/** Gives memory back when the agent has come to rest after it has grown, as long as there is something to give. */
function keepMemorySmall(agent: Agent): void {
  let floor = 0;
  const look = (): void => {
    const before = process.memoryUsage.rss();
    if (agent.isBusy || before < floor + MEMORY.growth) return;
    releaseMemory();
    const after = process.memoryUsage.rss();
    // Much was given back: what was in use just now may be more.
    floor = before - after > MEMORY.growth ? 0 : after;
  };
  setInterval(look, MEMORY.interval).unref();
}

/** What an earlier life left in the state directory. What cannot be read is moved aside, and said. */
async function loadState(directory: string, host: string, log: Logger) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const suffix = `.damaged-${new Date().toISOString().replaceAll(":", "")}`;
  const { journal, damage } = await openJournal(join(directory, "journal.db"), suffix);
  const file = new ViewFile(join(directory, "view.json"));
  const view = file.load(host, suffix);
  const lost = [damage, view.state === "damaged" ? view : undefined].filter((item) => item !== undefined);
  for (const { reason, movedTo } of lost) log.error({ reason, movedTo }, "state was damaged and moved aside");
  return {
    state: {
      journal,
      ...(view.state === "loaded" && { view: view.view }),
      saveView: (snapshot: Parameters<ViewFile["save"]>[0]) => {
        file.save(snapshot);
      },
    },
    damage: lost.map(
      ({ movedTo }) =>
        `State was damaged and moved to ${movedTo}; it was made anew from romanad and the kernel`,
    ),
  };
}

function loadConfig({ config: file, host, server, state, socket, logLevel }: Flags): AgentConfig {
  const what = `read configuration "${file ?? DEFAULT_CONFIG_FILE}"`;
  const document = readYaml(readConfigFile(file, what), what);
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    throw invalidInput(what, [{ path: "", reason: "expected keys and values" }]);
  }
  const flags = Object.entries({ host, server, stateDir: state, socket, logLevel });
  const given = Object.fromEntries(flags.filter(([, value]) => value !== undefined));
  return decodeAgentConfig({ ...document, ...given }, what);
}

function readConfigFile(file: string | undefined, what: string): string {
  try {
    return readFileSync(file ?? DEFAULT_CONFIG_FILE, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (file === undefined && code === "ENOENT") return "";
    throw invalidInput(what, [{ path: "", reason: message }]);
  }
}

function removeAll(config: AgentConfig, isDryRun: boolean): void {
  const kernel = createLinuxKernel();
  try {
    const removals = tearDown(kernel, config, isDryRun);
    for (const { item, failure } of removals) {
      const done = isDryRun ? "would remove" : "removed";
      process.stdout.write(
        failure === undefined ? `${done} ${item}\n` : `cannot remove ${item}: ${failure}\n`,
      );
    }
    if (removals.length === 0) process.stdout.write("nothing of the agent's is in the kernel\n");
    if (removals.some(({ failure }) => failure !== undefined)) process.exitCode = EXIT.host;
  } finally {
    kernel.close();
  }
}

/** The first signal that asks this process to end. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      process.on(signal, () => {
        if (asked) process.exit(1);
        asked = true;
        resolve(signal);
      });
    }
  });
}

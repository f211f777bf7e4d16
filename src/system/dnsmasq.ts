import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What dnsmasq is started with, as text. */
export interface DnsmasqFiles {
  readonly config: string;
  readonly hosts: string;
  readonly leases: string;
}

/** One dnsmasq of our own; others on the machine are never touched. */
export interface Dnsmasq {
  /** Starts it with these files, in place of one that runs. `onEnd` is told in a sentence when it ends by itself. */
  start(files: DnsmasqFiles, onEnd: (reason: string) => void): Promise<void>;
  /** Gives it other hosts. */
  reload(hosts: string): void;
  /** Ends it, also one of an earlier life. */
  stop(): Promise<void>;
}

/** Milliseconds between two looks whether it has ended, and until it is killed. */
const LOOK = 20;
const PATIENCE = 5_000;

/**
 * dnsmasq as a process with its files in the directory, which everybody may read: it gives up its rights after the start. It outlives
 * this process, as the rest of a host's networking does; the next life finds it by its pid file and its command line.
 */
export function createDnsmasq(directory: string): Dnsmasq {
  const path = (name: string): string => join(directory, name);
  const argv = ["dnsmasq", "--keep-in-foreground", `--conf-file=${path("dnsmasq.conf")}`] as const;
  let child: ChildProcess | undefined;
  const write = (name: string, text: string): void => {
    const temporary = path(`${name}.new`);
    writeFileSync(temporary, text, { mode: 0o644 });
    chmodSync(temporary, 0o644);
    renameSync(temporary, path(name));
  };
  const known = (): number | undefined => readPid(path("pid"), argv);
  const stop = async (): Promise<void> => {
    const ending = [...new Set([child?.pid, known()])].filter((pid) => pid !== undefined);
    child = undefined;
    await Promise.all(ending.map((pid) => end(pid, argv)));
  };
  return {
    stop,
    async start(files, onEnd) {
      await stop();
      mkdirSync(directory, { recursive: true });
      chmodSync(directory, 0o755);
      rmSync(path("pid"), { force: true });
      write("dnsmasq.conf", files.config);
      write("hosts", files.hosts);
      write("leases", files.leases);
      const [program, ...words] = argv;
      const started = spawn(program, words, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
      child = started;
      let said = "";
      const ended = (reason: string): void => {
        if (child !== started) return;
        child = undefined;
        onEnd(reason);
      };
      started.stderr.setEncoding("utf8").on("data", (text: string) => {
        said = `${said}${text}`.slice(-1_000);
      });
      started.on("error", ({ message }) => {
        ended(message);
      });
      started.on("close", (status, signal) => {
        ended(said.trim().split("\n").at(-1) || (signal ?? `status ${status}`));
      });
      started.unref();
      (started.stderr as unknown as { unref(): void }).unref();
    },
    reload(hosts) {
      write("hosts", hosts);
      // Before its pid is there it cannot bear the signal, and has yet to read the file.
      if (child?.pid !== undefined && known() === child.pid) child.kill("SIGHUP");
    },
  };
}

/** The process of the pid file, when it is really the one of this command line. */
function readPid(file: string, argv: readonly string[]): number | undefined {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isInteger(pid) && pid > 1 && isRunning(pid, argv) ? pid : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** A process that has ended has no command line any more, even if nobody has looked after it yet. */
function isRunning(pid: number, argv: readonly string[]): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") === `${argv.join("\0")}\0`;
  } catch {
    return false;
  }
}

async function end(pid: number, argv: readonly string[]): Promise<void> {
  for (let waited = 0; isRunning(pid, argv); waited += LOOK) {
    if (waited === 0 || waited >= PATIENCE) process.kill(pid, waited === 0 ? "SIGTERM" : "SIGKILL");
    await new Promise((resolve) => {
      setTimeout(resolve, LOOK);
    });
  }
}

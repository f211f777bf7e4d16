import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { endProcess, findProcess } from "./own-process.ts";

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
  const known = (): number | undefined => findProcess(path("pid"), argv);
  const stop = async (): Promise<void> => {
    const ending = [...new Set([child?.pid, known()])].filter((pid) => pid !== undefined);
    child = undefined;
    await Promise.all(ending.map((pid) => endProcess(pid, argv)));
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

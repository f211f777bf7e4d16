import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type Client, createClient, parseServer } from "../../src/client/index.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/romanad.mjs");
const START_TIMEOUT = 20_000;

/** How a process ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A romanad as a real process. */
export interface Romanad {
  readonly pid: number;
  readonly socket: string;
  /** Standard output and error so far. */
  readonly output: () => string;
  readonly ended: Promise<Ended>;
  kill(signal: NodeJS.Signals): Promise<Ended>;
  /** Largest resident memory so far, in bytes. */
  peakMemory(): number;
}

/** A directory for romanads that come and go; it goes with all of them. */
export interface Place extends AsyncDisposable {
  readonly directory: string;
  readonly socket: string;
  readonly data: string;
  readonly client: Client;
  /** Starts romanad and waits until it is ready; `config` is added to the configuration. */
  start(config?: object, wrap?: (argv: string[]) => string[]): Promise<Romanad>;
  /** Starts romanad with what is in the configuration file, and waits until it ends. */
  fail(config: string | object, flags?: string[]): Promise<Ended & { output: string }>;
}

/** Makes a {@link Place}. */
export function createPlace(): Place {
  const directory = mkdtempSync(join(tmpdir(), `romana-e2e-${process.pid}-`));
  const socket = join(directory, "run/romanad.sock");
  const data = join(directory, "data");
  const file = join(directory, "romanad.yaml");
  const running = new Set<ChildProcess>();
  const client = createClient({ server: parseServer(`unix://${socket}`) });

  function launch(config: string | object, flags: string[], wrap: (argv: string[]) => string[]) {
    writeFileSync(file, typeof config === "string" ? config : JSON.stringify(config));
    const [command, ...words] = wrap([process.execPath, PROGRAM, "--config", file, ...flags]) as [
      string,
      ...string[],
    ];
    const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
    running.add(child);
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    const ended = new Promise<Ended>((resolve) => {
      child.once("close", (status, signal) => {
        running.delete(child);
        resolve({ status, signal });
      });
    });
    return { child, ended, output: () => output };
  }

  return {
    directory,
    socket,
    data,
    client,
    async start(config = {}, wrap = (argv) => argv) {
      const { child, ended, output } = launch({ socket, data, ...config }, [], wrap);
      await until(() => {
        if (child.exitCode !== null) throw new Error(`romanad ended: ${output()}`);
        return output().includes('"msg":"ready"');
      }, START_TIMEOUT);
      const pid = child.pid as number;
      return {
        pid,
        socket,
        output,
        ended,
        kill(signal) {
          child.kill(signal);
          return ended;
        },
        peakMemory: () =>
          Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
      };
    },
    async fail(config, flags = []) {
      const base = typeof config === "string" ? config : { socket, data, ...config };
      const { ended, output } = launch(base, flags, (argv) => argv);
      return { ...(await ended), output: output() };
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      await Promise.all(
        Array.from(
          running,
          (child) => new Promise((resolve) => child.once("close", resolve) && child.kill("SIGKILL")),
        ),
      );
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Waits for a condition. @throws Error when it does not come true in time. */
export async function until(condition: () => boolean | Promise<boolean>, timeout = 10_000): Promise<void> {
  for (const deadline = Date.now() + timeout; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`not true after ${timeout} ms: ${condition.toString()}`);
    await wait(10);
  }
}

/** A network with room for many endpoints, hosts h1.., tenants t1.. with segments s1.. each. */
export async function createField(
  client: Client,
  hosts: number,
  tenants: number,
  segments: number,
): Promise<void> {
  await client.call("createNetwork", {
    body: {
      name: "field",
      plans: {
        ipv4: { prefix: "10.0.0.0/8", hostBits: 6, tenantBits: 6, segmentBits: 4, endpointBits: 8 },
        ipv6: { prefix: "fd00::/48", hostBits: 24, tenantBits: 20, segmentBits: 16, endpointBits: 20 },
      },
    },
  });
  for (let host = 1; host <= hosts; host++) {
    await client.call("createHost", { body: { name: `h${host}`, underlay: { ipv4: `192.0.2.${host}` } } });
  }
  for (let tenant = 1; tenant <= tenants; tenant++) {
    await client.call("createTenant", { body: { name: `t${tenant}` } });
    for (let segment = 1; segment <= segments; segment++) {
      const params = { tenant: `t${tenant}` };
      await client.call("createSegment", { params, body: { name: `s${segment}` } });
    }
  }
}

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import type { kubernetesConfigSchema } from "../../../src/schema/index.ts";
import { until } from "../until.ts";

const PROGRAM = join(import.meta.dirname, "../../../bin/romana-kubernetes.mjs");

/** A romana-kubernetes as a real process. */
export interface ControllerProcess {
  readonly pid: number;
  /** Standard output and error so far. */
  readonly output: () => string;
  /** What `/metrics` says of a metric with these labels; undefined when it is not there. */
  metric(name: string, labels?: string): Promise<number | undefined>;
  /** Status of a path of its own server. */
  status(path: string): Promise<number>;
  /** Resident memory in bytes. */
  memory(): number;
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts romana-kubernetes, and waits until it listens. `directory`: where its configuration is written. */
export async function startController(
  directory: string,
  config: z.input<typeof kubernetesConfigSchema>,
): Promise<ControllerProcess> {
  const file = join(directory, `romana-kubernetes-${process.hrtime.bigint()}.yaml`);
  writeFileSync(file, JSON.stringify({ listen: "127.0.0.1:0", ...config }));
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, "--config", file], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await until("romana-kubernetes is ready", () => {
    if (child.exitCode !== null) throw new Error(output);
    if (!output.includes('"msg":"ready"')) throw new Error("not ready");
  });
  const health = /"health":"([^"]+)"/.exec(output)?.[1] ?? "";
  const pid = child.pid as number;
  return {
    pid,
    output: () => output,
    async metric(name, labels = "") {
      const text = await (await fetch(`${health}/metrics`)).text();
      const line = text.split("\n").find((each) => each.startsWith(`${name}${labels} `));
      return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
    },
    status: async (path) => (await fetch(`${health}${path}`)).status,
    memory: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
    kill(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}

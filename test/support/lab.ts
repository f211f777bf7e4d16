import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LABS_DIRECTORY } from "../../src/lab/paths.ts";
import { commandLine } from "../../src/lab/processes.ts";
import { runCommand } from "../../src/system/command.ts";
import { listNamespaces } from "../../src/system/namespace.ts";

/** The program of the checkout. */
export const PROGRAM = join(import.meta.dirname, "../../bin/romana.mjs");

/** What a run of `romana` left. */
export interface Run {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of `romana` that may be ended before it ends by itself. */
export interface Running {
  readonly done: Promise<Run>;
  /** What it has said about its work so far. */
  progress(): string;
  kill(signal: NodeJS.Signals): void;
}

/** Starts `romana` as a process of its own, without standard input and without colours. */
export function startRomana(...words: string[]): Running {
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, COLUMNS: "200", LANG: "C.UTF-8" },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const done = new Promise<Run>((resolve) => {
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  return { done, progress: () => stderr, kill: (signal) => child.kill(signal) };
}

/** Runs `romana` to its end. */
export function romana(...words: string[]): Promise<Run> {
  return startRomana(...words).done;
}

/** Where the romanad of a lab is. */
export function serverOf(lab: string): string {
  return `unix://${LABS_DIRECTORY}/${lab}/romanad/romanad.sock`;
}

/**
 * Everything on this machine that a lab could leave behind: namespaces, links and nftables of the machine's own
 * namespace, mounts of namespaces, processes of Romana, files. Other labs' things are not looked at.
 */
export async function leftovers(lab: string): Promise<string[]> {
  const links = await runCommand({ argv: ["ip", "-o", "link"] });
  const tables = await runCommand({ argv: ["nft", "list", "tables"] });
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const processes = readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map((name) => commandLine(Number(name)).join(" "));
  return [
    ...listNamespaces().filter((name) => name.startsWith(`romana-${lab}.`)),
    ...links.split("\n").filter((line) => /: (rom|port|br)[0-9]/.test(line)),
    ...tables.split("\n").filter((line) => line.includes("romana")),
    ...mounts.filter((line) => line.includes(`romana-${lab}.`)),
    ...processes.filter((line) => line.includes(`/${lab}/`)),
    ...(existsSync(join(LABS_DIRECTORY, lab)) ? [join(LABS_DIRECTORY, lab)] : []),
  ];
}

/** The description of a small lab: two hosts, three endpoints, dual stack. */
export function smallLab(name: string): Record<string, unknown> {
  return {
    name,
    network: {
      name: "main",
      plans: {
        ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 8, segmentBits: 4, endpointBits: 4 },
        ipv6: { prefix: "fd00:10::/48", hostBits: 16, tenantBits: 16, segmentBits: 16, endpointBits: 32 },
      },
    },
    hosts: [
      { name: "h1", id: 1 },
      { name: "h2", id: 2 },
    ],
    tenants: [
      {
        name: "shop",
        id: 1,
        segments: [
          { name: "web", id: 1 },
          { name: "db", id: 2 },
        ],
      },
    ],
    endpoints: [
      { name: "web-1", host: "h1", tenant: "shop", segment: "web", id: 11 },
      { name: "web-2", host: "h2", tenant: "shop", segment: "web" },
      { name: "db-2", host: "h2", tenant: "shop", segment: "db" },
    ],
  };
}

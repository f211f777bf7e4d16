import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../support/agent-site.ts";
import { PROGRAM, type Run, romana, serverOf, smallLab } from "../support/lab.ts";

const LAB = `t${process.pid}v`;
/** Patience with a busy machine, in milliseconds. */
const PATIENCE = 60_000;
/** Who is in the service; both endpoints of the segment. */
const MEMBERS = ["web-1", "web-2"];

let directory: string;
const servers = new Map<string, ChildProcess>();

/** Runs a command of `romana` against the lab's romanad. */
const ask = (...words: string[]): Promise<Run> => romana("--server", serverOf(LAB), ...words);

/** Runs a program of Node inside the lab. */
async function node(where: string, program: string): Promise<Run> {
  return await romana("lab", "exec", "--lab", LAB, where, "--", process.execPath, "-e", program);
}

/** Answers HTTP with its name on port 8080. */
async function serve(name: string): Promise<void> {
  const program = `require("node:http").createServer((_, response) => response.end(${JSON.stringify(name)}))
    .listen(8080, "::", () => console.log("listening"));`;
  const argv = [PROGRAM, "lab", "exec", "--lab", LAB, name, "--", process.execPath, "-e", program];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"], detached: true });
  servers.set(name, child);
  await new Promise((resolve) => child.stdout?.once("data", resolve));
}

/** The server with whatever started it. */
function kill(name: string): void {
  const { pid } = servers.get(name) ?? {};
  servers.delete(name);
  if (pid !== undefined) process.kill(-pid, "SIGKILL");
}

/** Waits until exactly these answer to a dozen requests from one of them. */
async function answering(address: string, names: readonly string[]): Promise<void> {
  const program = `Promise.all(Array.from({ length: 12 }, () => new Promise((resolve) =>
    require("node:http").get("http://${address}/", { agent: false, timeout: 10000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => { text += chunk; });
      response.on("end", () => resolve(text));
    }).on("error", (error) => resolve(error.code))))).then((all) => console.log(JSON.stringify(all)));`;
  await until(
    `${names.join()} answer`,
    async () => {
      const { stdout, stderr } = await node("web-1", program);
      expect(stderr).toBe("");
      expect([...new Set(JSON.parse(stdout) as string[])].toSorted()).toEqual(names);
    },
    PATIENCE,
  );
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "romana-lab-"));
  const file = join(directory, "lab.yaml");
  writeFileSync(file, JSON.stringify(smallLab(LAB)));
  const up = await romana("lab", "up", "-f", file);
  expect(up.status).toBe(0);
  for (const name of MEMBERS) await serve(name);
});

afterAll(async () => {
  for (const name of servers.keys()) kill(name);
  await romana("lab", "down", LAB);
  rmSync(directory, { recursive: true });
});

test("a service made on the command line is reached at its address, without those who do not answer", async () => {
  const prefix = await ask("network", "update", "main", "--services", "172.30.0.0/16");
  expect([prefix.stderr, prefix.status]).toEqual(["", 0]);
  const port = ["--port", "tcp/80:8080", "--check", "http:8080/"];
  const made = await ask("service", "create", "www", "--segment", "shop/web", ...port);
  expect([made.stderr, made.status]).toEqual(["", 0]);
  const shown = await ask("service", "show", "www", "-o", "json");
  const { addresses } = JSON.parse(shown.stdout) as { addresses: { ipv4: string } };
  await answering(addresses.ipv4, MEMBERS);
  kill("web-2");
  await answering(addresses.ipv4, ["web-1"]);
  await serve("web-2");
  await answering(addresses.ipv4, MEMBERS);
});

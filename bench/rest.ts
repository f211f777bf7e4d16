import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Client, createClient, parseServer } from "../src/client/index.ts";
import type { BenchResult } from "./bench.ts";
import type { LoadResult, LoadSettings } from "./rest-load.ts";

const CLIENTS = 64;
const WARMUP = 10_000;
const COUNT = 60_000;
const ROUNDS = 3;
const HOSTS = 20;
const TENANTS = 20;
const SEGMENTS = 8;

const ROMANAD = join(import.meta.dirname, "../bin/romanad.mjs");
const LOAD = join(import.meta.dirname, "rest-load.ts");

/**
 * Allocations through REST: the real romanad on a unix socket with its store on disk, each answer durable, asked by
 * another process with 64 connections. The middle one of three rounds counts; every round has a romanad of its own.
 */
export async function run(): Promise<BenchResult> {
  const rounds: Round[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await measure());
  rounds.sort((a, b) => a.seconds - b.seconds);
  const middle = rounds[Math.floor(ROUNDS / 2)] as Round;
  const rate = Math.round(COUNT / middle.seconds);
  return {
    name: "rest",
    method: `${COUNT} dual-stack allocations with names and tokens, ${CLIENTS} clients, one romanad, SQLite on disk; middle of ${ROUNDS} rounds`,
    rows: [
      {
        what: "allocations through REST",
        value: rate,
        unit: "/s",
        bar: { relation: "at least", value: 5000 },
      },
      {
        what: "p99 of an allocation",
        value: middle.p99,
        unit: "ms",
        bar: { relation: "at most", value: 25 },
      },
      { what: "p50 of an allocation", value: middle.p50, unit: "ms" },
      { what: "slowest allocation", value: middle.max, unit: "ms" },
      { what: "processor time of romanad for one", value: middle.processor, unit: "µs" },
    ],
  };
}

/** What one romanad did. */
interface Round extends LoadResult {
  /** Processor time of romanad for one allocation, in microseconds: what other load on the machine leaves alone. */
  readonly processor: number;
}

async function measure(): Promise<Round> {
  // Not in /tmp, which may be in memory: commits shall reach a disk.
  const directory = mkdtempSync(join(import.meta.dirname, ".rest-"));
  const socket = join(directory, "s");
  const romanad = spawn(process.execPath, [ROMANAD, "--socket", socket, "--data", join(directory, "data")], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let log = "";
  romanad.stdout.on("data", (data: Buffer) => {
    log += data.toString();
  });
  const client = createClient({ server: parseServer(`unix://${socket}`), timeout: 60_000 });
  try {
    await ready(romanad);
    await prepare(client);
    const settings: LoadSettings = {
      socket,
      clients: CLIENTS,
      warmup: WARMUP,
      count: COUNT,
      hosts: HOSTS,
      tenants: TENANTS,
      segments: SEGMENTS,
    };
    const before = processorTime(romanad);
    const { stdout } = await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(settings)]);
    const result: LoadResult = JSON.parse(stdout);
    const processor = (processorTime(romanad) - before) / (WARMUP + COUNT);
    const { clean, endpoints } = await client.call("checkIpam", { body: {} });
    if (!clean || endpoints !== WARMUP + COUNT || result.failed > 0) {
      throw new Error(`not every allocation is there: ${JSON.stringify({ clean, endpoints, ...result })}`);
    }
    return { ...result, processor };
  } catch (error) {
    throw new Error(`romanad logged: ${log}`, { cause: error });
  } finally {
    await client.close();
    await new Promise((resolve) => romanad.once("close", resolve) && romanad.kill());
    rmSync(directory, { recursive: true });
  }
}

/** Processor time of a process so far, in microseconds; the kernel counts in hundredths of a second. */
function processorTime({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

function ready(romanad: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    romanad.stdout?.on("data", (data: Buffer) => {
      if (data.toString().includes('"msg":"ready"')) resolve();
    });
    romanad.once("close", () => reject(new Error("romanad ended")));
  });
}

async function prepare(client: Client): Promise<void> {
  await client.call("createNetwork", {
    body: {
      name: "bench",
      plans: {
        ipv4: { prefix: "10.0.0.0/8", hostBits: 6, tenantBits: 6, segmentBits: 4, endpointBits: 8 },
        ipv6: { prefix: "fd00::/48", hostBits: 24, tenantBits: 20, segmentBits: 16, endpointBits: 20 },
      },
    },
  });
  for (let host = 1; host <= HOSTS; host++) await client.call("createHost", { body: { name: `h${host}` } });
  for (let tenant = 1; tenant <= TENANTS; tenant++) {
    await client.call("createTenant", { body: { name: `t${tenant}` } });
    for (let segment = 1; segment <= SEGMENTS; segment++) {
      await client.call("createSegment", { params: { tenant: `t${tenant}` }, body: { name: `s${segment}` } });
    }
  }
}

if (import.meta.main) console.log(JSON.stringify(await run(), null, 2));

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildCni } from "../scripts/build-cni.ts";
import { AgentSite } from "../test/support/agent-site.ts";
import { type BenchResult, type BenchRow, median, pairedRatio } from "./bench.ts";

const ROUNDS = 12;
const CONTAINERS = 50;
/** As many ADDs at once as a node does when a deployment grows. */
const PARALLEL = 8;
/** Debian's containernetworking-plugins. */
const DEBIAN = "/usr/lib/cni";
/** Starts the plugins and takes the times; it says how. */
const DRIVER = join(import.meta.dirname, "cni-driver.c");

/** A plugin with its configuration, and the namespace that it runs in. */
interface Rival {
  readonly plugin: string;
  readonly config: string;
  readonly namespace: string;
  readonly out: string;
  readonly containers: readonly string[];
  /** The program that starts it. */
  readonly driver: string;
}

/** Milliseconds of each call, and of all together. */
interface Times {
  readonly calls: readonly number[];
  readonly total: number;
}

/**
 * ADD of our plugin beside Debian's ptp with host-local: alone, several at a time, and a burst. Ours attaches both
 * families, asks romanad and has it on disk; theirs makes IPv4 only, for with IPv6 it waits a second for addresses.
 */
export async function run(): Promise<BenchResult> {
  const site = await AgentSite.create({ hosts: 1, directory: import.meta.dirname });
  try {
    await site.startAgents();
    const names = Array.from({ length: CONTAINERS }, (_, index) => site.addNamespace(`c${index}`));
    const containers = names.map((path) => path.split("/").at(-1) as string);
    const out = join(site.directory, "out");
    mkdirSync(out);
    const driver = join(site.directory, "cni-driver");
    execFileSync("gcc", ["-O2", "-Wall", "-Wextra", "-Werror", DRIVER, "-o", driver], { stdio: "inherit" });
    const write = (name: string, config: object): string => {
      const file = join(site.directory, `${name}.json`);
      writeFileSync(file, JSON.stringify({ cniVersion: "1.0.0", name: "bench", ...config }));
      return file;
    };
    const ours = {
      plugin: buildCni(),
      config: write("ours", {
        type: "romana-cni",
        socket: site.agentSocket("host-1"),
        tenant: "acme",
        segment: "web",
      }),
      namespace: site.host(1).namespace,
      out,
      containers,
      driver,
    };
    const ipam = { type: "host-local", subnet: "10.200.0.0/16", dataDir: join(site.directory, "ipam") };
    const theirs = {
      plugin: join(DEBIAN, "ptp"),
      config: write("theirs", { type: "ptp", ipam: { ...ipam, routes: [{ dst: "0.0.0.0/0" }] } }),
      namespace: site.addNamespace("theirs"),
      out,
      containers,
      driver,
    };
    const rows: BenchRow[] = [];
    for (const { what, lanes, bar } of [
      { what: "alone", lanes: 1, bar: 0.5 },
      { what: `${PARALLEL} at a time`, lanes: PARALLEL, bar: 0.5 },
      { what: `a burst of ${CONTAINERS}`, lanes: CONTAINERS, bar: 0.3 },
    ]) {
      const times = await sideBySide(site, ours, theirs, lanes);
      rows.push(...rowsOf(what, times, bar, lanes === CONTAINERS));
    }
    return {
      name: "cni",
      method: `ADD in rounds that take turns, ${ROUNDS} of ${CONTAINERS} containers each; ours with both families, on disk at romanad and the agent; Debian's ptp with host-local with IPv4 only`,
      rows,
    };
  } finally {
    await site.close();
  }
}

/** Rounds that take turns, so that what disturbs one disturbs the other. */
async function sideBySide(
  site: AgentSite,
  ours: Rival,
  theirs: Rival,
  lanes: number,
): Promise<{ readonly ours: Times[]; readonly theirs: Times[] }> {
  const times: { readonly ours: Times[]; readonly theirs: Times[] } = { ours: [], theirs: [] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [rival, list] of [
      [ours, times.ours],
      [theirs, times.theirs],
    ] as const) {
      const measured = await drive(site, rival, "ADD", lanes);
      // The first round warms up.
      if (round > 0) list.push(measured);
      await drive(site, rival, "DEL", PARALLEL);
    }
  }
  return times;
}

async function drive(
  site: AgentSite,
  { plugin, config, namespace, out, containers, driver }: Rival,
  command: "ADD" | "DEL",
  lanes: number,
): Promise<Times> {
  const argv = [plugin, config, command, String(lanes), out, ...containers];
  const lines = (await site.run(namespace, driver, ...argv)).trim().split("\n");
  const total = Number(lines.at(-1)?.replace("total ", "")) / 1000;
  return { calls: lines.slice(0, -1).map((line) => Number(line) / 1000), total };
}

function rowsOf(
  what: string,
  { ours, theirs }: { readonly ours: readonly Times[]; readonly theirs: readonly Times[] },
  bar: number,
  isBurst: boolean,
): BenchRow[] {
  const [own, other] = [quantiles(ours), quantiles(theirs)];
  const figure = ({ calls, total }: Times): number => (isBurst ? total : median(calls));
  const ratio = pairedRatio(ours.map(figure), theirs.map(figure));
  return [
    { what: `${what}: p50 of romana-cni`, value: own.p50, unit: "ms" },
    { what: `${what}: p50 of ptp`, value: other.p50, unit: "ms" },
    { what: `${what}: p99 of romana-cni`, value: own.p99, unit: "ms" },
    { what: `${what}: p99 of ptp`, value: other.p99, unit: "ms" },
    { what: `${what}: all ${CONTAINERS} with romana-cni`, value: own.total, unit: "ms" },
    { what: `${what}: all ${CONTAINERS} with ptp`, value: other.total, unit: "ms" },
    {
      what: `${what}: ${isBurst ? "all" : "p50"} compared with ptp`,
      value: ratio,
      unit: "x",
      bar: { relation: "at most", value: bar },
    },
  ];
}

function quantiles(times: readonly Times[]): {
  readonly p50: number;
  readonly p99: number;
  readonly total: number;
} {
  const calls = times.flatMap((round) => round.calls).toSorted((a, b) => a - b);
  return {
    p50: median(calls),
    p99: calls[Math.floor(0.99 * (calls.length - 1))] ?? Number.NaN,
    total: median(times.map(({ total }) => total)),
  };
}

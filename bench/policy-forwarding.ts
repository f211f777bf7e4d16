import type { ChildProcess } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTable, PolicyRules, renderTable } from "../src/firewall/index.ts";
import { compilePolicies } from "../src/rules/index.ts";
import { createFirewallScene, type FirewallScene, type SceneHost } from "../test/support/firewall-scene.ts";
import { type BenchResult, type BenchRow, median, pairedRatio } from "./bench.ts";
import {
  connectionRate,
  inside,
  NO_TABLE,
  neighbours,
  preparePath,
  requireTools,
  roundTrip,
  shuffled,
  startServers,
  throughput,
  useWay,
} from "./forwarding-path.ts";
import { linearRules } from "./linear-rules.ts";
import { MEASURED, mixedWorld } from "./mixed-policies.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const ROUNDS = QUICK ? 1 : 31;
/** What has no bar is measured in every third round only. */
const COMPARISON_ROUNDS = 3;
const NEIGHBOURS = 200;
const FEW = 200;
const MANY = 10_000;

type Variant = "no policies" | "200 policies" | "10,000 policies" | "10,000 iptables rules" | "vxlan";
const REFERENCE: Variant = "no policies";
const COMPARED: readonly Variant[] = [REFERENCE, "200 policies", "10,000 policies"];
const VARIANTS: readonly Variant[] = [...COMPARED, "10,000 iptables rules", "vxlan"];
/** Those that have an IPv6 form, too. */
const DUAL: ReadonlySet<Variant> = new Set(COMPARED);

type Measure = "TCP IPv4" | "round trip IPv4" | "new connections IPv4" | "TCP IPv6";
type Bars = Partial<Record<Variant, NonNullable<BenchRow["bar"]>>>;
const TCP_BARS: Bars = {
  "200 policies": { relation: "at least", value: 0.97 },
  "10,000 policies": { relation: "at least", value: 0.95 },
};
const MEASURES: Readonly<Record<Measure, { readonly unit: string; readonly bars: Bars }>> = {
  "TCP IPv4": { unit: "Gb/s", bars: TCP_BARS },
  "round trip IPv4": {
    unit: "µs",
    bars: {
      "200 policies": { relation: "at most", value: 1.05 },
      "10,000 policies": { relation: "at most", value: 1.1 },
    },
  },
  "new connections IPv4": {
    unit: "/s",
    bars: {
      "200 policies": { relation: "at least", value: 0.9 },
      "10,000 policies": { relation: "at least", value: 0.9 },
    },
  },
  "TCP IPv6": { unit: "Gb/s", bars: TCP_BARS },
};

/** Values of one round, by measure and variant. */
type Round = ReadonlyMap<string, number>;

/** The texts that the hosts load. */
interface Texts {
  readonly tables: ReadonlyMap<SceneHost, ReadonlyMap<Variant, string>>;
  /** File for iptables-restore. */
  readonly linear: string;
  readonly linearCount: number;
}

/** Forwarding between endpoints of two hosts that policies select, against the same table without policies. */
export async function run(): Promise<BenchResult> {
  requireTools("policy-forwarding");
  const endpoint = { network: "default", tenant: MEASURED.id, code: { code: MEASURED.code, extraBits: 0 } };
  const scene = await createFirewallScene(mixedWorld(0), [
    { ...endpoint, name: "client", host: "host-1", endpoint: 11 },
    { ...endpoint, name: "server", host: "host-2", endpoint: 1 },
  ]);
  const file = join(tmpdir(), `romana-linear-${process.pid}`);
  const servers: ChildProcess[] = [];
  try {
    const linear = linearRules(mixedWorld(MANY));
    writeFileSync(file, linear);
    const tables = new Map(scene.hosts.map((own) => [own, tablesOf(scene, own)]));
    const texts: Texts = { tables, linear: file, linearCount: linear.match(/^-A/gm)?.length ?? 0 };
    await preparePath(scene);
    servers.push(...(await startServers(scene)));
    const rounds: Round[] = [];
    while (rounds.length < ROUNDS) {
      process.stderr.write(`policy-forwarding: round ${rounds.length + 1} of ${ROUNDS}\n`);
      rounds.push(await measureRound(scene, texts, rounds.length % COMPARISON_ROUNDS === 0));
    }
    return {
      name: "policy-forwarding",
      method:
        `as the benchmark forwarding; policies for both directions, 70 % with segments, 20 % with prefixes, 10 % with ` +
        `port ranges, one of 20 selects client and server; ${ROUNDS} rounds; ratio: median of the rounds' ratios to ` +
        `our table without policies; iptables: the same entries as ${texts.linearCount} rules of FORWARD`,
      rows: rowsOf(rounds),
    };
  } finally {
    for (const server of servers) server.kill("SIGKILL");
    scene.close();
    rmSync(file, { force: true });
  }
}

function tablesOf(scene: FirewallScene, own: SceneHost): ReadonlyMap<Variant, string> {
  const input = scene.input(own);
  const devices = [...input.devices, ...neighbours(own, NEIGHBOURS)];
  const textWith = (policies: number): string => {
    const world = mixedWorld(policies);
    const policyRules = new PolicyRules(world.networks, compilePolicies(world));
    return renderTable(createTable({ ...input, devices, ...(policies > 0 && { policyRules }) }));
  };
  return new Map<Variant, string>([
    [REFERENCE, textWith(0)],
    ["200 policies", textWith(FEW)],
    ["10,000 policies", textWith(MANY)],
  ]);
}

async function measureRound(scene: FirewallScene, texts: Texts, isComparison: boolean): Promise<Round> {
  const round = new Map<string, number>();
  for (const variant of shuffled(isComparison ? VARIANTS : COMPARED)) {
    await use(scene, texts, variant);
    const put = (measure: Measure, value: number): unknown => round.set(`${measure}, ${variant}`, value);
    put("TCP IPv4", await throughput(scene, 4));
    put("round trip IPv4", await roundTrip(scene, 4));
    put("new connections IPv4", await connectionRate(scene));
    if (DUAL.has(variant)) put("TCP IPv6", await throughput(scene, 6));
  }
  return round;
}

/** Puts rules and way of a variant into place on both hosts. */
async function use(scene: FirewallScene, { tables, linear }: Texts, variant: Variant): Promise<void> {
  for (const own of scene.hosts) {
    own.kernel.runNft(tables.get(own)?.get(variant) ?? NO_TABLE);
    const isLinear = variant === "10,000 iptables rules";
    await inside(own.namespace, isLinear ? `iptables-restore ${linear}` : "iptables -F FORWARD");
  }
  await useWay(scene, variant === "vxlan" ? "vxlan" : "underlay");
}

function rowsOf(rounds: readonly Round[]): BenchRow[] {
  return Object.entries(MEASURES).flatMap(([measure, { unit, bars }]) =>
    VARIANTS.flatMap((variant): BenchRow[] => {
      const what = `${measure}, ${variant}`;
      const measured = rounds.filter((round) => round.has(what));
      if (measured.length === 0) return [];
      const valuesOf = (key: string): number[] => measured.map((round) => round.get(key) ?? Number.NaN);
      const values = valuesOf(what);
      const absolute = { what, value: median(values), unit };
      if (variant === REFERENCE) return [absolute];
      const ratio = pairedRatio(values, valuesOf(`${measure}, ${REFERENCE}`));
      const bar = bars[variant];
      return [absolute, { what: `${what} / ${REFERENCE}`, value: ratio, unit: "×", ...(bar && { bar }) }];
    }),
  );
}

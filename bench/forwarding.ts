import type { ChildProcess } from "node:child_process";
import { createTable, renderTable } from "../src/firewall/index.ts";
import type { Segment, Tenant } from "../src/model/index.ts";
import { host, network, SEED_IPV4, SEED_IPV6 } from "../test/support/example-world.ts";
import { createFirewallScene, type FirewallScene, type SceneHost } from "../test/support/firewall-scene.ts";
import { type BenchResult, type BenchRow, median, pairedRatio } from "./bench.ts";
import {
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

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const ROUNDS = QUICK ? 1 : 31;
/** What has no bar is measured in every third round only. */
const COMPARISON_ROUNDS = 3;
/** Other endpoints of each host, and identities, so that the sets are as large as in real life. */
const NEIGHBOURS = 200;
const TENANTS = 100;
const SEGMENTS = 10;

/** The least that a firewall with connection tracking must do. */
const REFERENCE = `
add table inet romana
delete table inet romana
table inet romana {
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
  }
}
`;
const VARIANTS = ["reference", "ours", "no table", "vxlan"] as const;
type Variant = (typeof VARIANTS)[number];
const COMPARED: readonly Variant[] = ["reference", "ours"];

const TCP_BAR = { relation: "at least", value: 0.95 } as const;
const ROUND_TRIP_BAR = { relation: "at most", value: 1.05 } as const;
const MEASURES: readonly {
  readonly measure: string;
  readonly unit: string;
  readonly bar: NonNullable<BenchRow["bar"]>;
}[] = [
  { measure: "TCP IPv4", unit: "Gb/s", bar: TCP_BAR },
  { measure: "round trip IPv4", unit: "µs", bar: ROUND_TRIP_BAR },
  { measure: "TCP IPv6", unit: "Gb/s", bar: TCP_BAR },
  { measure: "round trip IPv6", unit: "µs", bar: ROUND_TRIP_BAR },
];

/** Forwarding between endpoints of two hosts through our table and through others, taking turns. */
export async function run(): Promise<BenchResult> {
  requireTools("forwarding");
  const scene = await createFirewallScene(...benchWorld());
  const servers: ChildProcess[] = [];
  try {
    await preparePath(scene);
    servers.push(...(await startServers(scene)));
    const rounds = await measureRounds(scene);
    return {
      name: "forwarding",
      method:
        `endpoint, host, host, endpoint; offloads off, client and server pinned; ${ROUNDS} rounds in random order, ` +
        `medians; ratio: median of the rounds' ratios to a table with nothing but established,related accept`,
      rows: [...rowsOf(rounds), ...ruleRows(scene)],
    };
  } finally {
    for (const server of servers) server.kill("SIGKILL");
    scene.close();
  }
}

function benchWorld(): Parameters<typeof createFirewallScene> {
  const tenants = Array.from(
    { length: TENANTS },
    (_, index): Tenant => ({
      name: `tenant-${index}`,
      id: index + 1,
      isolation: "segment",
    }),
  );
  const segments = tenants.flatMap(({ name }) =>
    Array.from(
      { length: SEGMENTS },
      (_, code): Segment => ({ tenant: name, name: `${code}`, codes: [{ code, extraBits: 0 }] }),
    ),
  );
  const world = {
    networks: [network("default", SEED_IPV4, SEED_IPV6)],
    hosts: [host(1), host(2)],
    tenants,
    segments,
  };
  const endpoint = { network: "default", tenant: 1, code: { code: 1, extraBits: 0 } };
  return [
    world,
    [
      { ...endpoint, name: "client", host: "host-1", endpoint: 11 },
      { ...endpoint, name: "server", host: "host-2", endpoint: 1 },
    ],
  ];
}

/** Values of one round, by measure and variant. */
type Round = ReadonlyMap<string, number>;

async function measureRounds(scene: FirewallScene): Promise<readonly Round[]> {
  const rounds: Round[] = [];
  while (rounds.length < ROUNDS) {
    process.stderr.write(`forwarding: round ${rounds.length + 1} of ${ROUNDS}\n`);
    rounds.push(await measureRound(scene, rounds.length % COMPARISON_ROUNDS === 0));
  }
  return rounds;
}

async function measureRound(scene: FirewallScene, isComparison: boolean): Promise<Round> {
  const round = new Map<string, number>();
  for (const variant of shuffled(isComparison ? VARIANTS : COMPARED)) {
    await use(scene, variant);
    round.set(`TCP IPv4, ${variant}`, await throughput(scene, 4));
    round.set(`round trip IPv4, ${variant}`, await roundTrip(scene, 4));
    if (variant === "vxlan") continue;
    round.set(`TCP IPv6, ${variant}`, await throughput(scene, 6));
    round.set(`round trip IPv6, ${variant}`, await roundTrip(scene, 6));
  }
  return round;
}

/** Puts table and way of a variant into place on all machines. */
async function use(scene: FirewallScene, variant: Variant): Promise<void> {
  for (const own of scene.hosts) own.kernel.runNft(tableOf(scene, own, variant));
  await useWay(scene, variant === "vxlan" ? "vxlan" : "underlay");
}

function tableOf(scene: FirewallScene, own: SceneHost, variant: Variant): string {
  if (variant === "reference") return REFERENCE;
  if (variant !== "ours") return NO_TABLE;
  const input = scene.input(own);
  return renderTable(createTable({ ...input, devices: [...input.devices, ...neighbours(own, NEIGHBOURS)] }));
}

function rowsOf(rounds: readonly Round[]): BenchRow[] {
  return MEASURES.flatMap(({ measure, unit, bar }) =>
    VARIANTS.flatMap((variant): BenchRow[] => {
      const what = `${measure}, ${variant}`;
      const measured = rounds.filter((round) => round.has(what));
      if (measured.length === 0) return [];
      const valuesOf = (key: string): number[] => measured.map((round) => round.get(key) ?? Number.NaN);
      const values = valuesOf(what);
      const absolute = { what, value: median(values), unit };
      if (variant === "reference") return [absolute];
      const ratio = pairedRatio(values, valuesOf(`${measure}, reference`));
      const row = { what: `${what} / reference`, value: ratio, unit: "×" };
      return [absolute, variant === "ours" ? { ...row, bar } : row];
    }),
  );
}

/** Rules of a host's table with many endpoints of the same segments, against few. */
function ruleRows(scene: FirewallScene): BenchRow[] {
  const own = scene.hosts[0] as SceneHost;
  const tables = [10, 1000].map((count) =>
    createTable({ ...scene.input(own), devices: neighbours(own, count) }),
  );
  const [few, many] = tables.map(({ chains }) => chains.reduce((sum, { rules }) => sum + rules.length, 0));
  const bound = tables[1]?.sets.find(({ name }) => name === "bound4")?.elements.length ?? 0;
  return [
    { what: "rules, 10 endpoints", value: few ?? 0, unit: "rules" },
    {
      what: "rules, 1,000 endpoints",
      value: many ?? 0,
      unit: "rules",
      bar: { relation: "at most", value: few ?? 0 },
    },
    { what: "bound IPv4 sources, 1,000 endpoints", value: bound, unit: "elements" },
  ];
}

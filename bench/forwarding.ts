import { join } from "node:path";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { createTable, type EndpointDevice, type FirewallInput, renderTable } from "../src/firewall/index.ts";
import { RomanaError, type Segment, type Tenant } from "../src/model/index.ts";
import { type Address, type Family, formatAddress, formatPrefix } from "../src/net/index.ts";
import { runCommand } from "../src/system/command.ts";
import { inNamespace } from "../src/system/namespace.ts";
import {
  createFirewallScene,
  type FirewallScene,
  type SceneHost,
  type SceneParty,
} from "../test/support/firewall-scene.ts";
import { underlayAddress } from "../test/support/firewall-topology.ts";
import { host, network, SEED_IPV4, SEED_IPV6 } from "../test/support/example-world.ts";
import { type BenchResult, type BenchRow, median, pairedRatio } from "./bench.ts";

/** `ROMANA_BENCH_QUICK=1` only shows that everything works: its numbers mean nothing. */
const QUICK = process.env["ROMANA_BENCH_QUICK"] === "1";
const ROUNDS = QUICK ? 1 : 31;
/** What has no bar is measured in every third round only. */
const COMPARISON_ROUNDS = 3;
const SECONDS = 1;

const TOOLS = ["iperf3", "ethtool", "taskset", "chrt"];

/** On one processor each, ahead of everything else on the machine. */
const PINNED = ["chrt -f 10 taskset -c 0", "chrt -f 10 taskset -c 1"] as const;

/** Other endpoints of each host, and identities, so that the sets are as large as in real life. */
const NEIGHBOURS = 200;
const TENANTS = 100;
const SEGMENTS = 10;

/** Measures round trips; a port for each family. */
const PING_PONG = `${process.execPath} ${join(import.meta.dirname, "ping-pong.ts")}`;
const ROUND_TRIP_PORT: Readonly<Record<Family, number>> = { 4: 11114, 6: 11116 };
/** What is left of the underlay's 1,500 bytes inside VXLAN over IPv4. */
const VXLAN_MTU = 1450;
const MTU = 1500;

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
const NO_TABLE = "add table inet romana\ndelete table inet romana\n";

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
  for (const tool of TOOLS) requireTool(tool);
  const scene = await createFirewallScene(...benchWorld());
  const servers: ChildProcess[] = [];
  try {
    await prepare(scene);
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

function requireTool(tool: string): void {
  if (spawnSync("which", [tool]).status === 0) return;
  const install = "apt-get install iperf3 sockperf ethtool iputils-ping util-linux";
  throw new RomanaError(`Cannot run benchmark "forwarding": ${tool} is missing (${install})`, {
    code: "unsupported",
  });
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

/** Single packets on every wire, the agent's reverse path filter, and an overlay that routes can point to. */
async function prepare(scene: FirewallScene): Promise<void> {
  for (const { namespace } of [scene.party("client"), scene.party("server")])
    await offloadsOff(namespace, "eth0");
  for (const { host: own, namespace, kernel } of scene.hosts) {
    for (const device of ["ul", "rom0"]) await offloadsOff(namespace, device);
    kernel.setSysctl("net.ipv4.conf.rom0.rp_filter", "1");
    const [local, remote] = [underlayAddress(own, 4), underlayAddress(host(3 - own.id), 4)].map(
      formatAddress,
    );
    const overlay = `ip link add vx0 type vxlan id 7 dstport 4789 local ${local} remote ${remote} dev ul`;
    await inside(namespace, overlay);
    await inside(namespace, `ip address add 169.254.77.${own.id}/24 dev vx0`);
    await inside(namespace, "ip link set vx0 up");
  }
}

async function offloadsOff(namespace: string, device: string): Promise<void> {
  await inside(namespace, `ethtool -K ${device} tso off gso off gro off`);
}

function inside(namespace: string, line: string): Promise<string> {
  return runCommand({ argv: line.split(" "), namespace, timeout: 60_000 });
}

async function startServers(scene: FirewallScene): Promise<readonly ChildProcess[]> {
  const { namespace, addresses } = scene.party("server");
  const lines = [
    `${PINNED[1]} iperf3 -s`,
    ...addresses.map(
      (address) =>
        `${PINNED[1]} ${PING_PONG} server ${formatAddress(address)} ${ROUND_TRIP_PORT[address.family]}`,
    ),
  ];
  const servers = lines.map((line) => {
    const [program, ...words] = line.split(" ");
    return inNamespace(namespace, () => spawn(program as string, words, { stdio: "ignore" }));
  });
  const ports = [5201, ...Object.values(ROUND_TRIP_PORT)];
  while (!ports.every((port) => listening(namespace).includes(`:${port} `))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return servers;
}

function listening(namespace: string): string {
  return inNamespace(namespace, () => spawnSync("ss", ["-Hltn"], { encoding: "utf8" }).stdout);
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

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** Puts table, way and packet size of a variant into place on all machines. */
async function use(scene: FirewallScene, variant: Variant): Promise<void> {
  for (const own of scene.hosts) {
    own.kernel.runNft(tableOf(scene, own, variant));
    const other = scene.hosts.find((candidate) => candidate !== own) as SceneHost;
    const prefix = formatPrefix({ family: 4, value: BigInt(0x0a00 + other.host.id) << 16n, length: 16 });
    const way =
      variant === "vxlan"
        ? `via 169.254.77.${other.host.id} dev vx0`
        : `via ${formatAddress(underlayAddress(other.host, 4))} dev ul`;
    await inside(own.namespace, `ip route replace ${prefix} ${way} proto 114`);
  }
  for (const { namespace } of [scene.party("client"), scene.party("server")]) {
    await inside(namespace, `ip link set eth0 mtu ${variant === "vxlan" ? VXLAN_MTU : MTU}`);
  }
}

function tableOf(scene: FirewallScene, own: SceneHost, variant: Variant): string {
  if (variant === "reference") return REFERENCE;
  if (variant !== "ours") return NO_TABLE;
  const input = scene.input(own);
  return renderTable(createTable({ ...input, devices: [...input.devices, ...neighbours(own, NEIGHBOURS)] }));
}

/** Devices that are not there, of endpoints that would be. */
function neighbours({ host: own }: SceneHost, count: number): EndpointDevice[] {
  const block = (family: Family, value: bigint) => ({ family, value, length: family === 4 ? 32 : 128 });
  return Array.from({ length: count }, (_, index): FirewallInput["devices"][number] => {
    const identity = BigInt(2 + Math.floor(index / 14)) * 256n + BigInt(17 + (index % 14));
    const ipv4 = (BigInt(0x0a00 + own.id) << 16n) + identity;
    const ipv6 = (0xfd00_0010_0000n << 80n) + (BigInt(own.id) << 72n) + identity;
    return { name: `romx${index}`, index: 10_000 + index, owns: [block(4, ipv4), block(6, ipv6)] };
  });
}

/** Gigabits per second of one TCP stream. */
async function throughput(scene: FirewallScene, family: Family): Promise<number> {
  const [client, server] = [scene.party("client"), scene.party("server")];
  const line = `${PINNED[0]} iperf3 -c ${addressText(server, family)} -t ${SECONDS} -J`;
  const report = JSON.parse(await inside(client.namespace, line)) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return report.end.sum_received.bits_per_second / 1e9;
}

/** Microseconds for 64 bytes there and back over TCP. */
async function roundTrip(scene: FirewallScene, family: Family): Promise<number> {
  const [client, server] = [scene.party("client"), scene.party("server")];
  const line = `${PINNED[1]} ${PING_PONG} client ${addressText(server, family)} ${ROUND_TRIP_PORT[family]} ${SECONDS}`;
  return Number(await inside(client.namespace, line));
}

function addressText({ addresses }: SceneParty, family: Family): string {
  return formatAddress(addresses.find((address) => address.family === family) as Address);
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

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import type { EndpointDevice, FirewallInput } from "../src/firewall/index.ts";
import { RomanaError } from "../src/model/index.ts";
import { type Address, type Family, formatAddress, formatPrefix } from "../src/net/index.ts";
import { runCommand } from "../src/system/command.ts";
import { inNamespace } from "../src/system/namespace.ts";
import { host } from "../test/support/example-world.ts";
import type { FirewallScene, SceneHost, SceneParty } from "../test/support/firewall-scene.ts";
import { underlayAddress } from "../test/support/firewall-topology.ts";

const SECONDS = 1;

const TOOLS = ["iperf3", "ethtool", "taskset", "chrt"];

/** On one processor each, ahead of everything else on the machine. */
const PINNED = ["chrt -f 10 taskset -c 0", "chrt -f 10 taskset -c 1"] as const;

/** Measures round trips, and new connections; a port for each family, and the first of many. */
const PING_PONG = `${process.execPath} ${join(import.meta.dirname, "ping-pong.ts")}`;
const CONNECTS = `${process.execPath} ${join(import.meta.dirname, "connects.ts")}`;
const ROUND_TRIP_PORT: Readonly<Record<Family, number>> = { 4: 11114, 6: 11116 };
const CONNECTS_PORT = 12000;
const THROUGHPUT_PORT = 5201;
/** What is left of the underlay's 1,500 bytes inside VXLAN over IPv4. */
const VXLAN_MTU = 1450;
const MTU = 1500;

/** How packets get from host to host: routed, or in an overlay. */
export type Way = "underlay" | "vxlan";

/** No table of ours. */
export const NO_TABLE = "add table inet romana\ndelete table inet romana\n";

/** @throws RomanaError `unsupported` when a program is not there that the benchmark needs. */
export function requireTools(benchmark: string): void {
  const missing = TOOLS.find((tool) => spawnSync("which", [tool]).status !== 0);
  if (missing === undefined) return;
  const install = "apt-get install iperf3 sockperf ethtool iputils-ping util-linux";
  throw new RomanaError(`Cannot run benchmark "${benchmark}": ${missing} is missing (${install})`, {
    code: "unsupported",
  });
}

/** Single packets on every wire, the agent's reverse path filter, and an overlay that routes can point to. */
export async function preparePath(scene: FirewallScene): Promise<void> {
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

/** Runs a command in a namespace and returns what it prints. */
export function inside(namespace: string, line: string): Promise<string> {
  return runCommand({ argv: line.split(" "), namespace, timeout: 60_000 });
}

/** Starts what answers the measurements, at the party `server`, and waits until it listens. */
export async function startServers(scene: FirewallScene): Promise<readonly ChildProcess[]> {
  const { namespace, addresses } = scene.party("server");
  const lines = [
    `${PINNED[1]} iperf3 -s`,
    ...addresses.map(
      (address) =>
        `${PINNED[1]} ${PING_PONG} server ${formatAddress(address)} ${ROUND_TRIP_PORT[address.family]}`,
    ),
    ...addresses
      .filter(({ family }) => family === 4)
      .map((address) => `${PINNED[1]} ${CONNECTS} server ${formatAddress(address)} ${CONNECTS_PORT}`),
  ];
  const servers = lines.map((line) => {
    const [program, ...words] = line.split(" ");
    return inNamespace(namespace, () => spawn(program as string, words, { stdio: "ignore" }));
  });
  const ports = [THROUGHPUT_PORT, CONNECTS_PORT, ...Object.values(ROUND_TRIP_PORT)];
  while (!ports.every((port) => listening(namespace).includes(`:${port} `))) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return servers;
}

function listening(namespace: string): string {
  return inNamespace(namespace, () => spawnSync("ss", ["-Hltn"], { encoding: "utf8" }).stdout);
}

/** Points the routes between the hosts that way, with the packet size that it has room for. */
export async function useWay(scene: FirewallScene, way: Way): Promise<void> {
  for (const own of scene.hosts) {
    const other = scene.hosts.find((candidate) => candidate !== own) as SceneHost;
    const prefix = formatPrefix({ family: 4, value: BigInt(0x0a00 + other.host.id) << 16n, length: 16 });
    const next =
      way === "vxlan"
        ? `via 169.254.77.${other.host.id} dev vx0`
        : `via ${formatAddress(underlayAddress(other.host, 4))} dev ul`;
    await inside(own.namespace, `ip route replace ${prefix} ${next} proto 114`);
  }
  for (const { namespace } of [scene.party("client"), scene.party("server")]) {
    await inside(namespace, `ip link set eth0 mtu ${way === "vxlan" ? VXLAN_MTU : MTU}`);
  }
}

/** The items in random order. */
export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

/** Devices that are not there, of endpoints that would be. */
export function neighbours({ host: own }: SceneHost, count: number): EndpointDevice[] {
  const block = (family: Family, value: bigint) => ({ family, value, length: family === 4 ? 32 : 128 });
  return Array.from({ length: count }, (_, index): FirewallInput["devices"][number] => {
    const identity = BigInt(2 + Math.floor(index / 14)) * 256n + BigInt(17 + (index % 14));
    const ipv4 = (BigInt(0x0a00 + own.id) << 16n) + identity;
    const ipv6 = (0xfd00_0010_0000n << 80n) + (BigInt(own.id) << 72n) + identity;
    return { name: `romx${index}`, index: 10_000 + index, owns: [block(4, ipv4), block(6, ipv6)] };
  });
}

/** Gigabits per second of one TCP stream. */
export async function throughput(scene: FirewallScene, family: Family): Promise<number> {
  const [client, server] = [scene.party("client"), scene.party("server")];
  const line = `${PINNED[0]} iperf3 -c ${addressText(server, family)} -t ${SECONDS} -J`;
  const report = JSON.parse(await inside(client.namespace, line)) as {
    readonly end: { readonly sum_received: { readonly bits_per_second: number } };
  };
  return report.end.sum_received.bits_per_second / 1e9;
}

/** Microseconds for 64 bytes there and back over TCP. */
export async function roundTrip(scene: FirewallScene, family: Family): Promise<number> {
  const [client, server] = [scene.party("client"), scene.party("server")];
  const line = `${PINNED[1]} ${PING_PONG} client ${addressText(server, family)} ${ROUND_TRIP_PORT[family]} ${SECONDS}`;
  return Number(await inside(client.namespace, line));
}

/** New IPv4 TCP connections a second, one after another. Connection tracking knows of none of them before. */
export async function connectionRate(scene: FirewallScene): Promise<number> {
  const [client, server] = [scene.party("client"), scene.party("server")];
  for (const { kernel } of scene.hosts) kernel.deleteFlows(kernel.listFlows(4));
  const line = `${PINNED[1]} ${CONNECTS} client ${addressText(server, 4)} ${CONNECTS_PORT} ${SECONDS}`;
  return Number(await inside(client.namespace, line));
}

function addressText({ addresses }: SceneParty, family: Family): string {
  return formatAddress(addresses.find((address) => address.family === family) as Address);
}

import { createFabricRouting, type FabricRouting, hostChanges } from "../src/fabric/index.ts";
import type { Fabric, Host, Network } from "../src/model/index.ts";
import { parseAddress } from "../src/net/index.ts";
import { decodeFabric, decodeNetwork } from "../src/schema/index.ts";
import { type BenchResult, median } from "./bench.ts";

const RACKS = 125;
const HOSTS_PER_RACK = 40;
const SPINES = 4;
const LEAVES_PER_RACK = 2;
const ROUNDS = 5;

/** The routes of every device of a large fabric, derived by the production code; nothing is installed. */
export async function run(): Promise<BenchResult> {
  const { fabric, network, hosts } = largeSite();
  const full: number[] = [];
  const one: number[] = [];
  let routing = createFabricRouting(fabric, [network], hosts);
  let routes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    full.push(
      timed(() => {
        routing = createFabricRouting(fabric, [network], hosts);
        routes = countAll(routing);
      }),
    );
    const newcomer = hostOf(round, HOSTS_PER_RACK);
    one.push(
      timed(() => {
        const after = routing.withHost(newcomer);
        const changed = hostChanges(routing, after).length;
        if (changed !== LEAVES_PER_RACK + HOSTS_PER_RACK + 1) throw new Error(`${changed} devices changed`);
      }),
    );
  }
  const most = (role: string): number =>
    Math.max(
      ...routing.devices
        .filter((device) => device.role === role)
        .map(({ name }) => routing.routesOf(name).length),
    );
  return {
    name: "fabric",
    method: `${RACKS * HOSTS_PER_RACK} hosts in ${RACKS} racks behind ${LEAVES_PER_RACK} leaves each, ${SPINES} spines, IPv4; ${ROUNDS} rounds, medians`,
    rows: [
      {
        what: "routes of a host, most",
        value: most("host"),
        unit: "routes",
        bar: { relation: "at most", value: HOSTS_PER_RACK + RACKS },
      },
      { what: "routes of a leaf, most", value: most("leaf"), unit: "routes" },
      {
        what: "routes of a spine, most",
        value: most("spine"),
        unit: "routes",
        bar: { relation: "at most", value: RACKS },
      },
      { what: "routes of all devices", value: routes, unit: "routes" },
      {
        what: "derive the routes of all devices",
        value: median(full),
        unit: "ms",
        bar: { relation: "at most", value: 1000 },
      },
      {
        what: "one host more: what changes where",
        value: median(one),
        unit: "ms",
        bar: { relation: "at most", value: 10 },
      },
    ],
  };
}

function largeSite(): { fabric: Fabric; network: Network; hosts: readonly Host[] } {
  const racks = Array.from({ length: RACKS }, (_, rack) => rack);
  const leaves = Array.from({ length: LEAVES_PER_RACK }, (_, leaf) => leaf);
  const spines = Array.from({ length: SPINES }, (_, spine) => spine);
  const fabric = decodeFabric({
    name: "large",
    hostAsn: 4_200_000_000,
    spines: spines.map((spine) => ({ name: `spine-${spine}`, asn: 65000, routerId: `192.0.2.${spine}` })),
    racks: racks.map((rack) => ({
      group: [`rack-${rack}`],
      leaves: leaves.map((leaf) => ({
        name: `leaf-${rack}-${leaf}`,
        asn: 4_210_000_000 + rack,
        routerId: `198.51.${leaf}.${rack}`,
        segment: { ipv4: `172.16.${rack}.${200 + leaf}` },
      })),
    })),
    links: spines.flatMap((spine) =>
      racks.flatMap((rack) =>
        leaves.map((leaf) => ({
          ends: [
            { device: `spine-${spine}`, ipv4: `172.20.${spine * LEAVES_PER_RACK + leaf}.${rack}` },
            { device: `leaf-${rack}-${leaf}`, ipv4: `172.21.${spine * LEAVES_PER_RACK + leaf}.${rack}` },
          ] as const,
        })),
      ),
    ) as never,
  });
  const network = decodeNetwork({
    name: "default",
    plans: {
      ipv4: {
        prefix: "10.0.0.0/8",
        groupLevels: [{ name: "rack", bits: 7 }],
        hostBits: 6,
        tenantBits: 5,
        segmentBits: 3,
        endpointBits: 3,
      },
    },
    groups: racks.map((rack) => ({ name: `rack-${rack}`, id: rack })),
  });
  const hosts = racks.flatMap((rack) => Array.from({ length: HOSTS_PER_RACK }, (_, id) => hostOf(rack, id)));
  return { fabric, network, hosts };
}

function hostOf(rack: number, index: number): Host {
  const id = index + 1;
  return {
    name: `host-${rack}-${id}`,
    id,
    group: [`rack-${rack}`],
    underlay: { ipv4: parseAddress(`172.16.${rack}.${id}`) },
  };
}

function countAll(routing: FabricRouting): number {
  return routing.devices.reduce((sum, { name }) => sum + routing.routesOf(name).length, 0);
}

function timed(work: () => unknown): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

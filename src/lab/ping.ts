import { namespacePath } from "../system/namespace.ts";
import { type Cell, cellsOf, type Member, planProbes } from "./matrix.ts";
import { type ProberOptions, runProbes } from "./prober.ts";
import { loadLab } from "./state.ts";
import type { LabTopology } from "./topology.ts";
import { currentWorld, type LabWorld } from "./world.ts";

/** The reachability of a lab, as it was measured and as it should be. */
export interface PingReport {
  readonly lab: string;
  /** Where TCP and UDP probes went to. */
  readonly port: number;
  /** Names of the rows: hosts, then endpoints. */
  readonly hosts: readonly string[];
  readonly endpoints: readonly { readonly name: string; readonly host: string }[];
  readonly cells: readonly Cell[];
  /** Endpoints of the lab that have no address, and so no row: never as expected. */
  readonly missing: readonly string[];
  readonly probes: number;
  /** Milliseconds that all probes took together. */
  readonly elapsed: number;
  readonly isAsExpected: boolean;
}

/** Where probes go to when nothing else is said, as in other questions about traffic. */
const DEFAULT_PORT = 80;

/** How a lab is measured. */
export interface PingOptions extends ProberOptions {
  /** Port of TCP and UDP; nothing in the lab's endpoints may listen there. Default 80. */
  readonly port?: number;
}

/** Numbers that name a run fit into 32 bits. */
const NONCES = 2 ** 32;

/**
 * Measures who reaches whom in a lab by real packets, and compares every cell with what policies and the tenants'
 * isolation say. What should be comes from romanad's objects, never from rules or routes.
 * @throws RomanaError `not-found` when there is no such lab, `unavailable` when it is not up, `conflict` when
 * something listens on the port.
 */
export async function ping(
  name: string,
  { port = DEFAULT_PORT, ...options }: PingOptions,
): Promise<PingReport> {
  const lab = loadLab(name);
  const world = await currentWorld(lab.paths);
  const { members, missing } = membersOf(lab, world);
  const planned = planProbes(world, members, port);
  const started = performance.now();
  const results = await runProbes(planned, Math.floor(Math.random() * NONCES), options);
  const elapsed = performance.now() - started;
  const cells = cellsOf(planned, results);
  return {
    lab: name,
    port,
    hosts: members.filter(({ kind }) => kind === "host").map(({ station }) => station.name),
    endpoints: members.flatMap((member) =>
      member.kind === "endpoint" ? [{ name: member.station.name, host: member.endpoint.host }] : [],
    ),
    cells,
    missing,
    probes: planned.length,
    elapsed,
    isAsExpected: missing.length === 0 && cells.every((cell) => cell.isAsExpected),
  };
}

function membersOf(lab: LabTopology, world: LabWorld): { members: Member[]; missing: string[] } {
  const endpoints = new Map(world.endpoints.map((endpoint) => [endpoint.name, endpoint]));
  const hosts = new Map(world.hosts.map((host) => [host.name, host]));
  const stationOf = (name: string, namespace: string, serves: boolean): Member["station"] => ({
    name,
    namespace: namespacePath(namespace),
    serves,
  });
  const members: Member[] = [];
  const missing: string[] = [];
  for (const { spec, namespace } of lab.hosts) {
    const host = hosts.get(spec.name);
    if (host === undefined) missing.push(spec.name);
    else members.push({ kind: "host", host, station: stationOf(spec.name, namespace, false) });
  }
  for (const { spec, namespace } of lab.endpoints) {
    const endpoint = endpoints.get(spec.name);
    if (endpoint === undefined) missing.push(spec.name);
    else members.push({ kind: "endpoint", endpoint, station: stationOf(spec.name, namespace, true) });
  }
  return { members, missing };
}

import { hasCode, isTemporary, RomanaError } from "../model/index.ts";
import { encodeAddressPair } from "../schema/index.ts";
import { namespacePath } from "../system/namespace.ts";
import { connectTo, reportOf } from "./connections.ts";
import { agentPaths, labPaths } from "./paths.ts";
import { commandLine, findLabProcesses, residentMemory } from "./processes.ts";
import { type LabState, labDirectory, labNamespaces, loadLab, stateOf } from "./state.ts";
import type { LabTopology } from "./topology.ts";
import { currentWorld } from "./world.ts";

/** A process of a lab. */
export interface LabProcess {
  /** `romanad`, `agent of HOST`, or the command line of what somebody else runs in the lab. */
  readonly name: string;
  readonly pid: number;
  /** Resident memory in bytes. */
  readonly memory: number;
}

/** A host of a lab as it is now. */
export interface LabHostStatus {
  readonly name: string;
  readonly namespace: string;
  readonly underlay: { readonly ipv4?: string; readonly ipv6?: string };
  /** What its agent last reported; `unknown` when it never did, and when it runs no more. */
  readonly state: "ok" | "degraded" | "unknown";
  readonly problems: readonly string[];
}

/** An endpoint of a lab as it is now; without addresses when romanad knows no such endpoint. */
export interface LabEndpointStatus {
  readonly name: string;
  readonly namespace: string;
  readonly host: string;
  readonly tenant: string;
  readonly segment: string;
  readonly ipv4?: string;
  readonly ipv6?: string;
}

/** A lab as it is now. */
export interface LabStatus {
  readonly name: string;
  readonly state: LabState;
  /** Where its romanad is, for `romana --server`. */
  readonly server: string;
  readonly processes: readonly LabProcess[];
  readonly hosts: readonly LabHostStatus[];
  readonly endpoints: readonly LabEndpointStatus[];
}

/** Looks at a lab in whatever state it is. @throws RomanaError `not-found`. */
export async function readStatus(name: string): Promise<LabStatus> {
  const lab = loadLab(name);
  const state = stateOf(lab.paths);
  const processes = processesOf(lab);
  return {
    name,
    state,
    server: `unix://${lab.paths.romanad.socket}`,
    processes,
    hosts: await hostsOf(lab, new Set(processes.map((process) => process.name))),
    endpoints: state === "up" ? await endpointsOf(lab) : [],
  };
}

/** One line about a lab. */
export interface LabSummary {
  readonly name: string;
  readonly state: LabState;
  readonly hosts: number;
  readonly endpoints: number;
}

/** A line about a lab that is there, without asking its programs. One that has no description yet has no hosts. */
export function summarize(name: string): LabSummary {
  const state = stateOf(labPaths(labDirectory(name)));
  try {
    const { hosts, endpoints } = loadLab(name);
    return { name, state, hosts: hosts.length, endpoints: endpoints.length };
  } catch (error) {
    if (!hasCode(error, "not-found")) throw error;
    return { name, state, hosts: 0, endpoints: 0 };
  }
}

function processesOf(lab: LabTopology): LabProcess[] {
  const namespaces = labNamespaces(lab.name).map(namespacePath);
  const programs = new Map([
    [lab.paths.romanad.config, "romanad"],
    ...lab.hosts.map(({ spec }): [string, string] => [
      agentPaths(lab.paths, spec.name).config,
      agentName(spec.name),
    ]),
  ]);
  return findLabProcesses(lab.paths.directory, namespaces).map(({ pid }) => {
    const words = commandLine(pid);
    const config = words.find((word) => programs.has(word));
    const name = config === undefined ? words.join(" ") : (programs.get(config) as string);
    return { name, pid, memory: residentMemory(pid) ?? 0 };
  });
}

function agentName(host: string): string {
  return `agent of ${host}`;
}

async function hostsOf(lab: LabTopology, running: ReadonlySet<string>): Promise<LabHostStatus[]> {
  const client = connectTo(lab.paths);
  try {
    return await Promise.all(
      lab.hosts.map(async ({ spec, namespace, underlay }): Promise<LabHostStatus> => {
        const host = { name: spec.name, namespace, underlay: encodeAddressPair(underlay) };
        if (!running.has(agentName(spec.name))) {
          return { ...host, state: "unknown", problems: ["Its agent does not run"] };
        }
        const report = await reportOf(client, spec.name).catch(unknownWhenAway);
        return { ...host, state: report?.state ?? "unknown", problems: report?.problems ?? [] };
      }),
    );
  } finally {
    await client.close();
  }
}

async function endpointsOf(lab: LabTopology): Promise<LabEndpointStatus[]> {
  const { endpoints } = await currentWorld(lab.paths);
  const found = new Map(endpoints.map((endpoint) => [endpoint.name, endpoint]));
  return lab.endpoints.map(({ spec: { name, host, tenant, segment }, namespace }) => {
    const addresses = encodeAddressPair(found.get(name)?.addresses ?? {});
    return { name, namespace, host, tenant, segment, ...addresses };
  });
}

function unknownWhenAway(error: unknown): undefined {
  if (!(error instanceof RomanaError) || !isTemporary(error.code)) throw error;
}

import { join } from "node:path";
import { formatSegmentCode } from "../addressing/index.ts";
import type { Client } from "../client/index.ts";
import { RomanaError, type HostStatus } from "../model/index.ts";
import type { Prefix } from "../net/index.ts";
import { encodeAddressPair, encodeNetwork, type HostResource } from "../schema/index.ts";
import { decodeLab } from "../schema/lab.ts";
import { namespacePath } from "../system/namespace.ts";
import { tearDown } from "./down.ts";
import { type AgentCaller, connectTo, connectToAgent, reportOf } from "./connections.ts";
import { agentPaths } from "./paths.ts";
import { logTail, pause, type Started, startProgram, throwIfAborted, waitForAnswer } from "./programs.ts";
import { claimLab } from "./state.ts";
import type { LabEndpoint, LabHost, LabTopology } from "./topology.ts";
import { createEndpointNamespace, createHostNamespace, createUnderlay, routeHosts } from "./underlay.ts";
import { readWorld, writeRecord } from "./world.ts";

/** The interface of an endpoint inside its namespace. */
const ENDPOINT_INTERFACE = "eth0";

/** How long all hosts may take until they report that all is well, in milliseconds. */
const REPORT_TIMEOUT = 60_000;

/** How often they are asked meanwhile, in milliseconds. */
const REPORT_INTERVAL = 50;

/** How a lab is brought up. */
export interface UpOptions {
  readonly signal: AbortSignal;
  /** Told of every step, of a failure, and of the last lines of logs then. */
  readonly progress: (line: string) => void;
}

/**
 * Brings up a lab and returns when every host reports that all is well and every endpoint is attached. When a
 * step fails, or the user interrupts, everything is removed again.
 * @throws RomanaError `invalid-input` for the document, `conflict` when it is there already, or what a step threw.
 */
export async function bringUp(document: unknown, { signal, progress }: UpOptions): Promise<LabTopology> {
  const { name } = decodeLab(document);
  const lab = claimLab(name, document);
  const started: Started[] = [];
  try {
    await build(lab, started, { signal, progress });
    return lab;
  } catch (error) {
    for (const { program } of started) {
      for (const line of logTail(program.paths)) progress(`${program.paths.log}: ${line}`);
    }
    progress(`lab ${name}: removing what was made`);
    await tearDown(name);
    throw error;
  }
}

async function build(lab: LabTopology, started: Started[], { signal, progress }: UpOptions): Promise<void> {
  const step = createSteps(lab.name, signal, progress);
  const client = connectTo(lab.paths);
  try {
    await step("making the underlay", () => createUnderlay(lab));
    await step("starting romanad", () => startRomanad(lab, client, started, signal));
    const objects = count(lab.networks.length, "network") + ` and ${count(lab.tenants.length, "tenant")}`;
    const hosts = await step(`creating ${objects}`, () => createObjects(lab, client));
    await step(`starting ${count(lab.hosts.length, "host")}`, () => startHosts(lab, hosts, started, signal));
    await step("waiting for the hosts", () => waitForReports(client, hosts, () => 0, signal));
    await step(`attaching ${count(lab.endpoints.length, "endpoint")}`, () => attachAll(lab, signal));
    await step("waiting until all hosts are well", async () => {
      await waitForReports(client, hosts, (host) => endpointsOn(lab, host).length, signal);
      writeRecord(lab.paths, await readWorld(client));
    });
  } finally {
    await client.close();
  }
}

/** Steps of {@link build}, so that people see how far it is. */
const STEPS = 7;

type Step = <T>(title: string, run: () => Promise<T>) => Promise<T>;

function createSteps(lab: string, signal: AbortSignal, progress: (line: string) => void): Step {
  let number = 0;
  return async (title, run) => {
    throwIfAborted(signal);
    number += 1;
    progress(`lab ${lab}: [${number}/${STEPS}] ${title}`);
    return run();
  };
}

async function startRomanad(
  lab: LabTopology,
  client: Client,
  started: Started[],
  signal: AbortSignal,
): Promise<void> {
  const paths = lab.paths.romanad;
  const romanad = startProgram(lab.paths.directory, {
    name: "romanad",
    paths,
    namespace: namespacePath(lab.underlay),
    config: { socket: paths.socket, data: join(paths.directory, "data") },
  });
  started.push(romanad);
  await waitForAnswer(romanad, signal, () => client.call("getReadiness", {}));
}

/** Makes the lab's objects in romanad and returns the hosts, in the order of the lab. */
async function createObjects(lab: LabTopology, client: Client): Promise<readonly HostResource[]> {
  for (const network of lab.networks) await client.call("createNetwork", { body: encodeNetwork(network) });
  for (const { segments, ...tenant } of lab.tenants) {
    await client.call("createTenant", { body: tenant });
    for (const { name, codes } of segments) {
      const body = { name, ...(codes && { codes: codes.map(formatSegmentCode) }) };
      await client.call("createSegment", { params: { tenant: tenant.name }, body });
    }
  }
  const hosts: HostResource[] = [];
  for (const { spec, underlay } of lab.hosts) {
    const body = { ...spec, underlay: encodeAddressPair(underlay) };
    hosts.push(await client.call("createHost", { body }));
  }
  return hosts;
}

async function startHosts(
  lab: LabTopology,
  resources: readonly HostResource[],
  started: Started[],
  signal: AbortSignal,
): Promise<void> {
  const agents: Started[] = [];
  for (const host of lab.hosts) {
    throwIfAborted(signal);
    await createHostNamespace(lab, host);
    const agent = startAgent(lab, host);
    started.push(agent);
    agents.push(agent);
  }
  const routes = lab.hosts.flatMap((host, index) =>
    prefixesOf(resources[index]).map((prefix) => ({ host, prefix })),
  );
  await routeHosts(lab, routes);
  await Promise.all(
    agents.map(async (agent) => {
      const caller = connectToAgent(agent.program.paths);
      try {
        await waitForAnswer(agent, signal, () => caller.call("getAgentStatus", {}));
      } finally {
        await caller.close();
      }
    }),
  );
}

function startAgent(lab: LabTopology, { spec, namespace }: LabHost): Started {
  const paths = agentPaths(lab.paths, spec.name);
  return startProgram(lab.paths.directory, {
    name: "romana-agent",
    paths,
    namespace: namespacePath(namespace),
    config: {
      host: spec.name,
      server: `unix://${lab.paths.romanad.socket}`,
      stateDir: join(paths.directory, "state"),
      socket: paths.socket,
    },
  });
}

function prefixesOf(host: HostResource | undefined): Prefix[] {
  const pairs = host === undefined ? [] : [...host.prefixes.values()];
  return pairs.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((prefix) => prefix !== undefined));
}

/**
 * Waits until every host reports that all is well, from a view as new as the last host, with as many
 * attachments as `attached` says.
 */
async function waitForReports(
  client: Client,
  hosts: readonly HostResource[],
  attached: (host: string) => number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + REPORT_TIMEOUT;
  const revision = Math.max(...hosts.map((host) => host.revision));
  for (const { name } of hosts) {
    for (;;) {
      const report = await reportOf(client, name);
      const isCurrent = report !== undefined && report.observedRevision >= revision;
      if (isCurrent && report.state === "ok" && report.attachments >= attached(name)) break;
      if (performance.now() > deadline) throw notWell(name, report);
      await pause(REPORT_INTERVAL, signal);
    }
  }
}

function notWell(host: string, report: HostStatus | undefined): RomanaError {
  const reason =
    report === undefined
      ? "its agent has not reported"
      : `its agent reports ${report.state} at revision ${report.observedRevision} with ${count(report.attachments, "attachment")}`;
  const problems = report?.problems.map((problem) => `; ${problem}`).join("") ?? "";
  return new RomanaError(`Cannot bring up host "${host}": ${reason}${problems}`, { code: "timeout" });
}

/** Attaches all endpoints: one host at a time would be slow, one endpoint of a host at a time is not. */
async function attachAll(lab: LabTopology, signal: AbortSignal): Promise<void> {
  await Promise.all(
    lab.hosts.map(async ({ spec }) => {
      const caller = connectToAgent(agentPaths(lab.paths, spec.name));
      try {
        for (const endpoint of endpointsOn(lab, spec.name)) {
          throwIfAborted(signal);
          await createEndpointNamespace(endpoint.namespace);
          await attach(caller, endpoint);
        }
      } finally {
        await caller.close();
      }
    }),
  );
}

async function attach(agent: AgentCaller, { spec, namespace }: LabEndpoint): Promise<void> {
  const { name, tenant, segment, network, id } = spec;
  await agent.call("createAttachment", {
    body: {
      name,
      tenant,
      segment,
      ...(network !== undefined && { network }),
      ...(id !== undefined && { endpointId: id }),
      attach: { kind: "netns", netns: namespacePath(namespace), interface: ENDPOINT_INTERFACE },
    },
  });
}

function endpointsOn(lab: LabTopology, host: string): readonly LabEndpoint[] {
  return lab.endpoints.filter(({ spec }) => spec.host === host);
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

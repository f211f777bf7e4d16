import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildCni } from "../../../scripts/build-cni.ts";
import { Caller, type Client, createClient, parseServer } from "../../../src/client/index.ts";
import { AGENT_CONTRACT, type NetworkJson } from "../../../src/schema/index.ts";
import { until } from "../until.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";
import type { Daemon, Machine } from "./machine.ts";
import type { RuntimeNode } from "./runtime-node.ts";
import { UNDERLAY } from "./underlay.ts";

const BIN = join(import.meta.dirname, "../../../bin");

/** Port of romanad on the control machine. */
const ROMANAD_PORT = 9600;

/** Where an agent listens, in its machine. */
const AGENT_SOCKET = "/run/romana/agent.sock";

/** A dual-stack network for a handful of nodes, with room in namespaces and in classes. */
const NETWORK: NetworkJson = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 4, tenantBits: 6, segmentBits: 6, endpointBits: 8 },
    ipv6: { prefix: "fd00:10::/32", hostBits: 24, tenantBits: 24, segmentBits: 16, endpointBits: 32 },
  },
};

/** What Romana runs on. */
export interface RomanaMachines {
  readonly directory: ClusterDirectory;
  /** The machine of romanad. */
  readonly machine: Machine;
  readonly nodes: readonly RuntimeNode[];
}

/** What may differ. */
export interface RomanaOptions {
  readonly network?: NetworkJson;
  /** What the configuration of romanad has besides. */
  readonly romanad?: object;
  /** What the configuration of an agent has besides, by the number of its node. */
  readonly agent?: (node: number) => object;
  /** False where a controller makes hosts of nodes. Default true: this does. */
  readonly hosts?: boolean;
}

/** An agent on a node. */
export interface RomanaNode {
  readonly node: RuntimeNode;
  readonly daemon: Daemon;
  readonly agent: Caller<typeof AGENT_CONTRACT>;
}

/** Romana's own programs on the machines of a cluster. */
export interface RomanaPrograms {
  readonly client: Client;
  /** Where romanad is, for processes of this machine, and for those of the cluster's. */
  readonly server: string;
  readonly innerServer: string;
  readonly romanad: Daemon;
  readonly nodes: readonly RomanaNode[];
  /** Waits until all is well with every agent. */
  well(): Promise<void>;
  /** Ends the connections to the programs, which go with the cluster. */
  close(): Promise<void>;
}

/**
 * Starts romanad on the control machine and an agent on every node, and installs the plugin: what the manifests do, without
 * Kubernetes. With `hosts` all agents are well in the end.
 */
export async function startRomana(
  { directory, machine, nodes }: RomanaMachines,
  { network = NETWORK, romanad = {}, agent = () => ({}), hosts = true }: RomanaOptions = {},
): Promise<RomanaPrograms> {
  const socket = join(directory.path, "romanad.sock");
  const server = `unix://${socket}`;
  const innerServer = `http://${UNDERLAY.ipv4.control}:${ROMANAD_PORT}`;
  const config = join(machine.directory, "romanad.yaml");
  const data = join(directory.path, "romanad");
  const listen = `${UNDERLAY.ipv4.control}:${ROMANAD_PORT}`;
  writeFileSync(config, JSON.stringify({ socket, listen, data, ...romanad }));
  const daemon = machine.start("romanad", [process.execPath, join(BIN, "romanad.mjs"), "--config", config]);
  const client = createClient({ server: parseServer(server), retries: 0 });
  await until("romanad answers", async () => {
    daemon.check();
    await client.call("getReadiness", {});
  });
  await client.call("createNetwork", { body: network });
  const plugin = buildCni();
  const started = await Promise.all(
    nodes.map(async (node): Promise<RomanaNode> => {
      const underlay = { ipv4: node.ipv4, ipv6: node.ipv6 };
      if (hosts) await client.call("createHost", { body: { name: node.name, id: node.number, underlay } });
      installPlugin(node, plugin);
      await node.configureNetwork("10-romana.conflist", CONFIGURATION);
      return startAgent(node, { server: innerServer, ...agent(node.number) });
    }),
  );
  const well = async (): Promise<void> => {
    await Promise.all(started.map(isWell));
  };
  if (hosts) await well();
  return {
    client,
    server,
    innerServer,
    romanad: daemon,
    nodes: started,
    well,
    async close() {
      await Promise.all(started.map((each) => each.agent.close()));
      await client.close();
    },
  };
}

/** What runtimes are told. containerd 1.6 takes no newer version. */
const CONFIGURATION = {
  cniVersion: "1.0.0",
  name: "romana",
  plugins: [
    { type: "romana-cni", socket: AGENT_SOCKET },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

function installPlugin({ machine }: RuntimeNode, plugin: string): void {
  copyFileSync(plugin, machine.path("/opt/cni/bin/romana-cni"));
}

async function startAgent(node: RuntimeNode, change: object): Promise<RomanaNode> {
  const { machine, name } = node;
  mkdirSync(machine.path("/run/romana"), { recursive: true });
  const config = join(machine.directory, "romana-agent.yaml");
  writeFileSync(
    config,
    JSON.stringify({ host: name, stateDir: "/var/lib/romana/agent", socket: AGENT_SOCKET, ...change }),
  );
  const daemon = machine.start("romana-agent", [
    process.execPath,
    join(BIN, "romana-agent.mjs"),
    "--config",
    config,
  ]);
  const agent = new Caller(AGENT_CONTRACT, {
    server: parseServer(machine.path(AGENT_SOCKET)),
    retries: 0,
    timeout: 60_000,
  });
  await until(`the agent of ${name} answers`, async () => {
    daemon.check();
    await agent.call("getAgentStatus", {});
  });
  return { node, daemon, agent };
}

async function isWell({ node, agent }: RomanaNode): Promise<void> {
  await until(`the agent of ${node.name} is well`, async () => {
    const { state, problems, romanad } = await agent.call("getAgentStatus", {});
    if (state !== "ok" || !romanad.connected) throw new Error(JSON.stringify({ state, problems, romanad }));
  });
}

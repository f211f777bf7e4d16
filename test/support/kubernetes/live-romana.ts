import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ApiServer, loadKubeConfig } from "../../../src/controller/index.ts";
import type { NetworkJson } from "../../../src/schema/index.ts";
import { until } from "../until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { writeKubeconfig } from "./credentials.ts";
import type { Daemon } from "./machine.ts";
import { clusterNetworkPolicyDefinition } from "./network-policy-api.ts";
import type { ProxyMode } from "./node.ts";
import { ObjectWriter } from "./objects.ts";
import { type RomanaPrograms, startRomana } from "./romana.ts";
import { RomanadView } from "./romanad-view.ts";

const DEPLOY = join(import.meta.dirname, "../../../deploy/kubernetes");
const PROGRAM = join(import.meta.dirname, "../../../bin/romana-kubernetes.mjs");

/** The plans that {@link policyInBothFamilies} of the truth tables needs, with room for all their namespaces and classes. */
const NETWORK: NetworkJson = {
  name: "default",
  plans: {
    ipv4: { prefix: "10.0.0.0/8", hostBits: 8, tenantBits: 6, segmentBits: 6, endpointBits: 4 },
    ipv6: { prefix: "fd52:4f00::/24", hostBits: 24, tenantBits: 24, segmentBits: 24, endpointBits: 32 },
  },
};

/** What is installed in every cluster besides the programs: kinds of Romana's own, and the policies that make it a Kubernetes network. */
const INSTALLED = [
  ["-k", join(DEPLOY, "crds")],
  ["-f", join(DEPLOY, "base/policies.yaml")],
];

/** Milliseconds until agents have heard and done something, on a busy machine. */
const ENFORCE_TIMEOUT = 60_000;

/** A whole cluster whose network is Romana's own programs, started as an operator's init system would. */
export interface LiveRomana {
  readonly cluster: Cluster;
  readonly romana: RomanaPrograms;
  readonly controller: Daemon;
  readonly api: ApiServer;
  readonly write: ObjectWriter;
  readonly view: RomanadView;
  /** What the agent of a node enforces with, by the number of the node. */
  readonly firewall: (node: number) => Firewall;
  /** Waits until every agent says that its host is made as romanad has said until now. */
  enforced(): Promise<void>;
  close(): Promise<void>;
}

/** What an agent enforces with. */
export type Firewall = "nftables" | "iptables";

/** What may differ. */
export interface LiveOptions {
  /** What the agent of a node enforces with, by the number of the node. Default: all with nftables. */
  readonly firewall?: (node: number) => Firewall;
  /** Runs kube-proxy on every node. Default: none, service addresses do not work. */
  readonly proxy?: ProxyMode;
  /** What the configuration of the controller has besides. */
  readonly controller?: object;
}

/** Starts it: romanad and controller on the control machine, agent and plugin on three nodes. */
export async function startLiveRomana({
  proxy,
  firewall = () => "nftables",
  controller: config = {},
}: LiveOptions = {}): Promise<LiveRomana> {
  const cluster = await startCluster({ network: "none", proxy });
  try {
    const api = new ApiServer(loadKubeConfig(cluster.kubeconfig, {}));
    const write = new ObjectWriter(api);
    await write.create((await clusterNetworkPolicyDefinition()) as Parameters<ObjectWriter["create"]>[0]);
    for (const installed of INSTALLED) await cluster.kubectl(["apply", ...installed]);
    const romana = await startRomana(cluster, {
      network: NETWORK,
      hosts: false,
      agent: (node) => ({ firewall: firewall(node) }),
    });
    const view = new RomanadView(romana.client);
    const controller = startController(cluster, romana, config);
    await Promise.all([romana.well(), cluster.nodesReady()]);
    return {
      cluster,
      romana,
      controller,
      api,
      write,
      view,
      firewall,
      async enforced() {
        await Promise.all(romana.nodes.map((node) => isMadeAs(node, view.revision)));
      },
      async close() {
        view.close();
        await api.close();
        await romana.close();
        await cluster.close();
      },
    };
  } catch (error) {
    await cluster.close();
    throw error;
  }
}

function startController(
  { machine, credentials, innerServer }: Cluster,
  { innerServer: server }: RomanaPrograms,
  more: object,
): Daemon {
  const file = (name: string): string => join(machine.directory, name);
  const user = credentials.admin;
  const kubeconfig = writeKubeconfig(file("controller.kubeconfig"), innerServer, credentials.ca, user);
  const config = { server, kubeconfig, listen: null, lease: { seconds: 3 }, ...more };
  writeFileSync(file("romana-kubernetes.yaml"), JSON.stringify(config));
  const line = [process.execPath, PROGRAM, "--config", file("romana-kubernetes.yaml")];
  return machine.start("romana-kubernetes", line);
}

async function isMadeAs({ node, agent }: RomanaPrograms["nodes"][number], revision: number): Promise<void> {
  await until(
    `${node.name} is made as of revision ${revision}`,
    async () => {
      const { observedRevision, state, problems } = await agent.call("getAgentStatus", {});
      if (observedRevision < revision) throw new Error(`it is at revision ${observedRevision}`);
      if (state !== "ok") throw new Error(problems.join("; "));
    },
    ENFORCE_TIMEOUT,
  );
}

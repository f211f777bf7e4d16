import { until } from "../until.ts";
import { type ClusterDirectory, createClusterDirectory } from "./cluster-directory.ts";
import { type ControlPlane, startControlMachine, startControlPlane } from "./control-plane.ts";
import { writeBaseImages } from "./images.ts";
import type { Machine } from "./machine.ts";
import { joinCluster, type KubernetesNode, type ProxyMode } from "./node.ts";
import { buildPeers } from "./peers.ts";
import { nodeName, type RuntimeNode, startRuntimeNode } from "./runtime-node.ts";
import { configureStandInNetwork } from "./stand-in-network.ts";

/** What a cluster shall be. */
export interface ClusterOptions {
  /** Number of nodes, called `node-1`, `node-2`, …; default 3. */
  readonly nodes?: number;
  /** Labels of a node by its number. */
  readonly labels?: (number: number) => Readonly<Record<string, string>>;
  /**
   * `stand-in`: a network that just works, and nodes that are ready. `none`: whoever starts the cluster installs one, and nodes
   * are not ready before. Default `stand-in`.
   */
  readonly network?: "stand-in" | "none";
  /** Runs kube-proxy on every node. Default: none, service addresses do not work. */
  readonly proxy?: ProxyMode | undefined;
  /** Archives of images that every node has besides {@link BUSYBOX_IMAGE}. */
  readonly images?: readonly string[];
}

/** Machines with containerd, without Kubernetes. */
export interface RuntimeCluster {
  readonly directory: ClusterDirectory;
  /** Where the links of all nodes meet. */
  readonly machine: Machine;
  readonly nodes: readonly RuntimeNode[];
  close(): Promise<void>;
}

/** A cluster of Kubernetes that runs. */
export interface Cluster extends ControlPlane {
  readonly nodes: readonly KubernetesNode[];
  /** Waits until all nodes are ready. */
  nodesReady(): Promise<void>;
}

/** Milliseconds that nodes may take to become ready. */
const READY_TIMEOUT = 90_000;

/**
 * A whole cluster: etcd, API server, controller manager, scheduler; nodes with containerd and kubelet; each in namespaces of its own,
 * and all gone with `close()`, or with the process that started it.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { nodes: count = 3, labels, network = "stand-in", proxy, images = [] } = options;
  const peers = await buildPeers();
  const directory = await createClusterDirectory();
  try {
    const machine = await startControlMachine(directory);
    const archives = [...(await writeBaseImages(directory.path)), ...images];
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const controlOptions = { nodes: numbers.map(nodeName), controllers: true, scheduler: true };
    const [control, ...runtimes] = await settleAll([
      startControlPlane(peers, directory, machine, controlOptions),
      ...numbers.map((number) => startRuntimeNode(directory, machine, number, archives)),
    ]);
    if (network === "stand-in") await configureStandInNetwork(runtimes, machine);
    const nodes = runtimes.map((node) =>
      joinCluster(node, control, { labels: labels?.(node.number) ?? {}, proxy }),
    );
    const nodesReady = async (): Promise<void> => {
      const wait = ["wait", "--for=condition=Ready", ...nodes.map(({ name }) => `node/${name}`)];
      // A node that is not there yet is an error to kubectl.
      await until(
        "all nodes are ready",
        () => {
          for (const { kubelet } of nodes) kubelet.check();
          return control.kubectl([...wait, `--timeout=${READY_TIMEOUT / 1000}s`]);
        },
        { timeout: READY_TIMEOUT, interval: 100 },
      );
    };
    if (network === "stand-in") await nodesReady();
    // Without it no pod can be created.
    await until("there are service accounts", () => control.kubectl(["get", "serviceaccount", "default"]), {
      interval: 50,
    });
    return { ...control, nodes, nodesReady, close: () => closeAll(nodes, directory) };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Machines with containerd that reach each other, for tests that speak with the runtime itself. Without a network for pods. */
export async function startRuntimeCluster(count: number): Promise<RuntimeCluster> {
  const directory = await createClusterDirectory();
  try {
    const machine = await startControlMachine(directory);
    const archives = await writeBaseImages(directory.path);
    const numbers = Array.from({ length: count }, (_, index) => index + 1);
    const nodes = await settleAll(
      numbers.map((number) => startRuntimeNode(directory, machine, number, archives)),
    );
    return { directory, machine, nodes, close: () => closeAll(nodes, directory) };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

async function closeAll(nodes: readonly RuntimeNode[], directory: ClusterDirectory): Promise<void> {
  for (const { cri } of nodes) cri.close();
  await directory.close();
}

/** Waits for all, also when one fails: nobody may still be at work on what is about to be removed. */
async function settleAll<T extends readonly unknown[]>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

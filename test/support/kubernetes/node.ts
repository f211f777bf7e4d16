import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ControlPlane, PROXY } from "./control-plane.ts";
import { writeKubeconfig } from "./credentials.ts";
import type { Daemon } from "./machine.ts";
import type { RuntimeNode } from "./runtime-node.ts";

/** How kube-proxy translates service addresses. */
export type ProxyMode = "iptables" | "nftables";

/** A node of Kubernetes. */
export interface KubernetesNode extends RuntimeNode {
  readonly kubelet: Daemon;
  readonly proxy: Daemon | undefined;
}

/** How a node joins. */
export interface JoinOptions {
  /** Labels besides those that every node has. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Runs kube-proxy, too. */
  readonly proxy?: ProxyMode | undefined;
}

/** Makes a machine with containers a node of a cluster: starts its kubelet, and kube-proxy if wanted. */
export function joinCluster(
  node: RuntimeNode,
  { peers, credentials, innerServer }: ControlPlane,
  { labels = {}, proxy }: JoinOptions = {},
): KubernetesNode {
  const { machine, name, ipv4, ipv6 } = node;
  const file = (base: string): string => join(machine.directory, base);
  const userFile = (base: string, user: string): string =>
    writeKubeconfig(file(base), innerServer, credentials.ca, credentials.user(user));
  writeFileSync(file("kubelet.json"), JSON.stringify(KUBELET_CONFIG, undefined, 2));
  const labelText = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const kubelet = machine.start("kubelet", [
    peers.kubelet,
    `--config=${file("kubelet.json")}`,
    `--kubeconfig=${userFile("kubelet.kubeconfig", `system:node:${name}`)}`,
    `--hostname-override=${name}`,
    `--node-ip=${ipv4},${ipv6}`,
    `--node-labels=${labelText.join(",")}`,
  ]);
  if (proxy === undefined) return { ...node, kubelet, proxy: undefined };
  const config = proxyConfig(name, userFile("proxy.kubeconfig", PROXY), proxy);
  writeFileSync(file("proxy.json"), JSON.stringify(config, undefined, 2));
  const line = [peers["kube-proxy"], `--config=${file("proxy.json")}`];
  return { ...node, kubelet, proxy: machine.start("kube-proxy", line) };
}

/** Never evicts: how full this machine is, is not what a test is about. */
const NO_EVICTION = {
  "memory.available": "0%",
  "nodefs.available": "0%",
  "nodefs.inodesFree": "0%",
  "imagefs.available": "0%",
};

/**
 * KubeletConfiguration v1beta1. Whoever reaches the port of a kubelet may use it: only machines of the cluster do. Nothing is
 * written outside of directories that machines have for themselves.
 */
const KUBELET_CONFIG = {
  kind: "KubeletConfiguration",
  apiVersion: "kubelet.config.k8s.io/v1beta1",
  containerRuntimeEndpoint: "unix:///run/containerd/containerd.sock",
  authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
  authorization: { mode: "AlwaysAllow" },
  cgroupDriver: "cgroupfs",
  failCgroupV1: false,
  failSwapOn: false,
  oomScoreAdj: 0,
  kubeAPIQPS: 200,
  kubeAPIBurst: 400,
  enforceNodeAllocatable: [],
  evictionHard: NO_EVICTION,
  imageGCHighThresholdPercent: 100,
  maxPods: 250,
  clusterDomain: "cluster.local",
  clusterDNS: ["172.20.0.10"],
  resolvConf: "/etc/resolv.conf",
  staticPodPath: "/etc/kubernetes/manifests",
  volumePluginDir: "/var/lib/kubelet/volume-plugins",
  nodeStatusUpdateFrequency: "2s",
};

/** Connection tracking of the real machine is not touched. */
function proxyConfig(hostnameOverride: string, kubeconfig: string, mode: ProxyMode): object {
  return {
    kind: "KubeProxyConfiguration",
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    mode,
    hostnameOverride,
    clientConnection: { kubeconfig },
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
  };
}

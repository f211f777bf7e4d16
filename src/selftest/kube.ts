import { type Readable, Writable } from "node:stream";
import {
  ApiException,
  CoreV1Api,
  type CoreV1Event,
  CustomObjectsApi,
  Exec,
  KubeConfig,
  type V1Node,
  type V1Pod,
  type V1Service,
} from "@kubernetes/client-node";
import { invalidInput, RomanaError } from "../model/index.ts";
import type { ClusterNode } from "./node-findings.ts";
import { CLUSTER_POLICY_API } from "./objects.ts";
import { targetOf } from "./paths.ts";

/** A pod of the check as the API server tells of it. */
export interface RunningPod {
  readonly name: string;
  readonly node: string;
  readonly isReady: boolean;
  readonly addresses: readonly string[];
  /** Why it is not ready, as far as that is said. */
  readonly reason: string;
}

/** The pod of romanad. */
export interface RomanadPod {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly image: string;
}

/** What a cluster is asked for. */
export interface Kube {
  nodes(): Promise<readonly ClusterNode[]>;
  /** @returns its UID */
  createNamespace(name: string): Promise<string>;
  /** Deletes it with all that is in it. One that is gone is fine. */
  deleteNamespace(name: string): Promise<void>;
  hasNamespace(name: string): Promise<boolean>;
  createPod(namespace: string, pod: object): Promise<void>;
  pods(namespace: string): Promise<readonly RunningPod[]>;
  setLabel(namespace: string, pod: string, key: string, value: string): Promise<void>;
  /** @returns its addresses */
  createService(namespace: string, service: object): Promise<readonly string[]>;
  /** `ADDRESS:PORT` of the service by which pods reach the API server. */
  apiService(): Promise<string>;
  createPolicy(namespace: string, policy: object): Promise<void>;
  servesClusterPolicies(): Promise<boolean>;
  createClusterPolicy(policy: object): Promise<void>;
  /** One that is gone is fine. */
  deleteClusterPolicy(name: string): Promise<void>;
  /** The pod of romanad, where the installation's manifests put one. */
  romanadPod(): Promise<RomanadPod | undefined>;
  /** Runs a command in a pod with these for its input and output; resolves when it has started. */
  pipe(pod: RomanadPod, command: readonly string[], stdin: Readable, stdout: Writable): Promise<void>;
  /** Runs a command in a pod of the check. @returns what it prints. @throws RomanaError `command-failed` */
  exec(namespace: string, pod: string, command: readonly string[]): Promise<string>;
}

const NETWORK_POLICY_API = {
  group: "networking.k8s.io",
  version: "v1",
  plural: "networkpolicies",
} as const;

const NOT_FOUND = 404;

/** The cluster of a kubeconfig file; absent: `$KUBECONFIG`, the user's own file, or that of the pod that this runs in. */
export function openKube(file: string | undefined): Kube {
  const config = loadConfig(file);
  const core = config.makeApiClient(CoreV1Api);
  const custom = config.makeApiClient(CustomObjectsApi);
  const exec = new Exec(config);
  return {
    nodes: async () => (await core.listNode()).items.map(nodeOf),
    async createNamespace(name) {
      const { metadata } = await core.createNamespace({ body: { metadata: { name } } });
      return metadata?.uid ?? "";
    },
    deleteNamespace: (name) => unlessGone(core.deleteNamespace({ name })),
    hasNamespace: (name) => isThere(core.readNamespace({ name })),
    async createPod(namespace, body) {
      await core.createNamespacedPod({ namespace, body: body as V1Pod });
    },
    async pods(namespace) {
      const { items } = await core.listNamespacedPod({ namespace });
      if (items.every(isReady)) return items.map((pod) => podOf(pod, []));
      const events = (await core.listNamespacedEvent({ namespace })).items;
      return items.map((pod) => podOf(pod, events));
    },
    async setLabel(namespace, name, key, value) {
      const path = `/metadata/labels/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
      await core.patchNamespacedPod({ namespace, name, body: [{ op: "add", path, value }] });
    },
    async createService(namespace, body) {
      const { spec } = await core.createNamespacedService({ namespace, body: body as V1Service });
      return spec?.clusterIPs ?? [];
    },
    async apiService() {
      const { spec } = await core.readNamespacedService({ namespace: "default", name: "kubernetes" });
      return targetOf(spec?.clusterIP ?? "", spec?.ports?.[0]?.port ?? 0);
    },
    async createPolicy(namespace, body) {
      // The typed API writes only the fields that it knows, and calls some of them by other names.
      await custom.createNamespacedCustomObject({ ...NETWORK_POLICY_API, namespace, body });
    },
    servesClusterPolicies: () => isThere(custom.getAPIResources(CLUSTER_POLICY_API)),
    async createClusterPolicy(body) {
      await custom.createClusterCustomObject({ ...CLUSTER_POLICY_API, body });
    },
    deleteClusterPolicy: (name) =>
      unlessGone(custom.deleteClusterCustomObject({ ...CLUSTER_POLICY_API, name })),
    async romanadPod() {
      const labelSelector = "app.kubernetes.io/name=romanad";
      const { items } = await core.listPodForAllNamespaces({ labelSelector });
      const { metadata, spec } = items.find(isReady) ?? {};
      const [container] = spec?.containers ?? [];
      if (metadata === undefined || container === undefined) return undefined;
      const { namespace = "", name = "" } = metadata;
      return { namespace, name, container: container.name, image: container.image ?? "" };
    },
    async pipe({ namespace, name, container }, command, stdin, stdout) {
      const socket = await exec.exec(namespace, name, container, [...command], stdout, null, stdin, false);
      socket.onclose = () => stdout.end();
      // The API server ends it only when the command ends, which need not hear that nobody asks any more.
      if (stdout.destroyed) socket.close();
      else stdout.once("close", () => socket.close());
    },
    exec: (namespace, pod, command) => execIn(exec, namespace, pod, command),
  };
}

/** How to reach a cluster, as {@link openKube} takes it. @throws RomanaError `invalid-input` when nothing says it */
export function loadConfig(file: string | undefined): KubeConfig {
  const config = new KubeConfig();
  try {
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
  } catch (error) {
    throw invalidInput("find the cluster", [{ path: "--kubeconfig", reason: (error as Error).message }]);
  }
  if (config.getCurrentCluster() !== null) return config;
  const reason = file === undefined ? "there is none; name a file" : `"${file}" has no current context`;
  throw invalidInput("find the cluster", [{ path: "--kubeconfig", reason }]);
}

/** What is looked at of a node. */
export function nodeOf({ metadata, spec, status }: V1Node): ClusterNode {
  return {
    name: metadata?.name ?? "",
    uid: metadata?.uid ?? "",
    isReady: (status?.conditions ?? []).some((found) => found.type === "Ready" && found.status === "True"),
    isSchedulable: spec?.unschedulable !== true,
    addresses: (status?.addresses ?? [])
      .filter(({ type }) => type === "InternalIP")
      .map(({ address }) => address),
  };
}

/** Whether all containers of a pod are ready. */
export function isReady({ status }: V1Pod): boolean {
  return (status?.conditions ?? []).some(({ type, status: is }) => type === "Ready" && is === "True");
}

function podOf(pod: V1Pod, events: readonly CoreV1Event[]): RunningPod {
  const name = pod.metadata?.name ?? "";
  const waiting = pod.status?.containerStatuses?.[0]?.state?.waiting;
  const said = events.findLast(
    ({ type, involvedObject }) => type === "Warning" && involvedObject.name === name,
  );
  const reasons = [pod.status?.phase, waiting?.reason, waiting?.message, said?.message];
  return {
    name,
    node: pod.spec?.nodeName ?? "",
    isReady: isReady(pod),
    addresses: (pod.status?.podIPs ?? []).map(({ ip }) => ip),
    reason: [...new Set(reasons.filter((reason) => reason !== undefined && reason !== ""))].join(", "),
  };
}

async function unlessGone(work: Promise<unknown>): Promise<void> {
  await isThere(work);
}

/** Whether it can be read; false when the API server says that there is none. */
export async function isThere(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (error instanceof ApiException && error.code === NOT_FOUND) return false;
    throw error;
  }
}

async function execIn(
  exec: Exec,
  namespace: string,
  pod: string,
  command: readonly string[],
): Promise<string> {
  const printed: [Buffer[], Buffer[]] = [[], []];
  const [output, errors] = printed.map(
    (chunks) =>
      new Writable({
        write(chunk: Buffer, _encoding, done) {
          chunks.push(chunk);
          done();
        },
      }),
  ) as [Writable, Writable];
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const fail = (reason: string): void => {
    const stderr = Buffer.concat(printed[1]).toString();
    const failure = { code: "command-failed", argv: [...command], status: 1, stderr } as const;
    reject(
      new RomanaError(`Cannot run a command in pod "${pod}": ${reason} ${stderr.trim()}`.trim(), failure),
    );
  };
  const words = [...command];
  const socket = await exec.exec(namespace, pod, "prober", words, output, errors, null, false, (status) => {
    if (status.status === "Success") resolve(Buffer.concat(printed[0]).toString());
    else fail(status.message ?? "it failed");
  });
  socket.onclose = () => fail("the connection has ended");
  socket.onerror = (event: { readonly message: string }) => fail(event.message);
  return promise;
}

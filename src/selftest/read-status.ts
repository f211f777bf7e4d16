import { CoreV1Api, CustomObjectsApi, type KubeConfig, type V1Pod } from "@kubernetes/client-node";
import type { Client } from "../client/index.ts";
import {
  type ClusterStatus,
  type FalseCondition,
  judgeCluster,
  type Leader,
  type ProgramPod,
} from "./cluster-status.ts";
import { isReady, isThere, loadConfig, nodeOf } from "./kube.ts";
import { CLUSTER_POLICY_API } from "./objects.ts";
import { readAll, readHosts } from "./read-hosts.ts";

/** Label that all pods of the manifests have, and the one that says which program it is. */
const PART = "app.kubernetes.io/part-of=romana";
const NAME = "app.kubernetes.io/name";

/** Name of the Lease, unless the controller is told another one. */
const LEASE = "romana-kubernetes";

const ROMANA_API = { group: "romana.io", version: "v1" } as const;

/** Kinds with conditions that the controller writes. `Ready` of services and chains is about pods, and not asked here. */
const KINDS = [
  { ...ROMANA_API, plural: "networks", types: ["Accepted", "SegmentCodes"] },
  { ...ROMANA_API, plural: "policies", types: ["Accepted"] },
  { ...ROMANA_API, plural: "services", types: ["Accepted"] },
  { ...ROMANA_API, plural: "chains", types: ["Accepted"] },
  { ...CLUSTER_POLICY_API, types: ["romana.io/Accepted"] },
] as const;

interface ConditionedObject {
  readonly kind?: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly status?: {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
    }[];
  };
}

interface LeaseObject {
  readonly spec?: {
    readonly holderIdentity?: string | null;
    readonly renewTime?: string | null;
    readonly leaseDurationSeconds?: number | null;
  };
}

/**
 * Asks the API server and romanad how an installed cluster is; changes nothing.
 * @param kubeconfig as `openKube` takes it
 * @param now milliseconds since 1970 UTC
 */
export async function readClusterStatus(
  kubeconfig: string | undefined,
  client: Client,
  now: number,
): Promise<ClusterStatus> {
  const config = loadConfig(kubeconfig);
  const core = config.makeApiClient(CoreV1Api);
  const nodes = (await core.listNode()).items.map(nodeOf);
  const pods = (await core.listPodForAllNamespaces({ labelSelector: PART })).items;
  const programs = pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).map(programOf);
  const namespace = pods.find(({ metadata }) => metadata?.labels?.[NAME] === LEASE)?.metadata?.namespace;
  const [policies, segments, exceptions, { revision }] = await Promise.all([
    readAll((query) => client.call("listPolicies", { query })),
    readAll((query) => client.call("listAllSegments", { query })),
    readAll((query) => client.call("listExceptions", { query })),
    client.call("getReadiness", {}),
  ]);
  return judgeCluster({
    nodes,
    hosts: await readHosts(client, new Set(nodes.map(({ name }) => name))),
    programs,
    leader: await readLeader(config, namespace ?? "kube-system"),
    conditions: (await Promise.all(KINDS.map((kind) => falseConditions(config, kind)))).flat(),
    policies: policies.map(({ id, state, missing }) => ({ id, state, missing })),
    withoutCodes: segments
      .filter(({ codes }) => codes.length === 0)
      .map(({ tenant, name }) => `${tenant}/${name}`),
    exceptions: exceptions.map(({ tenant, segment }) => `${tenant}/${segment}`),
    revision,
    now,
  });
}

function programOf(pod: V1Pod): ProgramPod {
  const { metadata, spec, status } = pod;
  return {
    program: metadata?.labels?.[NAME] ?? "",
    name: metadata?.name ?? "",
    node: spec?.nodeName ?? "",
    isReady: isReady(pod),
    image: spec?.containers[0]?.image ?? "",
    restarts: status?.containerStatuses?.[0]?.restartCount ?? 0,
  };
}

/** Reads the Lease as JSON: its times have microseconds, which the typed API does not make dates of. */
async function readLeader(config: KubeConfig, namespace: string): Promise<Leader | undefined> {
  const read = config.makeApiClient(CustomObjectsApi).getNamespacedCustomObject({
    group: "coordination.k8s.io",
    version: "v1",
    plural: "leases",
    namespace,
    name: LEASE,
  });
  if (!(await isThere(read))) return undefined;
  const { holderIdentity, renewTime, leaseDurationSeconds } = ((await read) as LeaseObject).spec ?? {};
  return {
    identity: holderIdentity ?? "",
    renewedAt: Date.parse(renewTime ?? "") || 0,
    duration: (leaseDurationSeconds ?? 0) * 1000,
  };
}

/** The conditions of a kind that say `False`; none where the kind is not served. */
async function falseConditions(
  config: KubeConfig,
  { types, ...kind }: (typeof KINDS)[number],
): Promise<readonly FalseCondition[]> {
  const read = config.makeApiClient(CustomObjectsApi).listCustomObjectForAllNamespaces({
    group: kind.group,
    version: kind.version,
    resourcePlural: kind.plural,
  });
  if (!(await isThere(read))) return [];
  const { items } = (await read) as { readonly items: readonly ConditionedObject[] };
  return items.flatMap(({ kind: name = kind.plural, metadata, status }) =>
    (status?.conditions ?? [])
      .filter((condition) => condition.status === "False" && types.some((type) => type === condition.type))
      .map(({ type, reason = "", message = "" }) => ({
        kind: name,
        name: [metadata.namespace, metadata.name].filter((part) => part !== undefined).join("/"),
        type,
        reason,
        message,
      })),
  );
}

import { createPlan } from "../addressing/index.ts";
import {
  type AddressPair,
  type Exception,
  type Fault,
  type Host,
  invalidInput,
  type Network,
  type Policy,
  type Segment,
  type Tenant,
} from "../model/index.ts";
import { type Address, addressPrefix, type Family, formatAddress, parsePrefix } from "../net/index.ts";
import type { PolicyWorld } from "../policy/index.ts";
import { createClassifier, type LabelClass } from "./label-classes.ts";
import { podKey } from "./matrix.ts";
import type {
  ClusterNetworkPolicy,
  KubernetesNamespace,
  KubernetesNode,
  KubernetesPod,
  LabelRecord,
  NetworkPolicy,
} from "./objects.ts";
import {
  type TranslationProblem,
  translateClusterNetworkPolicy,
} from "./translate-cluster-network-policy.ts";
import { translateNetworkPolicy } from "./translate-network-policy.ts";

/** The label with a namespace's own name, which every namespace has (Kubernetes: well-known labels). */
export const NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name";

/** First of the IDs that tenants, hosts and segments get; 0 is the infrastructure tenant. */
const FIRST_ID = 1;

/** All objects of a cluster that decide about traffic. */
export interface KubernetesObjects {
  readonly namespaces: readonly KubernetesNamespace[];
  readonly pods: readonly KubernetesPod[];
  readonly nodes: readonly KubernetesNode[];
  readonly networkPolicies: readonly NetworkPolicy[];
  readonly clusterNetworkPolicies: readonly ClusterNetworkPolicy[];
}

/** How a world is made of objects. */
export interface KubernetesWorldOptions {
  /**
   * True (the default): pods keep the addresses that they have, as exceptions. False: their segments get codes, and
   * addresses of the plan would say who they are.
   */
  readonly pinned?: boolean;
  /** Labels that do not make segments differ; the well-known ones of controllers when absent. */
  readonly ignoredLabels?: ReadonlySet<string>;
}

/** A world, and what of its policies could not be taken over. */
export interface KubernetesWorld {
  readonly world: PolicyWorld;
  readonly problems: readonly TranslationProblem[];
}

/** Wide enough for every namespace and label class of the largest clusters. Addresses of pods need not be in it. */
const CLUSTER_NETWORK: Network = {
  name: "cluster",
  plans: {
    ipv6: createPlan({
      prefix: parsePrefix("fd52:4f00::/24"),
      hostBits: 24,
      tenantBits: 24,
      segmentBits: 24,
      endpointBits: 32,
    }),
  },
  groups: [],
};

/**
 * A cluster as a world of tenants (its namespaces), segments (label classes of pods), hosts (its nodes) and policies.
 * Pods on their node's own network are nobody: they have the node's addresses.
 * @throws RomanaError `invalid-input` when pods share an address or are in a namespace that is not there, or when
 * two namespaces have one name.
 */
export function createKubernetesWorld(
  objects: KubernetesObjects,
  options: KubernetesWorldOptions = {},
): KubernetesWorld {
  const { segments, exceptions } = placePods(objects, options);
  const { policies, problems } = translatePolicies(objects);
  const world: PolicyWorld = {
    networks: [CLUSTER_NETWORK],
    hosts: objects.nodes.map(hostOf),
    tenants: objects.namespaces.map(tenantOf),
    segments,
    policies,
    exceptions,
  };
  return { world, problems };
}

function tenantOf({ name, labels }: KubernetesNamespace, index: number): Tenant {
  const own = labels[NAMESPACE_NAME_LABEL] === undefined ? [[NAMESPACE_NAME_LABEL, name] as const] : [];
  return {
    name,
    id: FIRST_ID + index,
    isolation: "none",
    labels: new Map([...Object.entries(labels), ...own]),
  };
}

function hostOf({ name, labels, addresses }: KubernetesNode, index: number): Host {
  return { name, id: FIRST_ID + index, group: [], underlay: pairOf(addresses), labels: mapOf(labels) };
}

function mapOf(labels: LabelRecord): ReadonlyMap<string, string> {
  return new Map(Object.entries(labels));
}

function pairOf(addresses: readonly Address[]): AddressPair {
  const ipv4 = addresses.find(({ family }) => family === 4);
  const ipv6 = addresses.find(({ family }) => family === 6);
  return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
}

function translatePolicies({ networkPolicies, clusterNetworkPolicies }: KubernetesObjects): {
  readonly policies: readonly Policy[];
  readonly problems: readonly TranslationProblem[];
} {
  const cluster = clusterNetworkPolicies.map(translateClusterNetworkPolicy);
  return {
    policies: [...networkPolicies.map(translateNetworkPolicy), ...cluster.map(({ policy }) => policy)],
    problems: cluster.flatMap(({ problems }) => problems),
  };
}

/** What a namespace holds while its pods are placed. */
interface Occupied {
  readonly tenant: string;
  /** Segments by the class that they are of. */
  readonly segments: Map<LabelClass, Segment>;
  readonly names: Set<string>;
}

function placePods(
  { namespaces, pods }: KubernetesObjects,
  { pinned = true, ignoredLabels }: KubernetesWorldOptions,
): { readonly segments: readonly Segment[]; readonly exceptions: readonly Exception[] } {
  const faults: Fault[] = [];
  const occupied = new Map<string, Occupied>();
  for (const { name } of namespaces) {
    if (occupied.has(name)) faults.push({ path: "namespaces", reason: `"${name}" is there twice` });
    occupied.set(name, { tenant: name, segments: new Map(), names: new Set() });
  }
  const classOf = createClassifier(ignoredLabels);
  const owners: Owners = { 4: new Map(), 6: new Map() };
  const segments: Segment[] = [];
  const exceptions: Exception[] = [];
  for (const pod of pods) {
    if (pod.hostNetwork) continue;
    const namespace = occupied.get(pod.namespace);
    if (namespace === undefined) {
      faults.push({ path: `pods.${podKey(pod)}`, reason: `there is no namespace "${pod.namespace}"` });
      continue;
    }
    const segment = segmentOf(namespace, classOf(pod), segments);
    if (!pinned || pod.addresses.length === 0) continue;
    faults.push(...claim(owners, pod));
    exceptions.push({
      blocks: pod.addresses.map(addressPrefix),
      tenant: segment.tenant,
      segment: segment.name,
    });
  }
  if (faults.length > 0) throw invalidInput("read cluster", faults);
  return { segments, exceptions };
}

function segmentOf({ tenant, segments, names }: Occupied, labelClass: LabelClass, all: Segment[]): Segment {
  const known = segments.get(labelClass);
  if (known !== undefined) return known;
  const { labels, ports } = labelClass;
  let name = labelClass.name;
  for (let count = 2; names.has(name); count++) name = `${labelClass.name}-${count}`;
  const codes = [{ code: FIRST_ID + segments.size, extraBits: 0 }];
  const segment: Segment = { tenant, name, codes, labels, ports };
  segments.set(labelClass, segment);
  names.add(name);
  all.push(segment);
  return segment;
}

/** Pods by their addresses of each family. */
type Owners = Readonly<Record<Family, Map<bigint, KubernetesPod>>>;

/** Makes the pod the owner of its addresses; a fault for each that another pod has. */
function claim(owners: Owners, pod: KubernetesPod): Fault[] {
  const faults: Fault[] = [];
  for (const address of pod.addresses) {
    const owner = owners[address.family].get(address.value);
    owners[address.family].set(address.value, pod);
    if (owner === undefined) continue;
    const reason = `${formatAddress(address)} is the address of "${podKey(owner)}" too`;
    faults.push({ path: `pods.${podKey(pod)}`, reason });
  }
  return faults;
}

import {
  closedClusterNetworkPolicy,
  closedNetworkPolicy,
  clusterNetworkPolicyId,
  selectedLabelKeys,
  type TranslationProblem,
  translateClusterNetworkPolicy,
  translateNetworkPolicy,
} from "../kubernetes/index.ts";
import type { Network, Policy } from "../model/index.ts";
import {
  type CustomChain,
  type CustomService,
  decodeClusterNetworkPolicy,
  decodeCustomChain,
  decodeCustomNetwork,
  decodeCustomPolicy,
  decodeCustomService,
  decodeLiveEndpointSlice,
  decodeLiveNamespace,
  decodeLiveNode,
  decodeLivePod,
  decodeLiveService,
  decodeNetworkPolicy,
  type LiveEndpointSlice,
  type LiveNamespace,
  type LiveNode,
  type LivePod,
  type LiveService,
  readClusterNetworkPolicySubject,
} from "../schema/index.ts";
import type { Resource } from "./informer.ts";

/** What an object says. */
export interface PolicyObject {
  readonly policy: Policy;
  /** What of the object is not enforced as it says. */
  readonly problems: readonly TranslationProblem[];
  /** Labels by which it tells pods apart. */
  readonly labelKeys: ReadonlySet<string>;
}

/** What of the API is watched, by our own word for it. */
export interface Resources {
  readonly namespaces: Resource<LiveNamespace>;
  readonly nodes: Resource<LiveNode>;
  readonly pods: Resource<LivePod>;
  readonly networkPolicies: Resource<PolicyObject>;
  readonly clusterNetworkPolicies: Resource<PolicyObject>;
  readonly customPolicies: Resource<PolicyObject>;
  readonly customNetworks: Resource<Network>;
  readonly customServices: Resource<CustomService>;
  readonly customChains: Resource<CustomChain>;
  readonly services: Resource<LiveService>;
  readonly endpointSlices: Resource<LiveEndpointSlice>;
}

/** Group and version of our own kinds. */
export const ROMANA_API = "romana.io/v1";
const CLUSTER_POLICY_API = "policy.networking.k8s.io/v1alpha2";

/** Types of the conditions that the controller writes. */
export const CONDITIONS = {
  /** On our own kinds: what romanad has made of the object. */
  accepted: "Accepted",
  /** On services and chains: whether there is somebody behind it. */
  ready: "Ready",
  /** On networks: whether every class of pods has a segment with codes. */
  codes: "SegmentCodes",
  /** On kinds of others. */
  foreign: "romana.io/Accepted",
} as const;

/** The resources that the controller follows. */
export const RESOURCES: Resources = {
  namespaces: {
    kind: "Namespace",
    apiVersion: "v1",
    path: "/api/v1/namespaces",
    decode: decodeLiveNamespace,
  },
  nodes: { kind: "Node", apiVersion: "v1", path: "/api/v1/nodes", decode: decodeLiveNode },
  pods: { kind: "Pod", apiVersion: "v1", path: "/api/v1/pods", decode: decodeLivePod },
  networkPolicies: {
    kind: "NetworkPolicy",
    apiVersion: "networking.k8s.io/v1",
    path: "/apis/networking.k8s.io/v1/networkpolicies",
    decode: (object) => policyObject(translateNetworkPolicy(decodeNetworkPolicy(withoutStatus(object)))),
    close: (_, { namespace = "", name, uid }) => policyObject(closedNetworkPolicy(namespace, name, uid)),
  },
  clusterNetworkPolicies: {
    kind: "ClusterNetworkPolicy",
    apiVersion: CLUSTER_POLICY_API,
    path: `/apis/${CLUSTER_POLICY_API}/clusternetworkpolicies`,
    decode(object) {
      const document = decodeClusterNetworkPolicy(withoutStatus(object));
      const { policy, problems } = translateClusterNetworkPolicy(document);
      return policyObject(policy, problems);
    },
    close(object, { name, uid }) {
      const subject = readClusterNetworkPolicySubject(object);
      if (subject === undefined) return undefined;
      return policyObject(closedClusterNetworkPolicy(name, uid, subject));
    },
    conditions: new Set([CONDITIONS.foreign]),
  },
  customPolicies: {
    kind: "Policy",
    apiVersion: ROMANA_API,
    path: `/apis/${ROMANA_API}/policies`,
    decode: (object) => policyObject(decodeCustomPolicy(object)),
    conditions: new Set([CONDITIONS.accepted]),
  },
  customNetworks: {
    kind: "Network",
    apiVersion: ROMANA_API,
    path: `/apis/${ROMANA_API}/networks`,
    decode: decodeCustomNetwork,
    conditions: new Set([CONDITIONS.accepted, CONDITIONS.codes]),
  },
  customServices: {
    kind: "Service",
    apiVersion: ROMANA_API,
    path: `/apis/${ROMANA_API}/services`,
    decode: decodeCustomService,
    conditions: new Set([CONDITIONS.accepted, CONDITIONS.ready]),
    keepsStatus: true,
  },
  customChains: {
    kind: "Chain",
    apiVersion: ROMANA_API,
    path: `/apis/${ROMANA_API}/chains`,
    decode: decodeCustomChain,
    conditions: new Set([CONDITIONS.accepted, CONDITIONS.ready]),
    keepsStatus: true,
  },
  services: { kind: "Service", apiVersion: "v1", path: "/api/v1/services", decode: decodeLiveService },
  endpointSlices: {
    kind: "EndpointSlice",
    apiVersion: "discovery.k8s.io/v1",
    path: "/apis/discovery.k8s.io/v1/endpointslices",
    decode: decodeLiveEndpointSlice,
  },
};

function policyObject(policy: Policy, problems: readonly TranslationProblem[] = []): PolicyObject {
  return { policy, problems, labelKeys: selectedLabelKeys(policy) };
}

function withoutStatus(object: unknown): unknown {
  const { status: _, ...rest } = object as { status?: unknown };
  return rest;
}

/** Where the object of a policy is: its kind, and its key in the cache. Undefined for IDs that are nobody's here. */
export function policyObjectOf(
  id: string,
):
  | { readonly kind: "networkPolicies" | "clusterNetworkPolicies" | "customPolicies"; readonly key: string }
  | undefined {
  // Names of namespaces have no dots, those of objects may have some.
  const network = /^kube\.([^.]+)\.(.+)$/.exec(id);
  if (network !== null) return { kind: "networkPolicies", key: `${network[1]}/${network[2]}` };
  const other = /^(cnp|crd)\.(.+)$/.exec(id);
  if (other === null) return undefined;
  const key = other[2] as string;
  return { kind: clusterNetworkPolicyId(key) === id ? "clusterNetworkPolicies" : "customPolicies", key };
}

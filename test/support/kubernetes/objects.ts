import type { ApiServer } from "../../../src/controller/index.ts";

/** What a pod is made of here. */
export interface PodSpec {
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly hostNetwork?: boolean;
}

/** A Pod of a namespace. Nothing runs it. */
export function podObject(
  namespace: string,
  name: string,
  { labels = {}, ports = [], hostNetwork }: PodSpec = {},
) {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace, labels },
    spec: {
      automountServiceAccountToken: false,
      ...(hostNetwork === true && { hostNetwork }),
      containers: [{ name: "main", image: "none", ports }],
    },
  };
}

/** A Node with addresses of its own. */
export function nodeObject(
  name: string,
  addresses: readonly string[],
  labels: Readonly<Record<string, string>> = {},
) {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels },
    status: { addresses: addresses.map((address) => ({ type: "InternalIP", address })) },
  };
}

/** A Namespace. */
export function namespaceObject(name: string, labels: Readonly<Record<string, string>> = {}) {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

/** A NetworkPolicy that lets pods with a label in from pods with another one. */
export function networkPolicyObject(namespace: string, name: string, spec: object) {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace },
    spec,
  };
}

/** A definition of ClusterNetworkPolicy that takes everything, in place of that of its project. */
export const CLUSTER_NETWORK_POLICY_DEFINITION = {
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: {
    name: "clusternetworkpolicies.policy.networking.k8s.io",
    annotations: { "api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/network-policy-api" },
  },
  spec: {
    group: "policy.networking.k8s.io",
    scope: "Cluster",
    names: {
      kind: "ClusterNetworkPolicy",
      plural: "clusternetworkpolicies",
      singular: "clusternetworkpolicy",
      shortNames: ["cnp"],
    },
    versions: [
      {
        name: "v1alpha2",
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
              status: {
                type: "object",
                properties: {
                  conditions: {
                    type: "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                    items: {
                      type: "object",
                      required: ["type", "status"],
                      properties: {
                        type: { type: "string" },
                        status: { type: "string" },
                        reason: { type: "string" },
                        message: { type: "string" },
                        observedGeneration: { type: "integer" },
                        lastTransitionTime: { type: "string", format: "date-time" },
                      },
                    },
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
} as const;

/** Quick ways to write objects of the kinds above. */
export class ObjectWriter {
  readonly #api: ApiServer;

  constructor(api: ApiServer) {
    this.#api = api;
  }

  /** The object as the server has stored it. */
  async create(object: { readonly apiVersion: string; readonly kind: string; readonly metadata: object }) {
    const answer = await this.#api.call({ method: "POST", path: collectionOf(object), body: object });
    return answer as { readonly metadata: { readonly uid: string; readonly name: string } };
  }

  async merge(path: string, body: object): Promise<unknown> {
    return this.#api.call({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });
  }

  async get(path: string): Promise<unknown> {
    return this.#api.call({ method: "GET", path });
  }

  /** At once: nobody ends what does not run. */
  async delete(path: string): Promise<void> {
    await this.#api.call({ method: "DELETE", path, body: { gracePeriodSeconds: 0 } });
  }
}

const PLURALS: Readonly<Record<string, string>> = {
  Namespace: "namespaces",
  Node: "nodes",
  Pod: "pods",
  NetworkPolicy: "networkpolicies",
  ClusterNetworkPolicy: "clusternetworkpolicies",
  CustomResourceDefinition: "customresourcedefinitions",
  Policy: "policies",
  Network: "networks",
  Lease: "leases",
};

function collectionOf(object: {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
}) {
  const { namespace } = object.metadata as { namespace?: string };
  const base = object.apiVersion === "v1" ? "/api/v1" : `/apis/${object.apiVersion}`;
  const middle = namespace === undefined ? "" : `/namespaces/${namespace}`;
  return `${base}${middle}/${PLURALS[object.kind]}`;
}

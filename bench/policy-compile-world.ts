import type {
  KubernetesObjects,
  KubernetesPod,
  LabelRecord,
  NetworkPolicy,
} from "../src/kubernetes/index.ts";
import { createAddress } from "../src/net/index.ts";

/** How many of each object there are. */
export interface SmallNamespaces {
  readonly namespaces: number;
  /** A half of them each: two workloads in every namespace. */
  readonly podsPerNamespace: number;
}

/** Antrea's test of scale "XLargeScaleWithSmallNamespaces": 25,000 namespaces, 75,000 policies, 100,000 pods. */
export const XLARGE: SmallNamespaces = { namespaces: 25_000, podsPerNamespace: 4 };

/**
 * Many small namespaces. In each: all pods are isolated in both directions by one policy, and pods of each workload
 * accept from their own workload by two more. Labels are as in Antrea's test: `app-1: scale-1` and `app-2: scale-2`.
 */
export function smallNamespaces({ namespaces, podsPerNamespace }: SmallNamespaces): KubernetesObjects {
  const names = Array.from({ length: namespaces }, (_, index) => `ns-${index.toString(36).padStart(5, "0")}`);
  return {
    namespaces: names.map((name) => ({ name, labels: { app: name } })),
    pods: names.flatMap((namespace, index) =>
      Array.from({ length: podsPerNamespace }, (_, pod) =>
        podOf(namespace, index * podsPerNamespace + pod, 1 + Math.floor((2 * pod) / podsPerNamespace)),
      ),
    ),
    nodes: [],
    networkPolicies: names.flatMap((namespace) => [
      policyOf(namespace, "default-deny-all"),
      policyOf(namespace, "np-1", labelsOf(1)),
      policyOf(namespace, "np-2", labelsOf(2)),
    ]),
    clusterNetworkPolicies: [],
  };
}

function labelsOf(workload: number): LabelRecord {
  return { [`app-${workload}`]: `scale-${workload}` };
}

function podOf(namespace: string, index: number, workload: number): KubernetesPod {
  return {
    namespace,
    name: `pod-${index}`,
    labels: { ...labelsOf(workload), "pod-template-hash": "5d4f8c7b9d" },
    addresses: [createAddress(4, BigInt(0x0a00_0000 + index))],
    ports: [],
    hostNetwork: false,
  };
}

/** A policy that accepts from the pods that it is about; without labels: about all pods, and it accepts nothing. */
function policyOf(namespace: string, name: string, workload?: LabelRecord): NetworkPolicy {
  const matchLabels = workload && { ...workload };
  return {
    metadata: { namespace, name },
    spec: {
      podSelector: matchLabels ? { matchLabels } : {},
      ingress: matchLabels ? [{ from: [{ podSelector: { matchLabels } }], ports: [] }] : [],
      egress: [],
      policyTypes: ["Ingress", "Egress"],
    },
  };
}

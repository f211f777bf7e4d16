import type { Address, Prefix } from "../net/index.ts";

/** Transport protocols that Kubernetes knows, in its own words. */
export type KubernetesProtocol = "TCP" | "UDP" | "SCTP";

/** IANA numbers of the protocols. */
export const PROTOCOL_NUMBERS: Readonly<Record<KubernetesProtocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };

/** Labels as JSON. */
export type LabelRecord = Readonly<Record<string, string>>;

/** Which labels are meant (meta/v1 LabelSelector): all conditions must hold, and none at all hold for everything. */
export interface LabelSelector {
  readonly matchLabels?: LabelRecord | undefined;
  readonly matchExpressions?: readonly LabelExpression[] | undefined;
}

/** One condition of a {@link LabelSelector}; `Exists` and `DoesNotExist` have no values, the others have some. */
export interface LabelExpression {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** A validated NetworkPolicy (networking.k8s.io/v1); what its API server defaults is filled in. */
export interface NetworkPolicy {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly uid?: string | undefined };
  readonly spec: {
    readonly podSelector: LabelSelector;
    readonly ingress: readonly NetworkPolicyIngressRule[];
    readonly egress: readonly NetworkPolicyEgressRule[];
    readonly policyTypes: readonly ("Ingress" | "Egress")[];
  };
}

/** Without peers it is about everybody, without ports about all traffic. */
export interface NetworkPolicyIngressRule {
  readonly from: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

/** As {@link NetworkPolicyIngressRule}. */
export interface NetworkPolicyEgressRule {
  readonly to: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

/** A block of addresses, or pods: of the policy's own namespace when no namespace selector is there. */
export interface NetworkPolicyPeer {
  readonly ipBlock?: { readonly cidr: Prefix; readonly except: readonly Prefix[] } | undefined;
  readonly podSelector?: LabelSelector | undefined;
  readonly namespaceSelector?: LabelSelector | undefined;
}

/** A port by number or by name; absent: all ports of the protocol. `endPort` only behind a number. */
export interface NetworkPolicyPort {
  readonly protocol: KubernetesProtocol;
  readonly port?: number | string | undefined;
  readonly endPort?: number | undefined;
}

/** A validated ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2). */
export interface ClusterNetworkPolicy {
  readonly metadata: { readonly name: string; readonly uid?: string | undefined };
  readonly spec: {
    readonly tier: "Admin" | "Baseline";
    /** 0 to 1000; lower ones are asked first. */
    readonly priority: number;
    readonly subject: NamespacesOrPods;
    readonly ingress: readonly ClusterNetworkPolicyRule<"from">[];
    readonly egress: readonly ClusterNetworkPolicyRule<"to">[];
  };
}

/** Pods of selected namespaces, all of them or selected ones. Pods on a node's own network are not among them. */
export type NamespacesOrPods =
  | { readonly namespaces: LabelSelector }
  | { readonly pods: { readonly namespaceSelector: LabelSelector; readonly podSelector: LabelSelector } };

/** One rule; `protocols` is absent when the rule is about all traffic. */
export type ClusterNetworkPolicyRule<PeerField extends "from" | "to"> = {
  readonly name?: string | undefined;
  readonly action: "Accept" | "Deny" | "Pass";
  readonly protocols?: readonly ClusterNetworkPolicyProtocol[] | undefined;
} & { readonly [Field in PeerField]: readonly ClusterNetworkPolicyPeer[] };

/** What a document says in words that we do not know or cannot enforce, such as `domainNames`. */
export interface Unsupported {
  /** Names the words, for people. */
  readonly unsupported: string;
}

/** The other side of a rule. */
export type ClusterNetworkPolicyPeer =
  | NamespacesOrPods
  | { readonly nodes: LabelSelector }
  | { readonly networks: readonly Prefix[] }
  | Unsupported;

/** What kind of traffic: a port or a range of ports of a protocol, or a named port of any protocol. */
export type ClusterNetworkPolicyProtocol =
  | { readonly protocol: KubernetesProtocol; readonly first: number; readonly last: number }
  | { readonly destinationNamedPort: string }
  | Unsupported;

/** What matters of a Namespace. */
export interface KubernetesNamespace {
  readonly name: string;
  readonly labels: LabelRecord;
}

/** What matters of a Pod that runs. */
export interface KubernetesPod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: LabelRecord;
  /** At most one per family. */
  readonly addresses: readonly Address[];
  /** Ports of its containers that have a name. */
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: KubernetesProtocol;
    readonly port: number;
  }[];
  /** True when the pod lives on its node's own network and addresses. */
  readonly hostNetwork: boolean;
}

/** What matters of a Node. */
export interface KubernetesNode {
  readonly name: string;
  readonly labels: LabelRecord;
  /** The first one of each family counts. */
  readonly addresses: readonly Address[];
}

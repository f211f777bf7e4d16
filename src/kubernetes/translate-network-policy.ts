import {
  DEFAULT_POLICY_ORDER,
  type Direction,
  type Policy,
  type PolicyPeer,
  type PolicyRule,
  type TrafficMatch,
} from "../model/index.ts";
import { selectPods } from "./label-selector.ts";
import {
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  PROTOCOL_NUMBERS,
} from "./objects.ts";

const ANY_PEER: readonly PolicyPeer[] = [{ kind: "any" }];
// Shared: a cluster has tens of thousands of policies.
const BOTH: readonly Direction[] = ["ingress", "egress"];
const INGRESS: readonly Direction[] = ["ingress"];
const EGRESS: readonly Direction[] = ["egress"];
const ALL_TRAFFIC: readonly TrafficMatch[] = [{}];

/** The ID of the policy that a NetworkPolicy becomes. Namespaces have no dots in their names, so it is unique. */
export function networkPolicyId(namespace: string, name: string): string {
  return `kube.${namespace}.${name}`;
}

/**
 * A NetworkPolicy as a policy: it isolates its pods in the directions of `policyTypes`, and accepts what a rule of
 * such a direction matches (Kubernetes NetworkPolicy API). Rules of a direction that is not among them say nothing.
 */
export function translateNetworkPolicy({ metadata, spec }: NetworkPolicy): Policy {
  const { namespace, name, uid } = metadata;
  const [hasIngress, hasEgress] = [spec.policyTypes.includes("Ingress"), spec.policyTypes.includes("Egress")];
  const ingress = hasIngress
    ? spec.ingress.map(({ from, ports }) => ruleOf("ingress", namespace, from, ports))
    : [];
  const egress = hasEgress ? spec.egress.map(({ to, ports }) => ruleOf("egress", namespace, to, ports)) : [];
  return {
    id: networkPolicyId(namespace, name),
    ...(uid !== undefined && { externalId: uid }),
    tier: "standard",
    order: DEFAULT_POLICY_ORDER,
    appliedTo: [selectPods({ name: namespace }, spec.podSelector)],
    isolates: hasIngress ? (hasEgress ? BOTH : INGRESS) : EGRESS,
    rules: ingress.concat(egress),
    established: "cut",
  };
}

function ruleOf(
  direction: Direction,
  namespace: string,
  peers: readonly NetworkPolicyPeer[],
  ports: readonly NetworkPolicyPort[],
): PolicyRule {
  return {
    direction,
    verdict: "accept",
    peers: peers.length === 0 ? ANY_PEER : peers.map((peer) => peerOf(namespace, peer)),
    traffic: ports.length === 0 ? ALL_TRAFFIC : ports.map(trafficOf),
    stateful: true,
  };
}

function peerOf(
  namespace: string,
  { ipBlock, podSelector, namespaceSelector }: NetworkPolicyPeer,
): PolicyPeer {
  if (ipBlock !== undefined) return { kind: "prefix", prefix: ipBlock.cidr, except: ipBlock.except };
  const from = namespaceSelector === undefined ? { name: namespace } : { labels: namespaceSelector };
  return selectPods(from, podSelector);
}

function trafficOf({ protocol: word, port, endPort }: NetworkPolicyPort): TrafficMatch {
  const protocol = PROTOCOL_NUMBERS[word];
  if (port === undefined) return { protocol };
  if (typeof port === "string") return { protocol, portName: port };
  return { protocol, ports: { first: port, last: endPort ?? port } };
}

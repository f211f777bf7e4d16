import { DEFAULT_POLICY_ORDER, type Direction, type Policy, type PolicyRule } from "../model/index.ts";
import type { NamespacesOrPods } from "./objects.ts";
import { clusterNetworkPolicyId, endpointsOf } from "./translate-cluster-network-policy.ts";
import { networkPolicyId } from "./translate-network-policy.ts";

/**
 * What stands for a NetworkPolicy that cannot be read and has never been read: nobody of its namespace talks to anybody,
 * but as far as other policies accept it. Whom it selects is part of what cannot be trusted. (A NetworkPolicy takes
 * nothing away that another one accepts, so this is all that it can have meant.)
 */
export function closedNetworkPolicy(namespace: string, name: string, uid: string): Policy {
  return {
    id: networkPolicyId(namespace, name),
    description: "Its object cannot be read, so it isolates its whole namespace.",
    externalId: uid,
    tier: "standard",
    order: DEFAULT_POLICY_ORDER,
    appliedTo: [{ kind: "endpoints", tenant: { by: "name", name: namespace } }],
    isolates: ["ingress", "egress"],
    rules: [],
    established: "cut",
  };
}

/** As {@link closedNetworkPolicy}, of a ClusterNetworkPolicy: it denies everything to its subject, before all others. */
export function closedClusterNetworkPolicy(name: string, uid: string, subject: NamespacesOrPods): Policy {
  const drop = (direction: Direction): PolicyRule => ({
    direction,
    verdict: "drop",
    peers: [{ kind: "any" }],
    traffic: [{}],
    stateful: true,
  });
  return {
    id: clusterNetworkPolicyId(name),
    description: "Its object cannot be read, so it denies everything to its subject.",
    externalId: uid,
    tier: "admin",
    order: 0,
    appliedTo: [endpointsOf(subject)],
    isolates: [],
    rules: [drop("ingress"), drop("egress")],
    established: "cut",
  };
}

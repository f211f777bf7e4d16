import { DEFAULT_POLICY_ORDER, type Policy } from "../model/index.ts";
import { networkPolicyId } from "./translate-network-policy.ts";

/**
 * What stands for a NetworkPolicy that cannot be read and has never been read: nobody of its namespace talks to anybody,
 * but as far as other policies accept it. Whom it selects is part of what cannot be trusted.
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

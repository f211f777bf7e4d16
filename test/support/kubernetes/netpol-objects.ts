import { policyInBothFamilies } from "../netpol-packets.ts";
import { NETPOL_PORTS, type NetpolStep } from "../truth-data.ts";
import type { LiveObjects, LivePod, LivePolicy } from "./live-world.ts";

/**
 * What steps of the catalogue of NetworkPolicy v1 are as objects of a cluster with so many nodes. Pods of one name are on
 * different nodes, and so are those of one namespace; a pod stays where its first step has put it.
 */
export function createNetpolObjects(nodes: number): (step: NetpolStep) => LiveObjects {
  const places = new Map<string, number>();
  const nodeOf = (key: string): number => {
    const place = places.get(key) ?? places.size;
    places.set(key, place);
    return ((place + Math.floor(place / nodes)) % nodes) + 1;
  };
  return ({ namespaces, pods, policies }) => ({
    namespaces,
    pods: pods.map((pod) => {
      const { namespace, name, labels } = pod as unknown as LivePod;
      return { namespace, name, labels, node: nodeOf(`${namespace}/${name}`), ports: NETPOL_PORTS };
    }),
    policies: policies.map((policy) => {
      const { metadata, spec } = policyInBothFamilies(policy) as LivePolicy;
      return { kind: "NetworkPolicy", metadata, spec };
    }),
  });
}

import type { AddressPair, Labels } from "../model/index.ts";
import type { KubernetesNode } from "./objects.ts";

/** The part of a host that a node decides. */
export interface DesiredHost {
  readonly name: string;
  /** UID of the node. */
  readonly externalId: string;
  readonly group: readonly string[];
  /** The first `InternalIP` of each family. */
  readonly underlay: AddressPair;
  readonly labels: Labels;
}

/** A node as a host, or why it cannot be one. `topologyLabels` name its group, from the first level down. */
export function desiredHost(
  node: KubernetesNode & { readonly uid: string },
  topologyLabels: readonly string[],
): DesiredHost | { readonly problem: string } {
  const absent = topologyLabels.filter((key) => (node.labels[key] ?? "") === "");
  if (absent.length > 0) return { problem: `it has no label ${absent.join(", ")}, which names its group` };
  const ipv4 = node.addresses.find(({ family }) => family === 4);
  const ipv6 = node.addresses.find(({ family }) => family === 6);
  return {
    name: node.name,
    externalId: node.uid,
    group: topologyLabels.map((key) => node.labels[key] as string),
    underlay: { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) },
    labels: new Map(Object.entries(node.labels)),
  };
}

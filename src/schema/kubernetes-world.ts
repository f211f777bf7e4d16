import { z } from "zod";
import { decodeWith, strict } from "./decode.ts";
import { clusterNetworkPolicySchema } from "./kubernetes-cluster-network-policy.ts";
import { networkPolicySchema } from "./kubernetes-network-policy.ts";
import {
  documentOf,
  kubernetesProtocolSchema,
  labelsSchema,
  listOf,
  namespaceNameSchema,
  objectNameSchema,
  portNameSchema,
  portNumberSchema,
} from "./kubernetes-object.ts";
import { servedPorts } from "./kubernetes-served-port.ts";
import { addressSchema } from "./text.ts";

/** A port of a container; only those with a name matter. */
const podPortSchema = strict({
  name: portNameSchema.exactOptional(),
  protocol: kubernetesProtocolSchema.default("TCP"),
  port: portNumberSchema,
});

const podSchema = strict({
  namespace: namespaceNameSchema,
  name: objectNameSchema,
  ip: addressSchema,
  labels: labelsSchema.default({}),
  ports: z.array(podPortSchema).nullish(),
  hostNetwork: z.boolean().default(false),
}).transform(({ ip, ports, ...pod }) => ({
  ...pod,
  addresses: [ip],
  ports: ports?.flatMap(({ name, ...port }) => (name === undefined ? [] : [{ name, ...port }])),
}));

const nodeSchema = strict({
  name: objectNameSchema,
  labels: labelsSchema.default({}),
  addresses: z.array(addressSchema).default([]),
});

const probeSchema = strict({
  protocol: kubernetesProtocolSchema.default("TCP"),
  port: z.union([portNumberSchema, portNameSchema], {
    error: ({ input }) => `${JSON.stringify(input)} is neither a port number nor the name of a port`,
  }),
});

const worldSchema = strict({
  namespaces: z
    .record(namespaceNameSchema, labelsSchema)
    .transform((namespaces) => Object.entries(namespaces).map(([name, labels]) => ({ name, labels }))),
  pods: z.array(podSchema),
  nodes: listOf(nodeSchema),
  networkPolicies: listOf(networkPolicySchema),
  clusterNetworkPolicies: listOf(clusterNetworkPolicySchema),
  probes: z.array(probeSchema).default([]),
}).transform(({ pods, ...world }) => {
  // Pods that say nothing of ports serve whatever is asked of them.
  const served = servedPorts(world.networkPolicies, world.clusterNetworkPolicies, world.probes);
  return { ...world, pods: pods.map(({ ports = served, ...pod }) => ({ ...pod, ports })) };
});

/** A cluster as one document: what decides about traffic, and what to ask about it. */
export type KubernetesWorldDocument = z.output<typeof worldSchema>;

/** Reads the document of a cluster. @throws RomanaError `invalid-input` with every fault and its path. */
export function decodeKubernetesWorld(value: unknown): KubernetesWorldDocument {
  return decodeWith(documentOf(worldSchema), "read cluster", value);
}

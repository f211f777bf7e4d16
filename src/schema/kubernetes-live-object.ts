import { z } from "zod";
import { isAddress, parseAddress } from "../net/index.ts";
import { decodeWith } from "./decode.ts";
import { kubernetesProtocolSchema, listOf, maybe, portNumberSchema } from "./kubernetes-object.ts";

// The API server has checked these objects: what is taken from them is read, and whatever else they have is left out.

const textMapSchema = maybe(z.record(z.string(), z.string())).transform((map) => map ?? {});

const conditionSchema = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: maybe(z.string()),
  message: maybe(z.string()),
  observedGeneration: maybe(z.int()),
  lastTransitionTime: maybe(z.string()),
});

/** A condition of an object's status (meta/v1 Condition). */
export type KubernetesCondition = z.output<typeof conditionSchema>;

const metaSchema = z.object({
  metadata: z.object({
    name: z.string().min(1),
    namespace: maybe(z.string()),
    uid: z.string().min(1),
    resourceVersion: z.string().min(1),
    generation: maybe(z.int()),
    creationTimestamp: maybe(z.string()),
  }),
});

const statusFieldsSchema = z.object({ status: z.record(z.string(), z.unknown()) });

const statusSchema = z.object({ status: z.object({ conditions: z.array(z.unknown()) }) });

/** What every object of a cluster says of itself. */
export interface KubernetesMeta {
  readonly name: string;
  /** Absent for objects of the cluster. */
  readonly namespace?: string | undefined;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number | undefined;
  readonly creationTimestamp?: string | undefined;
}

/** Reads what an object of any kind says of itself. @throws RomanaError `invalid-input`. */
export function decodeKubernetesMeta(value: unknown): KubernetesMeta {
  return decodeWith(metaSchema, "read object", value).metadata;
}

/** The conditions of an object's status; what is not a condition is left out. */
export function readConditions(value: unknown): readonly KubernetesCondition[] {
  const conditions = statusSchema.safeParse(value).data?.status.conditions ?? [];
  return conditions.flatMap((condition) => conditionSchema.safeParse(condition).data ?? []);
}

/** What an object's status says besides its conditions and the generation that they are about. */
export function readStatusFields(value: unknown): Readonly<Record<string, unknown>> {
  const {
    conditions: _,
    observedGeneration: __,
    ...fields
  } = statusFieldsSchema.safeParse(value).data?.status ?? {};
  return fields;
}

const namespaceSchema = z
  .object({ metadata: z.object({ uid: z.string(), name: z.string(), labels: textMapSchema }) })
  .transform(({ metadata: { uid, name, labels } }) => ({ uid, name, labels }));

/** What matters of a live Namespace. */
export type LiveNamespace = z.output<typeof namespaceSchema>;

/** Reads a Namespace (v1). @throws RomanaError `invalid-input`. */
export function decodeLiveNamespace(value: unknown): LiveNamespace {
  return decodeWith(namespaceSchema, "read Namespace", value);
}

const nodeSchema = z
  .object({
    metadata: z.object({ uid: z.string(), name: z.string(), labels: textMapSchema }),
    status: maybe(z.object({ addresses: listOf(z.object({ type: z.string(), address: z.string() })) })),
  })
  .transform(({ metadata: { uid, name, labels }, status }) => ({
    uid,
    name,
    labels,
    /** Those of type `InternalIP`, in the order of the object. */
    addresses: (status?.addresses ?? [])
      .filter(({ type, address }) => type === "InternalIP" && isAddress(address))
      .map(({ address }) => parseAddress(address)),
  }));

/** What matters of a live Node. */
export type LiveNode = z.output<typeof nodeSchema>;

/** Reads a Node (v1). @throws RomanaError `invalid-input`. */
export function decodeLiveNode(value: unknown): LiveNode {
  return decodeWith(nodeSchema, "read Node", value);
}

const containerSchema = z.object({
  restartPolicy: maybe(z.string()),
  ports: listOf(
    z.object({
      name: maybe(z.string()),
      containerPort: portNumberSchema,
      protocol: maybe(kubernetesProtocolSchema),
    }),
  ),
});

const FINISHED: ReadonlySet<string> = new Set(["Succeeded", "Failed"]);
const CONFIG_HASH = "kubernetes.io/config.hash";

const podSchema = z
  .object({
    metadata: z.object({
      uid: z.string(),
      name: z.string(),
      namespace: z.string(),
      labels: textMapSchema,
      annotations: textMapSchema,
      creationTimestamp: maybe(z.string()),
      ownerReferences: listOf(z.object({ kind: z.string(), name: z.string() })),
    }),
    spec: z.object({
      hostNetwork: maybe(z.boolean()),
      nodeName: maybe(z.string()),
      containers: listOf(containerSchema),
      initContainers: listOf(containerSchema),
    }),
    status: maybe(z.object({ phase: maybe(z.string()) })),
  })
  .transform(({ metadata, spec, status }) => {
    const { uid, name, namespace, labels, annotations, creationTimestamp, ownerReferences } = metadata;
    // Only what a kubelet itself has made: anybody may write the annotation.
    const isStatic = ownerReferences.some(
      (owner) => owner.kind === "Node" && owner.name === (spec.nodeName ?? ""),
    );
    const staticHash = isStatic ? annotations[CONFIG_HASH] : undefined;
    // Sidecars are containers that start first and stay.
    const sidecars = spec.initContainers.filter(({ restartPolicy }) => restartPolicy === "Always");
    return {
      uid,
      name,
      namespace,
      labels,
      createdAt: creationTimestamp ?? "",
      ...(staticHash !== undefined && { staticHash }),
      hostNetwork: spec.hostNetwork ?? false,
      isFinished: FINISHED.has(status?.phase ?? ""),
      /** Those with a name. */
      ports: [...spec.containers, ...sidecars].flatMap(({ ports }) =>
        ports.flatMap(({ name: port, containerPort, protocol }) =>
          port === undefined ? [] : [{ name: port, protocol: protocol ?? "TCP", port: containerPort }],
        ),
      ),
    };
  });

/** What matters of a live Pod. `staticHash`: what the kubelet calls a static pod, instead of its UID. */
export type LivePod = z.output<typeof podSchema>;

/** Reads a Pod (v1). @throws RomanaError `invalid-input`. */
export function decodeLivePod(value: unknown): LivePod {
  return decodeWith(podSchema, "read Pod", value);
}

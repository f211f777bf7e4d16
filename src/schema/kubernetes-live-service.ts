import { z } from "zod";
import { isAddress, parseAddress } from "../net/index.ts";
import { decodeWith } from "./decode.ts";
import { listOf, maybe } from "./kubernetes-object.ts";

const textMapSchema = maybe(z.record(z.string(), z.string())).transform((map) => map ?? {});

const serviceSchema = z
  .object({
    metadata: z.object({
      uid: z.string(),
      name: z.string(),
      namespace: z.string(),
      annotations: textMapSchema,
      deletionTimestamp: maybe(z.string()),
    }),
    spec: z.object({
      type: maybe(z.string()),
      loadBalancerClass: maybe(z.string()),
      loadBalancerIP: maybe(z.string()),
      externalTrafficPolicy: maybe(z.string()),
      ipFamilies: listOf(z.string()),
    }),
    status: maybe(
      z.object({ loadBalancer: maybe(z.object({ ingress: listOf(z.object({ ip: maybe(z.string()) })) })) }),
    ),
  })
  .transform(({ metadata, spec, status }) => ({
    uid: metadata.uid,
    name: metadata.name,
    namespace: metadata.namespace,
    annotations: metadata.annotations,
    isGoing: metadata.deletionTimestamp !== undefined,
    /** Absent unless it is of type LoadBalancer. */
    ...(spec.type === "LoadBalancer" && { loadBalancerClass: spec.loadBalancerClass ?? "" }),
    ...(spec.loadBalancerIP !== undefined && { loadBalancerIP: spec.loadBalancerIP }),
    isLocal: spec.externalTrafficPolicy === "Local",
    families: spec.ipFamilies.map((family): 4 | 6 => (family === "IPv6" ? 6 : 4)),
    /** What its status says of load balancers. */
    ingress: (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? []),
  }));

/** What matters of a live Service. */
export type LiveService = z.output<typeof serviceSchema>;

/** Reads a Service (v1). @throws RomanaError `invalid-input`. */
export function decodeLiveService(value: unknown): LiveService {
  return decodeWith(serviceSchema, "read Service", value);
}

/** The addresses of a text with commas between them; undefined when one is none. */
export function readAddressList(text: string): readonly ReturnType<typeof parseAddress>[] | undefined {
  const parts = text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  return parts.every(isAddress) ? parts.map(parseAddress) : undefined;
}

const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

const endpointSliceSchema = z
  .object({
    metadata: z.object({ namespace: z.string(), labels: textMapSchema }),
    endpoints: listOf(
      z.object({
        nodeName: maybe(z.string()),
        conditions: maybe(z.object({ ready: maybe(z.boolean()) })),
      }),
    ),
  })
  .transform(({ metadata: { namespace, labels }, endpoints }) => ({
    /** Key of its service; absent when it belongs to none. */
    ...(labels[SERVICE_NAME_LABEL] !== undefined && {
      service: `${namespace}/${labels[SERVICE_NAME_LABEL]}`,
    }),
    /** Nodes with endpoints that are ready; what is not known counts as ready (Kubernetes EndpointSlice API). */
    nodes: [
      ...new Set(
        endpoints.flatMap(({ nodeName, conditions }) =>
          nodeName === undefined || conditions?.ready === false ? [] : [nodeName],
        ),
      ),
    ].sort(),
  }));

/** What matters of a live EndpointSlice. */
export type LiveEndpointSlice = z.output<typeof endpointSliceSchema>;

/** Reads an EndpointSlice (discovery.k8s.io/v1). @throws RomanaError `invalid-input`. */
export function decodeLiveEndpointSlice(value: unknown): LiveEndpointSlice {
  return decodeWith(endpointSliceSchema, "read EndpointSlice", value);
}

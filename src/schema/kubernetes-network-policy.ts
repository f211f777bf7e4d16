import { z } from "zod";
import { formatPrefix } from "../net/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import {
  cidrSchema,
  documentOf,
  isStrictlyInside,
  kubernetesProtocolSchema,
  labelSelectorSchema,
  listOf,
  maybe,
  namespacedMetadataSchema,
  portNameSchema,
  portNumberSchema,
} from "./kubernetes-object.ts";

const MAX_POLICY_TYPES = 2;

const ipBlockSchema = strict({ cidr: cidrSchema, except: listOf(cidrSchema) }).superRefine(
  ({ cidr, except }, context) => {
    for (const [index, inner] of except.entries()) {
      if (isStrictlyInside(cidr, inner)) continue;
      const message = `${formatPrefix(inner)} is not a part of ${formatPrefix(cidr)}`;
      context.addIssue({ code: "custom", path: ["except", index], message });
    }
  },
);

const peerSchema = strict({
  ipBlock: maybe(ipBlockSchema),
  podSelector: maybe(labelSelectorSchema),
  namespaceSelector: maybe(labelSelectorSchema),
}).superRefine(({ ipBlock, podSelector, namespaceSelector }, context) => {
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (ipBlock === undefined ? selects : !selects) return;
  const message = selects
    ? "ipBlock cannot be used together with selectors"
    : "wants an ipBlock, a podSelector or a namespaceSelector";
  context.addIssue({ code: "custom", message });
});

const portSchema = strict({
  protocol: maybe(kubernetesProtocolSchema).transform((protocol) => protocol ?? "TCP"),
  port: maybe(z.union([portNumberSchema, portNameSchema], { error: ({ input }) => portReason(input) })),
  endPort: maybe(portNumberSchema),
}).superRefine(({ port, endPort }, context) => {
  if (endPort === undefined || (typeof port === "number" && endPort >= port)) return;
  const message = typeof port === "number" ? `is less than port ${port}` : "wants a port with a number";
  context.addIssue({ code: "custom", path: ["endPort"], message });
});

function portReason(input: unknown): string {
  return input === undefined
    ? "is missing"
    : `${JSON.stringify(input)} is neither a port number nor the name of a port`;
}

const policyTypesSchema = listOf(oneOf(["Ingress", "Egress"]), MAX_POLICY_TYPES);

/** Without `policyTypes`, a policy is about ingress, and about egress when it has rules for that. */
const specSchema = strict({
  podSelector: maybe(labelSelectorSchema).transform((selector) => selector ?? {}),
  ingress: listOf(strict({ from: listOf(peerSchema), ports: listOf(portSchema) })),
  egress: listOf(strict({ to: listOf(peerSchema), ports: listOf(portSchema) })),
  policyTypes: policyTypesSchema,
}).transform((spec) => {
  if (spec.policyTypes.length > 0) return spec;
  const egress = spec.egress.length > 0 ? (["Egress"] as const) : [];
  return { ...spec, policyTypes: ["Ingress", ...egress] as ("Ingress" | "Egress")[] };
});

/** A NetworkPolicy (networking.k8s.io/v1), checked as the Kubernetes API server does; defaults are filled in. */
export const networkPolicySchema = strict({
  apiVersion: z.literal("networking.k8s.io/v1").exactOptional(),
  kind: z.literal("NetworkPolicy").exactOptional(),
  metadata: namespacedMetadataSchema,
  spec: specSchema,
  status: z.unknown().optional(),
}).transform(({ metadata, spec }) => ({ metadata, spec }));

/** What {@link decodeNetworkPolicy} answers. */
export type NetworkPolicyDocument = z.output<typeof networkPolicySchema>;

/** Reads a NetworkPolicy. @throws RomanaError `invalid-input` with every fault and its path. */
export function decodeNetworkPolicy(value: unknown): NetworkPolicyDocument {
  return decodeWith(documentOf(networkPolicySchema), "read NetworkPolicy", value);
}

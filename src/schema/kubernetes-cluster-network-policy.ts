import { z } from "zod";
import { decodeWith, oneOf, strict } from "./decode.ts";
import {
  cidrSchema,
  clusterMetadataSchema,
  documentOf,
  labelSelectorSchema,
  listOf,
  maybe,
  portNumberSchema,
} from "./kubernetes-object.ts";

/** Most rules of a direction, peers of a rule, networks of a peer and protocols of a rule. */
const MAX_ITEMS = 25;
const MAX_PRIORITY = 1000;
const MAX_RULE_NAME = 100;

/** What stands for words of the document that are not known here, so that its rule can fail closed. */
interface Unsupported {
  readonly unsupported: string;
}

const namespacedPodSchema = strict({
  namespaceSelector: labelSelectorSchema,
  podSelector: labelSelectorSchema,
});

const namespacesOrPods = {
  namespaces: maybe(labelSelectorSchema),
  pods: maybe(namespacedPodSchema),
};

const subjectSchema = strict(namespacesOrPods).transform(({ namespaces, pods }, context) => {
  if (namespaces !== undefined && pods === undefined) return { namespaces };
  if (pods !== undefined && namespaces === undefined) return { pods };
  context.addIssue({ code: "custom", message: "wants either namespaces or pods" });
  return z.NEVER;
});

const INGRESS_PEERS = ["namespaces", "pods"];
const EGRESS_PEERS = ["namespaces", "pods", "nodes", "networks"];

const ingressPeerSchema = z.looseObject(namespacesOrPods).transform((peer, context) => {
  const { namespaces, pods } = peer;
  const fault = judgeFields("peer", INGRESS_PEERS, peer, context);
  if (fault !== undefined) return fault;
  return namespaces === undefined ? { pods: pods as Given<typeof pods> } : { namespaces };
});

const egressPeerSchema = z
  .looseObject({
    ...namespacesOrPods,
    nodes: maybe(labelSelectorSchema),
    networks: maybe(z.array(cidrSchema).min(1).max(MAX_ITEMS)),
  })
  .transform((peer, context) => {
    const { namespaces, pods, nodes, networks } = peer;
    const fault = judgeFields("peer", EGRESS_PEERS, peer, context);
    if (fault !== undefined) return fault;
    if (namespaces !== undefined) return { namespaces };
    if (pods !== undefined) return { pods };
    return nodes === undefined ? { networks: networks as Given<typeof networks> } : { nodes };
  });

type Given<T> = Exclude<T, undefined>;

/**
 * Reads a port of a protocol. Objects of the API have exactly one field here; none at all, or one that is not known,
 * comes from another version of the API.
 */
const destinationSchema = z.looseObject({
  destinationPort: maybe(
    z.looseObject({
      number: maybe(portNumberSchema),
      range: maybe(
        strict({ start: portNumberSchema, end: portNumberSchema }).refine(({ start, end }) => start < end, {
          error: "must start below its end",
        }),
      ),
    }),
  ),
});

const TRANSPORTS = { tcp: "TCP", udp: "UDP", sctp: "SCTP" } as const;

const protocolSchema = z
  .looseObject({
    tcp: maybe(destinationSchema),
    udp: maybe(destinationSchema),
    sctp: maybe(destinationSchema),
    destinationNamedPort: maybe(z.string().min(1)),
  })
  .transform((match, context) => {
    const known = [...Object.keys(TRANSPORTS), "destinationNamedPort"];
    const fault = judgeFields("protocol", known, match, context);
    if (fault !== undefined) return fault;
    for (const word of ["tcp", "udp", "sctp"] as const) {
      const transport = match[word];
      if (transport !== undefined) return transportOf(word, transport, context);
    }
    return { destinationNamedPort: match.destinationNamedPort as string };
  });

type Transport = { protocol: "TCP" | "UDP" | "SCTP"; first: number; last: number };

function transportOf(
  word: keyof typeof TRANSPORTS,
  transport: z.output<typeof destinationSchema>,
  context: z.RefinementCtx,
): Transport | Unsupported {
  const port = transport.destinationPort;
  const fault =
    judgeFields(`protocol ${word}`, ["destinationPort"], transport, context) ??
    judgeFields(`protocol ${word}.destinationPort`, ["number", "range"], port ?? {}, context);
  if (fault !== undefined) return fault;
  const first = (port?.number ?? port?.range?.start) as number;
  return { protocol: TRANSPORTS[word], first, last: port?.range?.end ?? first };
}

/**
 * What is wrong with an object of which just one field may be set: words that are not known here; undefined when
 * nothing is. Several known fields are an issue of the document.
 */
function judgeFields(
  what: string,
  known: readonly string[],
  value: object,
  context: z.RefinementCtx,
): Unsupported | undefined {
  const fields = Object.entries(value).flatMap(([field, inner]) => (isAbsent(inner) ? [] : [field]));
  const unknown = fields.filter((field) => !known.includes(field));
  if (unknown.length > 0) return { unsupported: `${what} ${unknown.join(", ")}` };
  if (fields.length === 0) return { unsupported: `${what} without any known field` };
  if (fields.length === 1) return undefined;
  context.addIssue({ code: "custom", message: `has ${fields.join(" and ")}, where only one may be` });
  return z.NEVER;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

const ruleShape = {
  name: maybe(z.string().max(MAX_RULE_NAME)),
  action: oneOf(["Accept", "Deny", "Pass"]),
  protocols: maybe(z.array(protocolSchema).min(1).max(MAX_ITEMS)),
};

const ingressRuleSchema = strict({
  ...ruleShape,
  from: z.array(ingressPeerSchema).min(1).max(MAX_ITEMS),
});

const egressRuleSchema = strict({
  ...ruleShape,
  to: z.array(egressPeerSchema).min(1).max(MAX_ITEMS),
}).superRefine(({ to, protocols = [] }, context) => {
  const byAddress = to.some((peer) => "nodes" in peer || "networks" in peer);
  if (!byAddress || !protocols.some((match) => "destinationNamedPort" in match)) return;
  const message = "has a destinationNamedPort, but nodes and networks have no named ports";
  context.addIssue({ code: "custom", path: ["protocols"], message });
});

/** A ClusterNetworkPolicy (policy.networking.k8s.io/v1alpha2); unknown peers and protocols become `unsupported`. */
export const clusterNetworkPolicySchema = strict({
  apiVersion: z.literal("policy.networking.k8s.io/v1alpha2").exactOptional(),
  kind: z.literal("ClusterNetworkPolicy").exactOptional(),
  metadata: clusterMetadataSchema,
  spec: strict({
    tier: oneOf(["Admin", "Baseline"]),
    priority: z.int().min(0).max(MAX_PRIORITY),
    subject: subjectSchema,
    ingress: listOf(ingressRuleSchema, MAX_ITEMS),
    egress: listOf(egressRuleSchema, MAX_ITEMS),
  }),
  status: z.unknown().optional(),
}).transform(({ metadata, spec }) => ({ metadata, spec }));

/** What {@link decodeClusterNetworkPolicy} answers. */
export type ClusterNetworkPolicyDocument = z.output<typeof clusterNetworkPolicySchema>;

/** Whom a ClusterNetworkPolicy that cannot be read is about; undefined when that cannot be read either. */
export function readClusterNetworkPolicySubject(value: unknown): z.output<typeof subjectSchema> | undefined {
  const schema = z.looseObject({ spec: z.looseObject({ subject: subjectSchema }) });
  return documentOf(schema).safeParse(value).data?.spec.subject;
}

/** Reads a ClusterNetworkPolicy. @throws RomanaError `invalid-input` with every fault and its path. */
export function decodeClusterNetworkPolicy(value: unknown): ClusterNetworkPolicyDocument {
  return decodeWith(documentOf(clusterNetworkPolicySchema), "read ClusterNetworkPolicy", value);
}

import { z } from "zod";
import type {
  Chain,
  Endpoint,
  Exception,
  Fabric,
  Host,
  KnownPolicy,
  Network,
  Relocation,
  Segment,
  SegmentBackends,
  Service,
  Tenant,
  VirtualIp,
} from "../model/index.ts";
import { attachTargetSchema } from "./attachment.ts";
import { backendsResourceSchema, encodeBackendsResource } from "./backends.ts";
import { chainResourceSchema, encodeChainResource } from "./chain.ts";
import { decodeWith, strict } from "./decode.ts";
import { encodeEndpoint, endpointResourceSchema, endpointSchema } from "./endpoint.ts";
import { encodeFabricResource, fabricResourceSchema } from "./fabric.ts";
import { encodeHost, hostSchema } from "./host.ts";
import { encodeNetwork, networkResourceSchema } from "./network.ts";
import { encodePolicyResource, policyResourceSchema } from "./policy.ts";
import { encodeExceptionResource, exceptionResourceSchema } from "./policy-api.ts";
import { encodeRelocationResource, relocationResourceSchema } from "./relocation.ts";
import { encodeSegment, segmentResourceSchema } from "./segment.ts";
import { encodeServiceResource, serviceResourceSchema } from "./service.ts";
import { encodeTenant, tenantResourceSchema } from "./tenant.ts";
import { endpointNameSchema, nameSchema, requestTokenSchema, revisionSchema } from "./text.ts";
import { encodeVirtualIpResource, virtualIpResourceSchema } from "./virtual-ip.ts";

/** An attachment as the agent keeps it on disk. */
const attachmentRecordSchema = strict({
  endpoint: endpointSchema,
  revision: revisionSchema,
  target: attachTargetSchema.exactOptional(),
  device: z.string(),
  mac: z.string().exactOptional(),
  mtu: z.int(),
  isAllocatedHere: z.boolean(),
  /** It comes and goes with the tap that its endpoint says; absent: it stays until it is detached. */
  isPlugged: z.literal(true).exactOptional(),
  isReleasing: z.boolean(),
});

/** An attach under way as the agent keeps it on disk. */
const intentRecordSchema = strict({
  id: z.string(),
  requestToken: requestTokenSchema.exactOptional(),
  name: endpointNameSchema.exactOptional(),
  /** Stands for all attaches with a token that begins so, also those to come. */
  tokenPrefix: z.string().exactOptional(),
  viewRevision: revisionSchema,
  startedAt: z.int(),
});

const tableReferenceSchema = strict({ rendered: z.string(), listed: z.string() });

const snapshotSchema = strict({
  revision: revisionSchema,
  host: nameSchema,
  networks: z.array(networkResourceSchema),
  hosts: z.array(strict({ ...hostSchema.shape, revision: revisionSchema })),
  tenants: z.array(tenantResourceSchema),
  segments: z.array(segmentResourceSchema),
  // A view that an older agent wrote lacks these; the next one from romanad has them.
  policies: z.array(policyResourceSchema).default([]),
  exceptions: z.array(exceptionResourceSchema).default([]),
  relocations: z.array(relocationResourceSchema).default([]),
  virtualIps: z.array(virtualIpResourceSchema).default([]),
  services: z.array(serviceResourceSchema).default([]),
  chains: z.array(chainResourceSchema).default([]),
  fabrics: z.array(fabricResourceSchema).default([]),
  backends: z.array(backendsResourceSchema).default([]),
  endpoints: z.array(endpointResourceSchema),
});

/** An endpoint wired to its host, as the agent remembers it. */
export type AttachmentRecord = Readonly<z.output<typeof attachmentRecordSchema>>;

/** An attach under way, as the agent remembers it. */
export type IntentRecord = Readonly<z.output<typeof intentRecordSchema>>;

/** By what the agent knows its table again. */
export type TableReferenceRecord = Readonly<z.output<typeof tableReferenceSchema>>;

/** Reads an attachment. @throws RomanaError `invalid-input`. */
export function decodeAttachmentRecord(value: unknown): AttachmentRecord {
  return decodeWith(attachmentRecordSchema, "read attachment", value);
}

/** An attachment as JSON. */
export function encodeAttachmentRecord(record: AttachmentRecord): unknown {
  return { ...record, endpoint: encodeEndpoint(record.endpoint) };
}

/** Reads an intent. @throws RomanaError `invalid-input`. */
export function decodeIntentRecord(value: unknown): IntentRecord {
  return decodeWith(intentRecordSchema, "read intent", value);
}

/** Reads a table's reference. @throws RomanaError `invalid-input`. */
export function decodeTableReference(value: unknown): TableReferenceRecord {
  return decodeWith(tableReferenceSchema, "read table reference", value);
}

/** Reads what the agent knew. @throws RomanaError `invalid-input`. */
export function decodeSnapshot(value: unknown): HostSnapshot {
  return decodeWith(snapshotSchema, "read view", value);
}

/** An object with the revision of its last change. */
export type Stored<T> = T & { readonly revision: number };

/** Everything that romanad tells a host, at one revision; the host's own endpoints only. */
export interface HostSnapshot {
  readonly revision: number;
  readonly host: string;
  readonly networks: readonly Stored<Network>[];
  readonly hosts: readonly Stored<Host>[];
  readonly tenants: readonly Stored<Tenant>[];
  readonly segments: readonly Stored<Segment>[];
  readonly policies: readonly Stored<KnownPolicy>[];
  /** Of all hosts. */
  readonly exceptions: readonly Stored<Exception>[];
  readonly relocations: readonly Stored<Relocation>[];
  readonly virtualIps: readonly Stored<VirtualIp>[];
  readonly services: readonly Stored<Service>[];
  readonly chains: readonly Stored<Chain>[];
  readonly fabrics: readonly Stored<Fabric>[];
  readonly backends: readonly Stored<SegmentBackends>[];
  readonly endpoints: readonly Stored<Endpoint>[];
}

/** What the agent knows, as JSON. */
export function encodeSnapshot(snapshot: HostSnapshot): z.input<typeof snapshotSchema> {
  const { revision, host } = snapshot;
  const encode = <T extends { readonly revision: number }, J>(
    objects: readonly T[],
    encoder: (object: T) => J,
  ): (J & { revision: number })[] =>
    objects.map((object) => ({ ...encoder(object), revision: object.revision }));
  return {
    revision,
    host,
    networks: encode(snapshot.networks, encodeNetwork),
    hosts: encode(snapshot.hosts, encodeHost),
    tenants: encode(snapshot.tenants, encodeTenant),
    segments: encode(snapshot.segments, encodeSegment),
    policies: snapshot.policies.map((policy) => encodePolicyResource(policy, policy.revision)),
    exceptions: snapshot.exceptions.map((exception) =>
      encodeExceptionResource(exception, exception.revision),
    ),
    relocations: snapshot.relocations.map((relocation) =>
      encodeRelocationResource(relocation, relocation.revision),
    ),
    virtualIps: snapshot.virtualIps.map((virtualIp) =>
      encodeVirtualIpResource(virtualIp, virtualIp.revision),
    ),
    services: snapshot.services.map((service) => encodeServiceResource(service, service.revision)),
    chains: snapshot.chains.map((chain) => encodeChainResource(chain, chain.revision)),
    fabrics: snapshot.fabrics.map((fabric) => encodeFabricResource(fabric, fabric.revision)),
    backends: snapshot.backends.map((backends) => encodeBackendsResource(backends, backends.revision)),
    endpoints: encode(snapshot.endpoints, encodeEndpoint),
  };
}

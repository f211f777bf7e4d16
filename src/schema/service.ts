import { z } from "zod";
import { HIGHEST, SERVICE_NAME_PATTERN, type Service, type ServiceDetails } from "../model/index.ts";
import { oneOf, patterned, strict } from "./decode.ts";
import { encodeHealthCheck, healthCheckSchema, portReferenceSchema } from "./health-check.ts";
import { portNameSchema } from "./named-port.ts";
import {
  addressPairSchema,
  encodeAddressPair,
  externalIdSchema,
  nameSchema,
  revisionSchema,
} from "./text.ts";

/** Most ports of one service. */
const MAX_PORTS = 100;

/** The name of a service or a chain. */
export const serviceNameSchema = patterned(
  SERVICE_NAME_PATTERN,
  'a name of a service: 1 to 253 letters, digits, "_", "." or "-", the first a letter, digit or "_"',
).meta({ id: "ServiceName", description: "Name of a service.", examples: ["shop.web"] });

const servicePortSchema = strict({
  name: portNameSchema.exactOptional(),
  protocol: oneOf(["tcp", "udp", "sctp"]),
  port: z.int().min(1).max(HIGHEST.port),
  targetPort: portReferenceSchema.exactOptional().meta({
    description:
      "Of the endpoints: a number, or the name of a port of their segment; default the same number.",
  }),
}).meta({ id: "ServicePort", description: "A port of a service, and where its traffic goes." });

const portsSchema = z
  .array(servicePortSchema)
  .min(1)
  .max(MAX_PORTS)
  .refine((ports) => isUnique(ports.map(({ protocol, port }) => `${port}/${protocol}`)), {
    error: "has the same port and protocol twice",
  })
  .refine((ports) => isUnique(ports.flatMap(({ name }) => name ?? [])), { error: "has the same name twice" })
  .refine((ports) => ports.length < 2 || ports.every(({ name }) => name !== undefined), {
    error: "wants a name for each of several ports",
  });

/** RFC 1123, section 2.1; labels of at most 63 characters. */
const dnsNameSchema = patterned(
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/,
  "a DNS name in lower case, such as web.shop.example",
).meta({ description: "A name that resolvers may give the addresses.", examples: ["web.shop.example"] });

const affinitySchema = oneOf(["client"]).meta({
  description:
    "All flows of a client address go to the same endpoint; without it each flow is spread by itself.",
});
const preferSchema = oneOf(["local"]).meta({
  description: "Endpoints of the client's own host, as long as one of them is healthy.",
});
const healthSchema = healthCheckSchema.meta({
  description: "Without one, an endpoint is healthy as long as its host is heard of.",
});

const specShape = {
  name: serviceNameSchema,
  network: nameSchema,
  tenant: nameSchema,
  segment: nameSchema.meta({ description: "Its endpoints serve; those that act as it, too." }),
  addresses: addressPairSchema
    .refine(({ ipv4, ipv6 }) => ipv4 !== undefined || ipv6 !== undefined, {
      error: "one of ipv4 and ipv6 is wanted",
    })
    .meta({ description: "Out of the network's service prefixes." }),
  ports: portsSchema,
  affinity: affinitySchema.exactOptional(),
  prefer: preferSchema.exactOptional(),
  health: healthSchema.exactOptional(),
  dnsName: dnsNameSchema.exactOptional(),
  externalId: externalIdSchema.exactOptional(),
};

/** What an operator writes down for a service. */
export const serviceSpecSchema = strict({
  ...specShape,
  network: nameSchema.exactOptional().meta({ description: "May be left out when there is one network." }),
  addresses: specShape.addresses
    .exactOptional()
    .meta({ description: "Absent: the lowest free one of each service prefix of the network." }),
}).meta({ id: "ServiceSpec" });

/** A service as it is stored. */
export const serviceSchema = strict(specShape);

/** What may change in a service; null takes the field away. */
export const servicePatchSchema = strict({
  segment: nameSchema.exactOptional().meta({ description: "Another segment of its tenant." }),
  ports: portsSchema.exactOptional().meta({ description: "All ports that it shall have from now on." }),
  affinity: affinitySchema.nullable().exactOptional(),
  prefer: preferSchema.nullable().exactOptional(),
  health: healthSchema.nullable().exactOptional(),
  dnsName: dnsNameSchema.nullable().exactOptional(),
  externalId: externalIdSchema.nullable().exactOptional(),
}).meta({ id: "ServicePatch" });

/** A stored service with its revision, as agents hear of it. */
export const serviceResourceSchema = strict({ ...specShape, revision: revisionSchema }).meta({
  id: "Service",
  description: "A stable address in front of a segment.",
});

/** A stored service and how many endpoints it has. */
export const serviceDetailsSchema = strict({
  ...specShape,
  members: z.int().min(0).meta({ description: "Endpoints that serve or would, if they were healthy." }),
  healthy: z.int().min(0).meta({ description: "Endpoints that flows go to." }),
  revision: revisionSchema,
}).meta({ id: "ServiceDetails", description: "A service and how many endpoints it has." });

/** A service with its revision, as agents hear of it. */
export type ServiceResource = z.output<typeof serviceResourceSchema>;

/** A service and how many endpoints it has, with its revision. */
export type ServiceDetailsResource = z.output<typeof serviceDetailsSchema>;

/** A service as JSON. */
export function encodeService({ addresses, ports, health, ...rest }: Service): z.input<typeof serviceSchema> {
  const { name, network, tenant, segment, affinity, prefer, dnsName, externalId } = rest;
  return {
    name,
    network,
    tenant,
    segment,
    addresses: encodeAddressPair(addresses),
    ports: ports.map((port) => ({ ...port })),
    ...(affinity !== undefined && { affinity }),
    ...(prefer !== undefined && { prefer }),
    ...(health !== undefined && { health: encodeHealthCheck(health) }),
    ...(dnsName !== undefined && { dnsName }),
    ...(externalId !== undefined && { externalId }),
  };
}

/** A stored service as JSON. */
export function encodeServiceResource(
  service: Service,
  revision: number,
): z.input<typeof serviceResourceSchema> {
  return { ...encodeService(service), revision };
}

/** A stored service and how many endpoints it has, as JSON. */
export function encodeServiceDetails(
  service: ServiceDetails,
  revision: number,
): z.input<typeof serviceDetailsSchema> {
  const { members, healthy } = service;
  return { ...encodeService(service), members, healthy, revision };
}

function isUnique(texts: readonly string[]): boolean {
  return new Set(texts).size === texts.length;
}

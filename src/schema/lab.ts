import { z } from "zod";
import type { Prefix } from "../net/index.ts";
import { decodeWith, patterned, strict } from "./decode.ts";
import { hostSpecSchema } from "./host.ts";
import { networkSchema } from "./network.ts";
import { segmentSpecSchema } from "./segment.ts";
import { tenantSpecSchema } from "./tenant.ts";
import { endpointNameSchema, ipv4PrefixSchema, ipv6PrefixSchema, nameSchema } from "./text.ts";

/** Names of labs are short: they are part of the names of namespaces and of the paths of sockets. */
export const LAB_NAME_PATTERN = /^[a-z0-9][a-z0-9-]{0,15}$/;

/** Longest name of a host in a lab: its agent's socket must fit the 107 characters of a socket's path. */
const HOST_NAME_LENGTH = 40;

/** Longest name of an endpoint in a lab: it is part of a file name. */
const ENDPOINT_NAME_LENGTH = 120;

/** Lengths of the underlay prefixes: a /24 and a /64 for each of 256 leaf groups. */
const UNDERLAY_LENGTHS = { ipv4: 16, ipv6: 48 } as const;

const labNameSchema = patterned(
  LAB_NAME_PATTERN,
  'a name of a lab: 1 to 16 lower-case letters, digits or "-", the first a letter or digit',
);

/** A path of group names, from the first level down: a list, or text with "/" between the names. */
const groupPathSchema = z
  .union([z.string().transform((text) => text.split("/")), z.array(z.string())], {
    error: () => 'expected the names of the groups, such as "zone-a/rack-1" or [zone-a, rack-1]',
  })
  .pipe(z.array(nameSchema));

const hostSchema = strict({
  name: nameSchema.refine((name) => name.length <= HOST_NAME_LENGTH, {
    error: `has more than ${HOST_NAME_LENGTH} characters (a lab keeps sockets under it)`,
  }),
  id: hostSpecSchema.shape.id,
  group: groupPathSchema.default([]),
});

const segmentSchema = strict({
  name: nameSchema,
  id: z.int().min(0).exactOptional().meta({ description: "Short for one code." }),
  codes: segmentSpecSchema.shape.codes,
}).transform(({ name, id, codes }, context) => {
  if (id !== undefined && codes !== undefined) {
    context.addIssue({
      code: "custom",
      path: ["id"],
      message: "says the same as codes: leave one of them out",
    });
  }
  if (id !== undefined) return { name, codes: [{ code: id, extraBits: 0 }] };
  return codes === undefined ? { name } : { name, codes };
});

const tenantSchema = strict({
  name: nameSchema,
  id: tenantSpecSchema.shape.id,
  isolation: tenantSpecSchema.shape.isolation,
  quota: tenantSpecSchema.shape.quota,
  segments: z.array(segmentSchema).min(1),
});

const endpointSchema = strict({
  name: endpointNameSchema.refine((name) => name.length <= ENDPOINT_NAME_LENGTH, {
    error: `has more than ${ENDPOINT_NAME_LENGTH} characters (a lab names a namespace after it)`,
  }),
  network: nameSchema.exactOptional(),
  host: nameSchema,
  tenant: nameSchema,
  segment: nameSchema,
  id: z.int().min(0).exactOptional().meta({ description: "Endpoint ID inside the segment." }),
});

const underlaySchema = strict({
  ipv4: ipv4PrefixSchema.exactOptional(),
  ipv6: ipv6PrefixSchema.exactOptional(),
}).superRefine((underlay, context) => {
  for (const family of ["ipv4", "ipv6"] as const) {
    const prefix: Prefix | undefined = underlay[family];
    if (prefix === undefined || prefix.length === UNDERLAY_LENGTHS[family]) continue;
    const message = `must be a /${UNDERLAY_LENGTHS[family]}, got a /${prefix.length}`;
    context.addIssue({ code: "custom", path: [family], message });
  }
});

/** One network document or a list of them; faults of a single one are under `network.0`. */
const networksSchema = z
  .unknown()
  .transform((value) => (Array.isArray(value) ? value : [value]))
  .pipe(z.array(networkSchema).min(1));

const labSchema = strict({
  name: labNameSchema,
  network: networksSchema,
  hosts: z.array(hostSchema).min(1),
  tenants: z.array(tenantSchema).min(1),
  endpoints: z.array(endpointSchema).default([]),
  underlay: underlaySchema.default({}),
}).superRefine((lab, context) => {
  for (const { path, message } of nameFaults(lab)) context.addIssue({ code: "custom", path, message });
});

type LabDocument = z.output<typeof labSchema>;

/** A host of a lab; its ID is assigned when absent. */
export type LabHostSpec = LabDocument["hosts"][number];

/** A tenant of a lab with its segments. */
export type LabTenantSpec = LabDocument["tenants"][number];

/** An endpoint of a lab; the network may be absent when there is just one. */
export type LabEndpointSpec = LabDocument["endpoints"][number];

/** A lab as its file describes it: names refer to things that are in it. */
export type LabSpec = LabDocument;

/** Reads the description of a lab. @throws RomanaError `invalid-input` with every fault and its path. */
export function decodeLab(value: unknown): LabSpec {
  return decodeWith(labSchema, "read lab", value);
}

interface NameFault {
  path: (string | number)[];
  message: string;
}

/** Names that are there twice or that refer to nothing. */
function nameFaults(lab: Pick<LabDocument, "hosts" | "tenants" | "endpoints">): NameFault[] {
  const segments = new Map(
    lab.tenants.map((tenant) => [tenant.name, new Set(tenant.segments.map(({ name }) => name))]),
  );
  const hosts = new Set(lab.hosts.map(({ name }) => name));
  return [
    ...doubles("hosts", lab.hosts),
    ...doubles("tenants", lab.tenants),
    ...lab.tenants.flatMap((tenant, index) => doubles(`tenants.${index}.segments`, tenant.segments)),
    ...doubles("endpoints", lab.endpoints),
    ...lab.endpoints.flatMap((endpoint, index) => {
      const fault = (field: string, message: string): NameFault => ({
        path: ["endpoints", index, field],
        message,
      });
      const owned = segments.get(endpoint.tenant);
      return [
        ...(hosts.has(endpoint.name) ? [fault("name", `a host is called "${endpoint.name}" too`)] : []),
        ...(hosts.has(endpoint.host) ? [] : [fault("host", `there is no host "${endpoint.host}"`)]),
        ...(owned === undefined ? [fault("tenant", `there is no tenant "${endpoint.tenant}"`)] : []),
        ...(owned?.has(endpoint.segment) === false
          ? [fault("segment", `tenant "${endpoint.tenant}" has no segment "${endpoint.segment}"`)]
          : []),
      ];
    }),
  ];
}

function doubles(list: string, items: readonly { name: string }[]): NameFault[] {
  const seen = new Set<string>();
  return items.flatMap(({ name }, index) => {
    const double = seen.has(name);
    seen.add(name);
    return double ? [{ path: [...list.split("."), index, "name"], message: `"${name}" is there twice` }] : [];
  });
}

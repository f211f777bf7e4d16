import { z } from "zod";
import { backendsResourceSchema } from "./backends.ts";
import { chainResourceSchema } from "./chain.ts";
import { oneOf, quote, strict } from "./decode.ts";
import { didYouMean } from "./did-you-mean.ts";
import { endpointResourceSchema } from "./endpoint.ts";
import { fabricResourceSchema } from "./fabric.ts";
import { hostResourceSchema } from "./host.ts";
import { networkResourceSchema } from "./network.ts";
import { policyResourceSchema } from "./policy.ts";
import { exceptionResourceSchema } from "./policy-api.ts";
import { relocationResourceSchema } from "./relocation.ts";
import { segmentResourceSchema } from "./segment.ts";
import { serviceResourceSchema } from "./service.ts";
import { tenantResourceSchema } from "./tenant.ts";
import { revisionSchema } from "./text.ts";
import { virtualIpResourceSchema } from "./virtual-ip.ts";

/** What can be watched, with the schema of its objects. */
export const WATCH_SCHEMAS = {
  networks: networkResourceSchema,
  hosts: hostResourceSchema,
  tenants: tenantResourceSchema,
  segments: segmentResourceSchema,
  policies: policyResourceSchema,
  exceptions: exceptionResourceSchema,
  relocations: relocationResourceSchema,
  virtualIps: virtualIpResourceSchema,
  services: serviceResourceSchema,
  chains: chainResourceSchema,
  fabrics: fabricResourceSchema,
  backends: backendsResourceSchema,
  endpoints: endpointResourceSchema,
} as const;

/** What can be watched. */
export type WatchKind = keyof typeof WATCH_SCHEMAS;

/** The kinds that can be watched, in the order in which they depend on each other. */
export const WATCH_KINDS = Object.keys(WATCH_SCHEMAS) as readonly WatchKind[];

/** One change: the object as it is now, or as it was before it was deleted. */
export type WatchChange = {
  [K in WatchKind]: {
    readonly kind: K;
    readonly type: "put" | "delete";
    readonly object: z.output<(typeof WATCH_SCHEMAS)[K]>;
  };
}[WatchKind];

/** All changes of one revision. */
export interface WatchEvent {
  readonly revision: number;
  readonly changes: readonly WatchChange[];
}

const changeTypeSchema = oneOf(["put", "delete"]);

function changeSchema<K extends WatchKind>(kind: K) {
  return strict({ kind: z.literal(kind), type: changeTypeSchema, object: WATCH_SCHEMAS[kind] });
}

/** The data of one server-sent event of a watch. */
export const watchEventSchema = strict({
  revision: revisionSchema,
  changes: z.array(
    z.discriminatedUnion("kind", [
      changeSchema("networks"),
      changeSchema("hosts"),
      changeSchema("tenants"),
      changeSchema("segments"),
      changeSchema("policies"),
      changeSchema("exceptions"),
      changeSchema("relocations"),
      changeSchema("virtualIps"),
      changeSchema("services"),
      changeSchema("chains"),
      changeSchema("fabrics"),
      changeSchema("backends"),
      changeSchema("endpoints"),
    ]),
  ),
}).meta({ id: "WatchEvent", description: "All changes of one revision." });

/** The kinds of a comma-separated list. */
export const watchKindsSchema = z
  .string()
  .meta({
    description: `Comma-separated, out of ${WATCH_KINDS.join(", ")}; default all.`,
    examples: ["hosts,tenants"],
  })
  .transform((text, context): readonly WatchKind[] => {
    const kinds = text.split(",");
    for (const kind of kinds) {
      if (Object.hasOwn(WATCH_SCHEMAS, kind)) continue;
      const message = `${quote(kind)} is not one of ${WATCH_KINDS.join(", ")}${didYouMean(kind, WATCH_KINDS)}`;
      context.addIssue({ code: "custom", message, input: text });
    }
    return kinds as WatchKind[];
  });

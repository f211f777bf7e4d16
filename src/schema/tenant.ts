import { z } from "zod";
import type { Isolation, Tenant } from "../model/index.ts";
import { decodeWith, oneOf, strict } from "./decode.ts";
import { encodeLabels, labelsSchema } from "./label.ts";
import { externalIdSchema, nameSchema, revisionSchema } from "./text.ts";

const ISOLATION_WORDS = ["segment", "tenant", "none"] as const satisfies readonly Isolation[];

/** Who may reach a tenant's endpoints when no policy says otherwise. */
export const isolationSchema = oneOf(ISOLATION_WORDS).meta({
  description: "Who may reach the tenant's endpoints: the same segment, the same tenant, or everybody.",
});

const idSchema = z.int().min(0).meta({ description: "Tenant ID; the same in every network." });
const quotaSchema = z
  .int()
  .min(0)
  .meta({ description: "Most endpoints over all hosts and networks; absent means no limit." });

const tenantShape = {
  name: nameSchema,
  id: idSchema,
  isolation: isolationSchema,
  quota: quotaSchema.exactOptional(),
  externalId: externalIdSchema.exactOptional(),
  labels: labelsSchema.exactOptional(),
};

/** What an operator writes down for a tenant; an absent ID is assigned. */
export const tenantSpecSchema = strict({
  ...tenantShape,
  id: idSchema.exactOptional(),
  isolation: isolationSchema.default("segment"),
}).meta({ id: "TenantSpec" });

/** A tenant as it is stored. */
export const tenantSchema = strict(tenantShape);

/** What may change in a tenant; null takes an optional field away. */
export const tenantPatchSchema = strict({
  isolation: isolationSchema.exactOptional(),
  quota: quotaSchema.nullable().exactOptional(),
  externalId: externalIdSchema.nullable().exactOptional(),
  labels: labelsSchema.exactOptional().meta({ description: "All labels that it shall have from now on." }),
}).meta({ id: "TenantPatch" });

/** A stored tenant with its revision. */
export const tenantResourceSchema = strict({ ...tenantShape, revision: revisionSchema }).meta({
  id: "Tenant",
  description: "An owner: a Kubernetes namespace, an OpenStack project, a customer.",
});

/** What an operator writes down for a tenant. */
export type TenantSpecInput = z.output<typeof tenantSpecSchema>;

/** A tenant as JSON. */
export type TenantJson = z.input<typeof tenantSchema>;

/** Reads a tenant as {@link encodeTenant} writes it. @throws RomanaError `invalid-input`. */
export function decodeTenant(value: unknown): Tenant {
  return decodeWith(tenantSchema, "read tenant", value);
}

/** A tenant as JSON. */
export function encodeTenant(tenant: Tenant): TenantJson {
  return {
    name: tenant.name,
    id: tenant.id,
    isolation: tenant.isolation,
    ...(tenant.quota !== undefined && { quota: tenant.quota }),
    ...(tenant.externalId !== undefined && { externalId: tenant.externalId }),
    ...(tenant.labels !== undefined && { labels: encodeLabels(tenant.labels) }),
  };
}

/** A stored tenant as JSON. */
export function encodeTenantResource(tenant: Tenant, revision: number): z.input<typeof tenantResourceSchema> {
  return { ...encodeTenant(tenant), revision };
}

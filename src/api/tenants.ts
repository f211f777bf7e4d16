import type { Control } from "../control/index.ts";
import { encodeTenantResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on tenants. */
export function tenantHandlers({
  tenants,
}: Control): Handlers<"listTenants" | "createTenant" | "getTenant" | "updateTenant" | "deleteTenant"> {
  return {
    async listTenants({ query }) {
      return { body: encodePage(await tenants.list(query), encodeTenantResource) };
    },
    async createTenant({ body }) {
      return creationAnswer(await tenants.create(body), encodeTenantResource, `/v1/tenants/${body.name}`);
    },
    async getTenant({ params }) {
      return objectAnswer(await tenants.get(params.tenant), encodeTenantResource);
    },
    async updateTenant({ params, body, change }) {
      return objectAnswer(await tenants.update(params.tenant, body, change), encodeTenantResource);
    },
    async deleteTenant({ params, query, change }) {
      return deletionAnswer(await tenants.delete(params.tenant, { ...query, ...change }));
    },
  };
}

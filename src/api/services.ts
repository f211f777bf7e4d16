import type { Control } from "../control/index.ts";
import { encodeBackendsResource, encodeServiceDetails } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on services, and on the endpoints behind them. */
export function serviceHandlers({
  services,
  backends,
}: Control): Handlers<
  "listServices" | "createService" | "getService" | "updateService" | "deleteService" | "listBackends"
> {
  return {
    async listServices({ query }) {
      return { body: encodePage(await services.list(query), encodeServiceDetails) };
    },
    async createService({ body }) {
      return creationAnswer(await services.create(body), encodeServiceDetails, `/v1/services/${body.name}`);
    },
    async getService({ params }) {
      return objectAnswer(await services.get(params.name), encodeServiceDetails);
    },
    async updateService({ params, body, change }) {
      return objectAnswer(await services.update(params.name, body, change), encodeServiceDetails);
    },
    async deleteService({ params, query, change }) {
      return deletionAnswer(await services.delete(params.name, { ...query, ...change }));
    },
    async listBackends({ query }) {
      return { body: encodePage(await backends.list(query), encodeBackendsResource) };
    },
  };
}

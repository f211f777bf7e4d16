import type { Control } from "../control/index.ts";
import { encodeNetworkResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on networks. */
export function networkHandlers({
  networks,
}: Control): Handlers<"listNetworks" | "createNetwork" | "getNetwork" | "updateNetwork" | "deleteNetwork"> {
  return {
    async listNetworks({ query }) {
      return { body: encodePage(await networks.list(query), encodeNetworkResource) };
    },
    async createNetwork({ body }) {
      const created = await networks.create(body);
      return creationAnswer(created, encodeNetworkResource, `/v1/networks/${body.name}`);
    },
    async getNetwork({ params }) {
      return objectAnswer(await networks.get(params.network), encodeNetworkResource);
    },
    async updateNetwork({ params, body, change }) {
      return objectAnswer(await networks.update(params.network, body, change), encodeNetworkResource);
    },
    async deleteNetwork({ params, query, change }) {
      return deletionAnswer(await networks.delete(params.network, { ...query, ...change }));
    },
  };
}

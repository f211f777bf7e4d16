import type { Control } from "../control/index.ts";
import { encodeChainResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Operations on chains. */
export function chainHandlers({
  chains,
}: Control): Handlers<"listChains" | "createChain" | "getChain" | "updateChain" | "deleteChain"> {
  return {
    async listChains({ query }) {
      return { body: encodePage(await chains.list(query), encodeChainResource) };
    },
    async createChain({ body }) {
      return creationAnswer(await chains.create(body), encodeChainResource, `/v1/chains/${body.name}`);
    },
    async getChain({ params }) {
      return objectAnswer(await chains.get(params.name), encodeChainResource);
    },
    async updateChain({ params, body, change }) {
      return objectAnswer(await chains.update(params.name, body, change), encodeChainResource);
    },
    async deleteChain({ params, query, change }) {
      return deletionAnswer(await chains.delete(params.name, { ...query, ...change }));
    },
  };
}

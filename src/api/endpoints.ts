import type { Control } from "../control/index.ts";
import { type Endpoint, RomanaError } from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { encodeEndpointResource } from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodePage, objectAnswer } from "./answer.ts";
import type { Handlers } from "./operation.ts";

/** Told of the outcome of every allocation: `created`, `existing`, or the code of the error. */
export type CountAllocation = (outcome: string) => void;

/** Operations on endpoints. */
export function endpointHandlers(
  { endpoints }: Control,
  count: CountAllocation,
): Handlers<"listEndpoints" | "createEndpoint" | "getEndpoint" | "updateEndpoint" | "deleteEndpoint"> {
  return {
    async listEndpoints({ query }) {
      return { body: encodePage(await endpoints.list(query), encodeEndpointResource) };
    },
    async createEndpoint({ body }) {
      const created = await counted(endpoints.allocate(body), count);
      return creationAnswer(created, encodeEndpointResource, `/v1/endpoints/${refOf(created.object)}`);
    },
    async getEndpoint({ params }) {
      return objectAnswer(await endpoints.get(params.ref), encodeEndpointResource);
    },
    async updateEndpoint({ params, body, change }) {
      return objectAnswer(await endpoints.update(params.ref, body, change), encodeEndpointResource);
    },
    async deleteEndpoint({ params, query, change }) {
      return deletionAnswer(await endpoints.release(params.ref, { ...query, ...change }));
    },
  };
}

async function counted<T extends { created: boolean }>(
  allocation: Promise<T>,
  count: CountAllocation,
): Promise<T> {
  try {
    const result = await allocation;
    count(result.created ? "created" : "existing");
    return result;
  } catch (error) {
    count(error instanceof RomanaError ? error.code : "internal");
    throw error;
  }
}

/** What the endpoint is called in paths: its name or, without one, its first address. */
function refOf({ name, addresses }: Endpoint): string {
  if (name !== undefined) return name;
  const address = addresses.ipv4 ?? addresses.ipv6;
  return address === undefined ? "" : formatAddress(address);
}

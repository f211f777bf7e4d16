import { chainNameSchema, chainPatchSchema, chainResourceSchema, chainSpecSchema } from "./chain.ts";
import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { pageQuerySchema, releaseQuerySchema } from "./query.ts";
import { change, creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";

const chainParams = strict({ name: chainNameSchema });
const tag = "chains";

/** Operations on chains. */
export const CHAIN_OPERATIONS = {
  listChains: listing(chainResourceSchema, {
    path: "/v1/chains",
    tag,
    summary: "List the chains",
    query: pageQuerySchema,
  }),
  createChain: creation({
    path: "/v1/chains",
    tag,
    summary: "Create a chain",
    body: chainSpecSchema,
    response: chainResourceSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "aborted"],
  }),
  getChain: reading({
    path: "/v1/chains/:name",
    tag,
    summary: "Show a chain",
    params: chainParams,
    response: chainResourceSchema,
    revision: "etag",
  }),
  updateChain: change({
    path: "/v1/chains/:name",
    tag,
    summary: "Change whose traffic a chain takes, and through what",
    params: chainParams,
    body: chainPatchSchema,
    response: chainResourceSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "revision-mismatch", "aborted"],
  }),
  deleteChain: deletion({
    path: "/v1/chains/:name",
    tag,
    summary: "Delete a chain",
    params: chainParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
} as const satisfies Record<string, RouteContract>;

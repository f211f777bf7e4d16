import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { fabricResourceSchema, fabricSchema } from "./fabric.ts";
import { pageQuerySchema, releaseQuerySchema } from "./query.ts";
import { deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { nameSchema } from "./text.ts";

const fabricParams = strict({ name: nameSchema });
const tag = "fabrics";

/** Operations on fabrics. */
export const FABRIC_OPERATIONS = {
  listFabrics: listing(fabricResourceSchema, {
    path: "/v1/fabrics",
    tag,
    summary: "List the fabrics",
    query: pageQuerySchema,
  }),
  getFabric: reading({
    path: "/v1/fabrics/:name",
    tag,
    summary: "Show a fabric",
    params: fabricParams,
    response: fabricResourceSchema,
    revision: "etag",
  }),
  putFabric: {
    method: "PUT",
    path: "/v1/fabrics/:name",
    tag,
    summary: "Create or replace a fabric",
    params: fabricParams,
    body: fabricSchema,
    response: fabricResourceSchema,
    statuses: { 200: "Replaced, or it was so already", 201: "Created" },
    errors: ["not-found", "revision-mismatch", "aborted"],
    revision: "if-match",
  },
  deleteFabric: deletion({
    path: "/v1/fabrics/:name",
    tag,
    summary: "Delete a fabric",
    params: fabricParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
} as const satisfies Record<string, RouteContract>;

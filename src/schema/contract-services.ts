import { backendsResourceSchema } from "./backends.ts";
import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { deleteQuerySchema, pageQuerySchema } from "./query.ts";
import { change, creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { serviceDetailsSchema, serviceNameSchema, servicePatchSchema, serviceSpecSchema } from "./service.ts";

const serviceParams = strict({ name: serviceNameSchema });
const tag = "services";

/** Operations on services, and on the endpoints behind them. */
export const SERVICE_OPERATIONS = {
  listServices: listing(serviceDetailsSchema, {
    path: "/v1/services",
    tag,
    summary: "List the services and how many of their endpoints are healthy",
    query: pageQuerySchema,
  }),
  createService: creation({
    path: "/v1/services",
    tag,
    summary: "Create a service",
    body: serviceSpecSchema,
    response: serviceDetailsSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "aborted"],
  }),
  getService: reading({
    path: "/v1/services/:name",
    tag,
    summary: "Show a service and how many of its endpoints are healthy",
    params: serviceParams,
    response: serviceDetailsSchema,
    revision: "etag",
  }),
  updateService: change({
    path: "/v1/services/:name",
    tag,
    summary: "Change where a service sends its traffic, and how",
    params: serviceParams,
    body: servicePatchSchema,
    response: serviceDetailsSchema,
    errors: ["not-found", "conflict", "revision-mismatch", "aborted"],
  }),
  deleteService: deletion({
    path: "/v1/services/:name",
    tag,
    summary: "Delete a service",
    params: serviceParams,
    query: deleteQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "in-use", "revision-mismatch", "aborted"],
  }),
  listBackends: listing(backendsResourceSchema, {
    path: "/v1/backends",
    tag,
    summary: "List the healthy endpoints of each segment that a service or a chain uses",
    query: pageQuerySchema,
  }),
} as const satisfies Record<string, RouteContract>;

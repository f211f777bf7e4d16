import { z } from "zod";
import { checkReportSchema, checkRequestSchema } from "./check.ts";
import { strict } from "./decode.ts";
import { integerText } from "./query.ts";
import { hostRoutesListSchema, routeCountsSchema } from "./route.ts";
import { type RouteContract, reading } from "./route-contract.ts";
import { nameSchema, revisionSchema } from "./text.ts";
import { usageSchema } from "./usage.ts";
import { watchEventSchema, watchKindsSchema } from "./watch.ts";

const watchQuery = strict({
  kinds: watchKindsSchema.exactOptional(),
  host: nameSchema.exactOptional().meta({ description: "Of endpoints, only those of this host." }),
  after: integerText(0, Number.MAX_SAFE_INTEGER, "Revision to start after; default now.").exactOptional(),
});

/** Operations on routes, on the address space as a whole, and on romanad itself. */
export const DAEMON_OPERATIONS = {
  listRoutes: {
    method: "GET",
    path: "/v1/routes",
    tag: "routes",
    summary: "List the routes of one host or of all, wanted and reported",
    query: strict({ host: nameSchema.exactOptional() }),
    response: hostRoutesListSchema,
    statuses: { 200: "Done" },
    errors: ["not-found"],
  },
  summarizeRoutes: reading({
    path: "/v1/routes/summary",
    tag: "routes",
    summary: "Count the routes of the whole network, with and without aggregation",
    response: routeCountsSchema,
    errors: [],
  }),

  getUsage: reading({
    path: "/v1/ipam/usage",
    tag: "ipam",
    summary: "Show how full each level of the address space is",
    query: strict({ host: nameSchema.exactOptional() }),
    response: usageSchema,
  }),
  checkIpam: {
    method: "POST",
    path: "/v1/ipam/check",
    tag: "ipam",
    summary: "Prove that no address is there twice or lost, and repair when asked",
    body: checkRequestSchema,
    response: checkReportSchema,
    statuses: { 200: "Done" },
    errors: ["aborted"],
  },

  watch: {
    method: "GET",
    path: "/v1/watch",
    tag: "watch",
    summary: "Watch changes as server-sent events, from a revision on",
    query: watchQuery,
    response: watchEventSchema,
    statuses: { 200: "A stream of events that does not end by itself" },
    errors: ["compacted"],
    mediaType: "text/event-stream",
  },

  getHealth: reading({
    path: "/healthz",
    tag: "daemon",
    summary: "Tell whether the process lives",
    response: strict({ status: z.literal("ok") }),
    errors: [],
  }),
  getReadiness: reading({
    path: "/readyz",
    tag: "daemon",
    summary: "Tell whether the store can be reached",
    response: strict({ status: z.literal("ok"), revision: revisionSchema }),
    errors: [],
  }),
  getMetrics: reading({
    path: "/metrics",
    tag: "daemon",
    summary: "Show metrics in the text format of Prometheus",
    response: z.string(),
    errors: [],
    mediaType: "text/plain",
  }),
  getOpenApi: reading({
    path: "/openapi.json",
    tag: "daemon",
    summary: "Describe this API as OpenAPI 3.1",
    response: z.looseObject({ openapi: z.string() }),
    errors: [],
  }),
} as const satisfies Record<string, RouteContract>;

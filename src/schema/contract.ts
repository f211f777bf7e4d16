import { z } from "zod";
import { checkReportSchema, checkRequestSchema } from "./check.ts";
import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { allocationSchema, endpointPatchSchema, endpointResourceSchema } from "./endpoint.ts";
import { hostPatchSchema, hostResourceSchema, hostSpecSchema } from "./host.ts";
import { networkPatchSchema, networkResourceSchema, networkSchema } from "./network.ts";
import { policyIdSchema } from "./policy.ts";
import {
  exceptionResourceSchema,
  policyApplicationSchema,
  policyChangesSchema,
  policyDetailsSchema,
  policyInputSchema,
  policyQuerySchema,
  policyTrialSchema,
} from "./policy-api.ts";
import {
  deleteQuerySchema,
  endpointsQuerySchema,
  integerText,
  ownersQuerySchema,
  pageQuerySchema,
  releaseQuerySchema,
  workloadsQuerySchema,
} from "./query.ts";
import { hostRoutesListSchema, routeCountsSchema } from "./route.ts";
import { change, creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { segmentPatchSchema, segmentResourceSchema, segmentSpecSchema } from "./segment.ts";
import { allCountersSchema, hostStatusSchema, policyCountersSchema } from "./status.ts";
import { tenantPatchSchema, tenantResourceSchema, tenantSpecSchema } from "./tenant.ts";
import { nameSchema, revisionSchema, workloadIdSchema } from "./text.ts";
import { usageSchema } from "./usage.ts";
import { hostViewSchema } from "./view.ts";
import {
  heartbeatAnswerSchema,
  heartbeatSchema,
  virtualIpDetailsSchema,
  virtualIpNameSchema,
  virtualIpPatchSchema,
  virtualIpSpecSchema,
} from "./virtual-ip.ts";
import { watchEventSchema, watchKindsSchema } from "./watch.ts";
import { workloadResourceSchema, workloadSpecSchema } from "./workload.ts";

const networkParams = strict({ network: nameSchema });
const hostParams = strict({ host: nameSchema });
const tenantParams = strict({ tenant: nameSchema });
const segmentParams = strict({ tenant: nameSchema, segment: nameSchema });
const policyParams = strict({ policy: policyIdSchema });
const trialParams = strict({ trial: z.string().min(1).max(64) });
const endpointParams = strict({
  ref: z.string().min(1).max(253).meta({ description: "Name of the endpoint, or any of its addresses." }),
});

const workloadParams = strict({ workload: workloadIdSchema });

const virtualIpParams = strict({ name: virtualIpNameSchema });

const watchQuery = strict({
  kinds: watchKindsSchema.exactOptional(),
  host: nameSchema.exactOptional().meta({ description: "Of endpoints, only those of this host." }),
  after: integerText(0, Number.MAX_SAFE_INTEGER, "Revision to start after; default now.").exactOptional(),
});

/**
 * Every operation of the API by its ID. Server, client, CLI and OpenAPI are made from this table; there is no
 * second list.
 */
export const CONTRACT = {
  listNetworks: listing(networkResourceSchema, {
    path: "/v1/networks",
    tag: "networks",
    summary: "List the networks",
    query: pageQuerySchema,
  }),
  createNetwork: creation({
    path: "/v1/networks",
    tag: "networks",
    summary: "Create a network",
    body: networkSchema,
    response: networkResourceSchema,
    errors: ["conflict", "aborted"],
  }),
  getNetwork: reading({
    path: "/v1/networks/:network",
    tag: "networks",
    summary: "Show a network",
    params: networkParams,
    response: networkResourceSchema,
    revision: "etag",
  }),
  updateNetwork: change({
    path: "/v1/networks/:network",
    tag: "networks",
    summary: "Replace the groups of a network",
    params: networkParams,
    body: networkPatchSchema,
    response: networkResourceSchema,
  }),
  deleteNetwork: deletion({
    path: "/v1/networks/:network",
    tag: "networks",
    summary: "Delete a network",
    params: networkParams,
    query: deleteQuerySchema,
    response: deletionSchema,
  }),

  listHosts: listing(hostResourceSchema, {
    path: "/v1/hosts",
    tag: "hosts",
    summary: "List the hosts",
    query: pageQuerySchema,
  }),
  createHost: creation({
    path: "/v1/hosts",
    tag: "hosts",
    summary: "Create a host",
    body: hostSpecSchema,
    response: hostResourceSchema,
    errors: ["conflict", "pool-exhausted", "aborted"],
  }),
  getHost: reading({
    path: "/v1/hosts/:host",
    tag: "hosts",
    summary: "Show a host",
    params: hostParams,
    response: hostResourceSchema,
    revision: "etag",
  }),
  updateHost: change({
    path: "/v1/hosts/:host",
    tag: "hosts",
    summary: "Change underlay addresses, external ID or labels of a host",
    params: hostParams,
    body: hostPatchSchema,
    response: hostResourceSchema,
  }),
  deleteHost: deletion({
    path: "/v1/hosts/:host",
    tag: "hosts",
    summary: "Delete a host",
    params: hostParams,
    query: deleteQuerySchema,
    response: deletionSchema,
  }),
  viewHost: reading({
    path: "/v1/hosts/:host/view",
    tag: "hosts",
    summary: "Show everything that the agent of a host works from, at one revision",
    params: hostParams,
    response: hostViewSchema,
  }),
  getHostStatus: reading({
    path: "/v1/hosts/:host/status",
    tag: "hosts",
    summary: "Show the last report of the agent of a host",
    params: hostParams,
    response: hostStatusSchema,
  }),
  putHostStatus: {
    method: "PUT",
    path: "/v1/hosts/:host/status",
    tag: "hosts",
    summary: "Store the report of the agent of a host",
    params: hostParams,
    body: hostStatusSchema,
    response: hostStatusSchema,
    statuses: { 200: "Stored" },
    errors: ["not-found", "aborted"],
  },

  listTenants: listing(tenantResourceSchema, {
    path: "/v1/tenants",
    tag: "tenants",
    summary: "List the tenants",
    query: ownersQuerySchema,
  }),
  createTenant: creation({
    path: "/v1/tenants",
    tag: "tenants",
    summary: "Create a tenant",
    body: tenantSpecSchema,
    response: tenantResourceSchema,
    errors: ["conflict", "pool-exhausted", "aborted"],
  }),
  getTenant: reading({
    path: "/v1/tenants/:tenant",
    tag: "tenants",
    summary: "Show a tenant",
    params: tenantParams,
    response: tenantResourceSchema,
    revision: "etag",
  }),
  updateTenant: change({
    path: "/v1/tenants/:tenant",
    tag: "tenants",
    summary: "Change isolation, quota, external ID or labels of a tenant",
    params: tenantParams,
    body: tenantPatchSchema,
    response: tenantResourceSchema,
  }),
  deleteTenant: deletion({
    path: "/v1/tenants/:tenant",
    tag: "tenants",
    summary: "Delete a tenant",
    params: tenantParams,
    query: deleteQuerySchema,
    response: deletionSchema,
  }),

  listAllSegments: listing(segmentResourceSchema, {
    path: "/v1/segments",
    tag: "segments",
    summary: "List the segments of all tenants",
    query: ownersQuerySchema,
  }),
  listSegments: listing(segmentResourceSchema, {
    path: "/v1/tenants/:tenant/segments",
    tag: "segments",
    summary: "List the segments of a tenant",
    params: tenantParams,
    query: ownersQuerySchema,
    errors: ["not-found"],
  }),
  createSegment: creation({
    path: "/v1/tenants/:tenant/segments",
    tag: "segments",
    summary: "Create a segment",
    params: tenantParams,
    body: segmentSpecSchema,
    response: segmentResourceSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "aborted"],
  }),
  getSegment: reading({
    path: "/v1/tenants/:tenant/segments/:segment",
    tag: "segments",
    summary: "Show a segment",
    params: segmentParams,
    response: segmentResourceSchema,
    revision: "etag",
  }),
  updateSegment: change({
    path: "/v1/tenants/:tenant/segments/:segment",
    tag: "segments",
    summary: "Change codes, external ID, labels or ports of a segment",
    params: segmentParams,
    body: segmentPatchSchema,
    response: segmentResourceSchema,
  }),
  deleteSegment: deletion({
    path: "/v1/tenants/:tenant/segments/:segment",
    tag: "segments",
    summary: "Delete a segment",
    params: segmentParams,
    query: deleteQuerySchema,
    response: deletionSchema,
  }),

  listEndpoints: listing(endpointResourceSchema, {
    path: "/v1/endpoints",
    tag: "endpoints",
    summary: "List the endpoints",
    query: endpointsQuerySchema,
  }),
  createEndpoint: creation({
    path: "/v1/endpoints",
    tag: "endpoints",
    summary: "Allocate an endpoint",
    body: allocationSchema,
    response: endpointResourceSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "quota-exceeded", "aborted"],
  }),
  getEndpoint: reading({
    path: "/v1/endpoints/:ref",
    tag: "endpoints",
    summary: "Show an endpoint",
    params: endpointParams,
    response: endpointResourceSchema,
    revision: "etag",
  }),
  updateEndpoint: change({
    path: "/v1/endpoints/:ref",
    tag: "endpoints",
    summary: "Change the external ID of an endpoint, or the segment that it acts as",
    params: endpointParams,
    body: endpointPatchSchema,
    response: endpointResourceSchema,
  }),
  deleteEndpoint: deletion({
    path: "/v1/endpoints/:ref",
    tag: "endpoints",
    summary: "Release an endpoint",
    params: endpointParams,
    query: releaseQuerySchema,
    response: deletionSchema,
  }),

  listWorkloads: listing(workloadResourceSchema, {
    path: "/v1/workloads",
    tag: "workloads",
    summary: "List the workloads",
    query: workloadsQuerySchema,
  }),
  putWorkload: {
    method: "PUT",
    path: "/v1/workloads/:workload",
    tag: "workloads",
    summary: "Write a workload, and make its endpoints act as it says",
    params: workloadParams,
    body: workloadSpecSchema,
    response: workloadResourceSchema,
    statuses: { 200: "Written, or equal already", 201: "Created" },
    errors: ["not-found", "conflict", "revision-mismatch", "aborted"],
    revision: "if-match",
  },
  getWorkload: reading({
    path: "/v1/workloads/:workload",
    tag: "workloads",
    summary: "Show a workload",
    params: workloadParams,
    response: workloadResourceSchema,
    revision: "etag",
  }),
  deleteWorkload: deletion({
    path: "/v1/workloads/:workload",
    tag: "workloads",
    summary: "Delete a workload; its endpoints stay as they are",
    params: workloadParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),

  listPolicies: listing(policyDetailsSchema, {
    path: "/v1/policies",
    tag: "policies",
    summary: "List the policies",
    query: pageQuerySchema,
  }),
  createPolicy: creation({
    path: "/v1/policies",
    tag: "policies",
    summary: "Create a policy",
    query: policyQuerySchema,
    body: policyInputSchema,
    response: policyDetailsSchema,
    errors: ["conflict", "aborted"],
  }),
  getPolicy: reading({
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Show a policy",
    params: policyParams,
    response: policyDetailsSchema,
    revision: "etag",
  }),
  replacePolicy: {
    method: "PUT",
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Replace a policy",
    params: policyParams,
    query: policyQuerySchema,
    body: policyInputSchema,
    response: policyDetailsSchema,
    statuses: { 200: "Done" },
    errors: ["not-found", "revision-mismatch", "aborted"],
    revision: "if-match",
  },
  deletePolicy: deletion({
    path: "/v1/policies/:policy",
    tag: "policies",
    summary: "Delete a policy",
    params: policyParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
  getPolicyCounters: reading({
    path: "/v1/policies/:policy/counters",
    tag: "policies",
    summary: "Show what the rules of a policy have decided on all hosts",
    params: policyParams,
    response: policyCountersSchema,
  }),
  getCounters: reading({
    path: "/v1/policy-counters",
    tag: "policies",
    summary: "Show what the rules of all policies have decided, and what was dropped",
    response: allCountersSchema,
    errors: [],
  }),
  applyPolicies: {
    method: "POST",
    path: "/v1/policy-changes",
    tag: "policies",
    summary: "Make several policies as given, all or none, perhaps on trial",
    body: policyApplicationSchema,
    response: policyChangesSchema,
    statuses: { 200: "Done" },
    errors: ["aborted"],
  },
  listPolicyTrials: reading({
    path: "/v1/policy-trials",
    tag: "policies",
    summary: "List the changes of policies that wait for a confirmation",
    response: strict({ items: z.array(policyTrialSchema) }),
    errors: [],
  }),
  confirmPolicyTrial: {
    method: "POST",
    path: "/v1/policy-trials/:trial/confirm",
    tag: "policies",
    summary: "Confirm changes of policies, so that they stay",
    params: trialParams,
    response: policyTrialSchema,
    statuses: { 200: "Done" },
    errors: ["not-found", "aborted"],
  },
  listExceptions: listing(exceptionResourceSchema, {
    path: "/v1/exceptions",
    tag: "policies",
    summary: "List the endpoints that act as another segment",
    query: pageQuerySchema,
  }),

  listVirtualIps: listing(virtualIpDetailsSchema, {
    path: "/v1/virtual-ips",
    tag: "virtual IPs",
    summary: "List the virtual IPs and who holds them",
    query: pageQuerySchema,
  }),
  createVirtualIp: creation({
    path: "/v1/virtual-ips",
    tag: "virtual IPs",
    summary: "Create a virtual IP",
    body: virtualIpSpecSchema,
    response: virtualIpDetailsSchema,
    errors: ["conflict", "aborted"],
  }),
  getVirtualIp: reading({
    path: "/v1/virtual-ips/:name",
    tag: "virtual IPs",
    summary: "Show a virtual IP and who holds it",
    params: virtualIpParams,
    response: virtualIpDetailsSchema,
    revision: "etag",
  }),
  updateVirtualIp: change({
    path: "/v1/virtual-ips/:name",
    tag: "virtual IPs",
    summary: "Change the candidates or the external ID of a virtual IP",
    params: virtualIpParams,
    body: virtualIpPatchSchema,
    response: virtualIpDetailsSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
  deleteVirtualIp: deletion({
    path: "/v1/virtual-ips/:name",
    tag: "virtual IPs",
    summary: "Delete a virtual IP",
    params: virtualIpParams,
    query: releaseQuerySchema,
    response: deletionSchema,
    errors: ["not-found", "revision-mismatch", "aborted"],
  }),
  sendHeartbeat: {
    method: "POST",
    path: "/v1/hosts/:host/heartbeats",
    tag: "virtual IPs",
    summary: "Tell that a host lives, and ask which virtual IPs it may hold",
    params: hostParams,
    body: heartbeatSchema,
    response: heartbeatAnswerSchema,
    statuses: { 200: "Done" },
    errors: ["not-found", "aborted"],
  },

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
    tag: "service",
    summary: "Tell whether the process lives",
    response: strict({ status: z.literal("ok") }),
    errors: [],
  }),
  getReadiness: reading({
    path: "/readyz",
    tag: "service",
    summary: "Tell whether the store can be reached",
    response: strict({ status: z.literal("ok"), revision: revisionSchema }),
    errors: [],
  }),
  getMetrics: reading({
    path: "/metrics",
    tag: "service",
    summary: "Show metrics in the text format of Prometheus",
    response: z.string(),
    errors: [],
    mediaType: "text/plain",
  }),
  getOpenApi: reading({
    path: "/openapi.json",
    tag: "service",
    summary: "Describe this API as OpenAPI 3.1",
    response: z.looseObject({ openapi: z.string() }),
    errors: [],
  }),
} as const satisfies Record<string, RouteContract>;

/** The ID of an operation. */
export type Operation = keyof typeof CONTRACT;

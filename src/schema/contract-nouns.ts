import { z } from "zod";
import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { allocationSchema, endpointPatchSchema, endpointResourceSchema } from "./endpoint.ts";
import { hostPatchSchema, hostResourceSchema, hostSpecSchema } from "./host.ts";
import { networkPatchSchema, networkResourceSchema, networkSchema } from "./network.ts";
import {
  deleteQuerySchema,
  endpointsQuerySchema,
  ownersQuerySchema,
  pageQuerySchema,
  releaseQuerySchema,
  workloadsQuerySchema,
} from "./query.ts";
import { change, creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { segmentPatchSchema, segmentResourceSchema, segmentSpecSchema } from "./segment.ts";
import { hostReportSchema, hostStatusSchema } from "./status.ts";
import { tenantPatchSchema, tenantResourceSchema, tenantSpecSchema } from "./tenant.ts";
import { nameSchema, workloadIdSchema } from "./text.ts";
import { hostViewSchema } from "./view.ts";
import { workloadResourceSchema, workloadSpecSchema } from "./workload.ts";

const networkParams = strict({ network: nameSchema });
const hostParams = strict({ host: nameSchema });
const tenantParams = strict({ tenant: nameSchema });
const segmentParams = strict({ tenant: nameSchema, segment: nameSchema });
const endpointParams = strict({
  ref: z.string().min(1).max(253).meta({ description: "Name of the endpoint, or any of its addresses." }),
});
const workloadParams = strict({ workload: workloadIdSchema });

/** Operations on the nouns that make addresses: networks, hosts, tenants, segments, endpoints, workloads. */
export const NOUN_OPERATIONS = {
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
    errors: ["not-found", "conflict", "pool-exhausted", "aborted"],
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
    summary: "Store the report of the agent of a host; answered without routes",
    params: hostParams,
    body: hostReportSchema,
    response: hostReportSchema,
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
    summary: "Change the external ID of an endpoint, the segment that it acts as, or the host where it is",
    params: endpointParams,
    body: endpointPatchSchema,
    response: endpointResourceSchema,
    errors: ["not-found", "conflict", "pool-exhausted", "revision-mismatch", "aborted"],
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
} as const satisfies Record<string, RouteContract>;

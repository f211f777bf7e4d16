import { strict } from "./decode.ts";
import { deletionSchema } from "./deletion.ts";
import { pageQuerySchema, releaseQuerySchema } from "./query.ts";
import { change, creation, deletion, listing, type RouteContract, reading } from "./route-contract.ts";
import { nameSchema } from "./text.ts";
import {
  heartbeatAnswerSchema,
  heartbeatSchema,
  virtualIpDetailsSchema,
  virtualIpNameSchema,
  virtualIpPatchSchema,
  virtualIpSpecSchema,
} from "./virtual-ip.ts";

const hostParams = strict({ host: nameSchema });
const virtualIpParams = strict({ name: virtualIpNameSchema });

/** Operations on virtual IPs. */
export const VIRTUAL_IP_OPERATIONS = {
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
} as const satisfies Record<string, RouteContract>;

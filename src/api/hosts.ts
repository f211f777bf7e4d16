import type { Control, HostView } from "../control/index.ts";
import {
  encodeBackendsResource,
  encodeChainResource,
  encodeEndpointResource,
  encodeExceptionResource,
  encodeFabricResource,
  encodeHostReport,
  encodeHostResource,
  encodeHostStatus,
  encodeNetworkResource,
  encodePolicyResource,
  encodeRelocationResource,
  encodeSegmentResource,
  encodeServiceResource,
  encodeTenantResource,
  encodeVirtualIpResource,
} from "../schema/index.ts";
import { creationAnswer, deletionAnswer, encodeAll, encodePage, objectAnswer } from "./answer.ts";
import type { Answer, Handlers } from "./operation.ts";

/** Operations on hosts, and what their agents ask and report. */
export function hostHandlers(
  control: Control,
): Handlers<
  | "listHosts"
  | "createHost"
  | "getHost"
  | "updateHost"
  | "deleteHost"
  | "viewHost"
  | "getHostStatus"
  | "putHostStatus"
> {
  const { hosts, status } = control;
  return {
    async listHosts({ query }) {
      return { body: encodePage(await hosts.list(query), encodeHostResource) };
    },
    async createHost({ body }) {
      return creationAnswer(await hosts.create(body), encodeHostResource, `/v1/hosts/${body.name}`);
    },
    async getHost({ params }) {
      return objectAnswer(await hosts.get(params.host), encodeHostResource);
    },
    async updateHost({ params, body, change }) {
      return objectAnswer(await hosts.update(params.host, body, change), encodeHostResource);
    },
    async deleteHost({ params, query, change }) {
      return deletionAnswer(await hosts.delete(params.host, { ...query, ...change }));
    },
    async viewHost({ params }) {
      return { body: encodeView(await control.view(params.host)) };
    },
    async getHostStatus({ params }) {
      return { body: encodeHostStatus((await status.get(params.host)).object) };
    },
    async putHostStatus({ params, body }) {
      return { body: encodeHostReport((await status.put(params.host, body)).object) };
    },
  };
}

function encodeView(view: HostView): Answer<"viewHost">["body"] {
  return {
    revision: view.revision,
    host: view.host,
    networks: encodeAll(view.networks, encodeNetworkResource),
    hosts: encodeAll(view.hosts, encodeHostResource),
    tenants: encodeAll(view.tenants, encodeTenantResource),
    segments: encodeAll(view.segments, encodeSegmentResource),
    policies: encodeAll(view.policies, encodePolicyResource),
    exceptions: encodeAll(view.exceptions, encodeExceptionResource),
    relocations: encodeAll(view.relocations, encodeRelocationResource),
    virtualIps: encodeAll(view.virtualIps, encodeVirtualIpResource),
    services: encodeAll(view.services, encodeServiceResource),
    chains: encodeAll(view.chains, encodeChainResource),
    fabrics: encodeAll(view.fabrics, encodeFabricResource),
    backends: encodeAll(view.backends, encodeBackendsResource),
    endpoints: encodeAll(view.endpoints, encodeEndpointResource),
  };
}

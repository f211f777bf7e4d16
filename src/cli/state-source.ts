import type { Client } from "../client/index.ts";
import { type ClusterState, decodeState } from "../schema/index.ts";
import type { Option } from "./command.ts";
import { readDocument } from "./documents.ts";
import { listAll } from "./resource.ts";

/** Takes the state of a cluster from a file instead of romanad. */
export const STATE_OPTION: Option = {
  name: "state",
  value: "FILE",
  summary: 'Ask this state, as "romana state export" prints it, instead of romanad',
  complete: "file",
};

/** A state of a file. @throws RomanaError `invalid-input` with every fault of the file. */
export function readState(file: string): ClusterState {
  return decodeState(readDocument(file));
}

/** Everything that decides about traffic, from romanad; without endpoints, of which there are many. */
export async function readWorld(client: Client): Promise<Omit<ClusterState, "endpoints">> {
  return {
    networks: await listAll((query) => client.call("listNetworks", { query })),
    hosts: await listAll((query) => client.call("listHosts", { query })),
    tenants: await listAll((query) => client.call("listTenants", { query })),
    segments: await listAll((query) => client.call("listAllSegments", { query })),
    policies: await listAll((query) => client.call("listPolicies", { query })),
    exceptions: await listAll((query) => client.call("listExceptions", { query })),
    services: await listAll((query) => client.call("listServices", { query })),
    chains: await listAll((query) => client.call("listChains", { query })),
    fabrics: await listAll((query) => client.call("listFabrics", { query })),
  };
}

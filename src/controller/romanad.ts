import type { Client } from "../client/index.ts";
import type { WantedChain, WantedService } from "../kubernetes/index.ts";
import type {
  Chain,
  Host,
  HostSelector,
  Network,
  Policy,
  Segment,
  SegmentBackends,
  ServiceDetails,
  Tenant,
  VirtualIp,
  VirtualIpDetails,
  Workload,
} from "../model/index.ts";
import {
  encodeAddressPair,
  encodeChainFrom,
  encodeChainFunction,
  encodeChainTo,
  encodeGroup,
  encodeHealthCheck,
  encodeHostSelector,
  encodeLabels,
  encodeNamedPorts,
  encodeNetwork,
  encodePolicy,
  encodePrefixPair,
  MAX_PAGE_SIZE,
  type PolicyDetails,
} from "../schema/index.ts";

/** An object with the revision of the store that it is of. */
export type Revised<T> = T & { readonly revision: number };

/** What the controller asks of romanad. Errors are those of the client. */
export interface Romanad {
  networks(): Promise<readonly Network[]>;
  hosts(): Promise<readonly Revised<Host>[]>;
  tenants(): Promise<readonly Tenant[]>;
  segments(): Promise<readonly Segment[]>;
  policies(): Promise<readonly PolicyDetails[]>;
  workloads(): Promise<readonly Workload[]>;
  virtualIps(): Promise<readonly VirtualIp[]>;
  services(): Promise<readonly ServiceDetails[]>;
  chains(): Promise<readonly Chain[]>;
  backends(): Promise<readonly SegmentBackends[]>;
  createNetwork(network: Network): Promise<Network>;
  /** Its groups, and its service prefixes. */
  updateNetwork(network: Network): Promise<Network>;
  deleteNetwork(name: string): Promise<void>;
  createHost(host: Omit<Host, "id">): Promise<Revised<Host>>;
  updateHost(name: string, change: Pick<Host, "underlay" | "labels">): Promise<Revised<Host>>;
  /** With everything that is on it, unless it has changed since. */
  deleteHost(name: string, revision: number): Promise<void>;
  createTenant(tenant: Omit<Tenant, "id">): Promise<Tenant>;
  updateTenant(name: string, change: Pick<Tenant, "externalId" | "labels">): Promise<Tenant>;
  deleteTenant(name: string): Promise<void>;
  /** Without codes when the list is empty; absent: romanad chooses one. */
  createSegment(segment: Omit<Segment, "codes"> & { readonly codes?: readonly [] }): Promise<Segment>;
  deleteSegment(tenant: string, name: string): Promise<void>;
  /** Creates or replaces it; who it names need not be there. */
  putPolicy(policy: Policy): Promise<void>;
  getPolicy(id: string): Promise<PolicyDetails>;
  deletePolicy(id: string): Promise<void>;
  putWorkload(workload: Workload): Promise<Workload>;
  deleteWorkload(id: string): Promise<void>;
  createVirtualIp(virtualIp: VirtualIp): Promise<VirtualIp>;
  getVirtualIp(name: string): Promise<VirtualIpDetails>;
  updateVirtualIp(name: string, hosts: HostSelector): Promise<VirtualIp>;
  deleteVirtualIp(name: string): Promise<void>;
  createService(service: WantedService): Promise<ServiceDetails>;
  /** Everything but its network and its addresses. */
  updateService(service: WantedService): Promise<ServiceDetails>;
  deleteService(name: string): Promise<void>;
  createChain(chain: WantedChain): Promise<Chain>;
  /** Everything but its network. */
  updateChain(chain: WantedChain): Promise<Chain>;
  deleteChain(name: string): Promise<void>;
}

interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor?: string | undefined;
}

async function all<T>(read: (query: { limit: number; cursor?: string }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: MAX_PAGE_SIZE, ...(cursor !== undefined && { cursor }) });
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/** The {@link Romanad} behind a client. */
export function createRomanad(client: Client): Romanad {
  return {
    networks: () => all((query) => client.call("listNetworks", { query })),
    hosts: () => all((query) => client.call("listHosts", { query })),
    tenants: () => all((query) => client.call("listTenants", { query })),
    segments: () => all((query) => client.call("listAllSegments", { query })),
    policies: () => all((query) => client.call("listPolicies", { query })),
    chains: () => all((query) => client.call("listChains", { query })),
    backends: () => all((query) => client.call("listBackends", { query })),
    services: () => all((query) => client.call("listServices", { query })),
    virtualIps: () => all((query) => client.call("listVirtualIps", { query })),
    workloads: () => all((query) => client.call("listWorkloads", { query })),
    createNetwork: (network) => client.call("createNetwork", { body: encodeNetwork(network) }),
    updateNetwork: ({ name, groups, services }) =>
      client.call("updateNetwork", {
        params: { network: name },
        body: {
          groups: groups.map(encodeGroup),
          services: services === undefined ? null : encodePrefixPair(services),
        },
      }),
    async deleteNetwork(network) {
      await client.call("deleteNetwork", { params: { network } });
    },
    createHost: ({ name, group, underlay, labels, externalId }) =>
      client.call("createHost", {
        body: {
          name,
          group: [...group],
          underlay: encodeAddressPair(underlay),
          ...(labels && { labels: encodeLabels(labels) }),
          ...(externalId !== undefined && { externalId }),
        },
      }),
    updateHost: (host, { underlay, labels }) =>
      client.call("updateHost", {
        params: { host },
        body: { underlay: encodeAddressPair(underlay), labels: encodeLabels(labels ?? new Map()) },
      }),
    async deleteHost(host, ifMatch) {
      await client.call("deleteHost", { params: { host }, query: { cascade: true } }, { ifMatch });
    },
    createTenant: ({ name, isolation, externalId, labels }) =>
      client.call("createTenant", {
        body: {
          name,
          isolation,
          ...(externalId !== undefined && { externalId }),
          ...(labels && { labels: encodeLabels(labels) }),
        },
      }),
    updateTenant: (tenant, { externalId, labels }) =>
      client.call("updateTenant", {
        params: { tenant },
        body: { externalId: externalId ?? null, labels: encodeLabels(labels ?? new Map()) },
      }),
    async deleteTenant(tenant) {
      await client.call("deleteTenant", { params: { tenant } });
    },
    createSegment: ({ tenant, name, codes, externalId, labels, ports }) =>
      client.call("createSegment", {
        params: { tenant },
        body: {
          name,
          ...(codes && { codes: [...codes] }),
          ...(externalId !== undefined && { externalId }),
          ...(labels && { labels: encodeLabels(labels) }),
          ...(ports && { ports: encodeNamedPorts(ports) }),
        },
      }),
    async deleteSegment(tenant, segment) {
      await client.call("deleteSegment", { params: { tenant, segment } });
    },
    async putPolicy(policy) {
      await client.call("applyPolicies", { body: { policies: [encodePolicy(policy)], pending: true } });
    },
    getPolicy: (policy) => client.call("getPolicy", { params: { policy } }),
    async deletePolicy(policy) {
      await client.call("deletePolicy", { params: { policy } });
    },
    putWorkload: ({ id, ...body }) => client.call("putWorkload", { params: { workload: id }, body }),
    createVirtualIp: ({ name, addresses, hosts, externalId }) =>
      client.call("createVirtualIp", {
        body: {
          name,
          addresses: encodeAddressPair(addresses),
          ...(hosts && { hosts: encodeHostSelector(hosts) }),
          ...(externalId !== undefined && { externalId }),
        },
      }),
    getVirtualIp: (name) => client.call("getVirtualIp", { params: { name } }),
    updateVirtualIp: (name, hosts) =>
      client.call("updateVirtualIp", { params: { name }, body: { hosts: encodeHostSelector(hosts) } }),
    async deleteVirtualIp(name) {
      await client.call("deleteVirtualIp", { params: { name } });
    },
    createService: ({ name, network, tenant, segment, addresses, ports, ...rest }) =>
      client.call("createService", {
        body: {
          name,
          ...(network !== undefined && { network }),
          tenant,
          segment,
          ...(addresses && { addresses: encodeAddressPair(addresses) }),
          ports: ports.map((port) => ({ ...port })),
          ...steeringOf(rest),
        },
      }),
    updateService: ({ name, segment, ports, ...rest }) =>
      client.call("updateService", {
        params: { name },
        body: {
          segment,
          ports: ports.map((port) => ({ ...port })),
          affinity: null,
          prefer: null,
          health: null,
          dnsName: null,
          ...steeringOf(rest),
        },
      }),
    async deleteService(name) {
      await client.call("deleteService", { params: { name } });
    },
    createChain: ({ name, network, ...rest }) =>
      client.call("createChain", {
        body: { name, ...(network !== undefined && { network }), ...pathOf(rest) },
      }),
    updateChain: ({ name, ...rest }) => client.call("updateChain", { params: { name }, body: pathOf(rest) }),
    async deleteChain(name) {
      await client.call("deleteChain", { params: { name } });
    },
    async deleteWorkload(workload) {
      await client.call("deleteWorkload", { params: { workload } });
    },
  };
}

/** What of a service is there or not. */
function steeringOf({
  affinity,
  prefer,
  health,
  dnsName,
  externalId,
}: Pick<WantedService, "affinity" | "prefer" | "health" | "dnsName" | "externalId">) {
  return {
    ...(affinity && { affinity }),
    ...(prefer && { prefer }),
    ...(health && { health: encodeHealthCheck(health) }),
    ...(dnsName !== undefined && { dnsName }),
    ...(externalId !== undefined && { externalId }),
  };
}

/** What a chain does. */
function pathOf({
  from,
  to,
  through,
  direction,
  externalId,
}: Pick<WantedChain, "from" | "to" | "through" | "direction" | "externalId">) {
  return {
    from: encodeChainFrom(from),
    to: encodeChainTo(to),
    through: through.map(encodeChainFunction),
    direction,
    ...(externalId !== undefined && { externalId }),
  };
}

import type { RoutingDaemonKind } from "../../src/model/index.ts";
import { type AttachmentResource, decodeFabric, type NetworkJson } from "../../src/schema/index.ts";
import { AgentSite } from "./agent-site.ts";
import { FabricRouters } from "./fabric-routers.ts";

const NETWORK: NetworkJson = {
  name: "default",
  plans: {
    ipv4: {
      prefix: "10.0.0.0/8",
      groupLevels: [{ name: "rack", bits: 4 }],
      hostBits: 8,
      tenantBits: 4,
      segmentBits: 2,
      endpointBits: 6,
    },
    ipv6: {
      prefix: "fd00:10::/32",
      groupLevels: [{ name: "rack", bits: 8 }],
      hostBits: 16,
      tenantBits: 24,
      segmentBits: 16,
      endpointBits: 32,
    },
  },
  groups: [
    { name: "rack-1", id: 1 },
    { name: "rack-2", id: 2 },
  ],
};

/** Numbers of the hosts: the first four are in rack-1, the others in rack-2. */
export const HOSTS = [1, 2, 3, 4, 5, 6, 7, 8];
const RACKS = [1, 2].map((number) => ({
  name: `rack-${number}`,
  leaves: [`leaf-${number}a`, `leaf-${number}b`],
  hosts: HOSTS.filter((host) => Math.ceil(host / 4) === number).map((host) => `host-${host}`),
}));

/** The ends of each cable: every leaf with every spine, with the other one of its rack, and with its hosts. */
export const CABLES = RACKS.flatMap(({ leaves, hosts }) => [
  leaves,
  ...leaves.flatMap((leaf) => [["spine-1", leaf], ["spine-2", leaf], ...hosts.map((host) => [leaf, host])]),
]) as [string, string][];

/** Two spines, four leaves, eight hosts that are cabled with both leaves of their rack. */
export const FABRIC = {
  name: "lab",
  hostAsn: 65000,
  spines: [1, 2].map((number) => ({ name: `spine-${number}`, asn: 65100, routerId: `192.0.2.${number}` })),
  racks: RACKS.map(({ name, leaves }, rack) => ({
    group: [name],
    leaves: leaves.map((leaf, number) => ({
      name: leaf,
      asn: 65101 + rack,
      routerId: `192.0.2.${10 * rack + number + 10}`,
    })),
  })),
  links: CABLES.map(([first, second], cable) => ({
    ends: [portOf(first, cable, 0), portOf(second, cable, 1)] as [Port, Port],
  })),
};

interface Port {
  readonly device: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

function portOf(device: string, cable: number, end: number): Port {
  return { device, ipv4: `172.31.${cable}.${end}`, ipv6: `fd31:0:0:${cable}::${end}` };
}

/** A site with a fabric around its hosts. */
export interface FabricSite {
  readonly site: AgentSite;
  readonly routers: FabricRouters;
  /** An endpoint on each host. */
  readonly attachments: readonly AttachmentResource[];
  /** Starts the agent of a host, with its routing daemon. */
  startAgent(number: number): Promise<void>;
  close(): Promise<void>;
}

/** Real agents with one daemon on their hosts, and spines and leaves with the other one. */
export async function createFabricSite(
  ofHosts: RoutingDaemonKind,
  ofFabric: RoutingDaemonKind,
): Promise<FabricSite> {
  const site = await AgentSite.create({
    hosts: HOSTS.length,
    network: NETWORK,
    groups: RACKS.flatMap(({ name, hosts }) => hosts.map(() => name)),
  });
  const routers = new FabricRouters(site, decodeFabric(FABRIC), ofFabric);
  const startAgent = (number: number): Promise<void> => {
    const directory = `${routers.directory}/host-${number}`;
    return site.startAgent(number, true, { routing: { daemon: ofHosts, directory } });
  };
  const close = async (): Promise<void> => {
    routers.close();
    await site.close();
  };
  try {
    await routers.start(site.client);
    await site.client.call("putFabric", { params: { name: FABRIC.name }, body: FABRIC });
    await Promise.all(HOSTS.map(startAgent));
    const attachments = await Promise.all(HOSTS.map((number) => site.attach(number, `web-${number}`)));
    return { site, routers, attachments, startAgent, close };
  } catch (error) {
    await close();
    throw error;
  }
}

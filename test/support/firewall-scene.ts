import { endpointPrefix, hostPosition } from "../../src/addressing/index.ts";
import {
  createTable,
  type EndpointDevice,
  type FirewallInput,
  renderTable,
} from "../../src/firewall/index.ts";
import { type Host, type Network, plansOf, type SegmentCode } from "../../src/model/index.ts";
import { type Address, addressPrefix, type Prefix, prefixSize } from "../../src/net/index.ts";
import type { GatewayService, World } from "../../src/policy/index.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { createNamespace, deleteNamespace, namespacePath } from "../../src/system/namespace.ts";
import {
  apply,
  connectOutside,
  FAMILIES,
  gatewaysOf,
  joinHosts,
  linkLocal,
  OUTSIDE,
  prepareHost,
  proxies,
  route,
  routeTo,
  underlayAddress,
} from "./firewall-topology.ts";

/** An endpoint of a scene by its IDs. */
export interface SceneEndpoint {
  readonly name: string;
  readonly network: string;
  readonly host: string;
  readonly tenant: number;
  readonly code: SegmentCode;
  readonly endpoint: number;
}

/** Something in a scene that can send and receive: where its sockets are, and its addresses. */
export interface SceneParty {
  readonly name: string;
  readonly kind: "endpoint" | "host" | "outside";
  readonly namespace: string;
  readonly addresses: readonly Address[];
  /** The endpoint's device on its host, and the MAC addresses of both ends. */
  readonly wire?: { readonly device: EndpointDevice; readonly hostMac: string; readonly mac: string };
}

/** A machine of a scene. */
export interface SceneHost {
  readonly host: Host;
  readonly namespace: string;
  readonly kernel: Kernel;
  readonly devices: EndpointDevice[];
  readonly underlayDevices: readonly number[];
}

/** A way to enforce the rules on the hosts of a scene. */
export interface SceneFirewall {
  readonly name: string;
  /** Loads the rules of a host. */
  apply(own: SceneHost, input: FirewallInput): void;
  /** Packets that the host has dropped, by reason. */
  drops(own: SceneHost): ReadonlyMap<string, number>;
}

/** The nft table. */
export const NFT_FIREWALL: SceneFirewall = {
  name: "nft",
  apply: ({ kernel }, input) => kernel.runNft(renderTable(createTable(input))),
  drops: ({ kernel }) =>
    new Map([...kernel.counters("romana")].map(([reason, { packets }]) => [reason, packets])),
};

let scenes = 0;

/** Owns the namespaces of one scene and the kernels in them. */
export class Stage {
  readonly #prefix = `romfw-${process.pid}-${scenes++}`;
  readonly #names: string[] = [];
  readonly #kernels: Kernel[] = [];

  /** Makes a namespace and returns its path. */
  namespace(name: string): string {
    const full = `${this.#prefix}-${name}`;
    createNamespace(full);
    this.#names.push(full);
    return namespacePath(full);
  }

  kernel(namespace: string): Kernel {
    const kernel = createLinuxKernel({ namespace });
    this.#kernels.push(kernel);
    return kernel;
  }

  close(): void {
    for (const kernel of this.#kernels) kernel.close();
    for (const name of this.#names) deleteNamespace(name);
  }
}

/**
 * Two hosts as network namespaces, joined by an underlay, with real endpoints behind veth pairs and one machine
 * outside that both hosts have a device to. Routes are as the agent makes them; the reverse path filter of endpoint
 * devices is off, so that it is the table alone which stops forged sources.
 */
export async function createFirewallScene(
  world: World,
  endpoints: readonly SceneEndpoint[],
  gatewayServices: readonly GatewayService[] = [],
  firewall: SceneFirewall = NFT_FIREWALL,
): Promise<FirewallScene> {
  const stage = new Stage();
  try {
    const hosts = await createHosts(stage, world);
    const outside = stage.namespace("outside");
    const outsideKernel = stage.kernel(outside);
    for (const host of hosts) {
      await connectOutside(host, { namespace: outside, kernel: outsideKernel }, world.networks);
    }
    const parties: SceneParty[] = [];
    for (const endpoint of endpoints) {
      parties.push(await attach(world, hosts, endpoint, stage.namespace(endpoint.name)));
    }
    parties.push(
      ...hosts.map(
        ({ host, namespace }): SceneParty => ({
          name: host.name,
          kind: "host",
          namespace,
          addresses: FAMILIES.map((family) => underlayAddress(host, family)),
        }),
      ),
      { name: "outside", kind: "outside", namespace: outside, addresses: [OUTSIDE[4], OUTSIDE[6]] },
    );
    return new FirewallScene(stage, world, gatewayServices, hosts, parties, firewall);
  } catch (error) {
    stage.close();
    throw error;
  }
}

/** What {@link createFirewallScene} made. */
export class FirewallScene {
  readonly world: World;
  readonly gatewayServices: readonly GatewayService[];
  readonly hosts: readonly SceneHost[];
  readonly parties: readonly SceneParty[];
  readonly #stage: Stage;
  readonly #firewall: SceneFirewall;

  constructor(
    stage: Stage,
    world: World,
    gatewayServices: readonly GatewayService[],
    hosts: readonly SceneHost[],
    parties: readonly SceneParty[],
    firewall: SceneFirewall,
  ) {
    this.#stage = stage;
    this.#firewall = firewall;
    this.world = world;
    this.gatewayServices = gatewayServices;
    this.hosts = hosts;
    this.parties = parties;
  }

  /** What the table of a host is made from. */
  input({ host, devices, underlayDevices }: SceneHost): FirewallInput {
    const { networks, tenants, segments } = this.world;
    const { gatewayServices } = this;
    return {
      table: "romana",
      networks,
      host,
      tenants,
      segments,
      devices,
      gatewayServices,
      underlayDevices,
    };
  }

  /** Loads the rules of every host. */
  apply(): void {
    for (const host of this.hosts) this.#firewall.apply(host, this.input(host));
  }

  party(name: string): SceneParty {
    const party = this.parties.find((candidate) => candidate.name === name);
    if (party === undefined) throw new Error(`no party ${name}`);
    return party;
  }

  /** Packets that all hosts have dropped, by reason. */
  drops(): Map<string, number> {
    const sums = new Map<string, number>();
    for (const host of this.hosts) {
      for (const [reason, packets] of this.#firewall.drops(host))
        sums.set(reason, (sums.get(reason) ?? 0) + packets);
    }
    return sums;
  }

  close(): void {
    this.#stage.close();
  }
}

/** Puts an endpoint behind a veth pair on its host. */
async function attach(
  world: World,
  hosts: readonly SceneHost[],
  endpoint: SceneEndpoint,
  namespace: string,
): Promise<SceneParty> {
  const own = hosts.find((candidate) => candidate.host.name === endpoint.host) as SceneHost;
  const network = world.networks.find(({ name }) => name === endpoint.network) as Network;
  const { tenant, code } = endpoint;
  const identity = { ...hostPosition(network, own.host), tenant, code, endpoint: endpoint.endpoint };
  const owns = plansOf(network).map((plan) => endpointPrefix(plan, identity));
  return attachOwner(own, network, endpoint.name, owns, namespace);
}

/** Puts somebody who owns these blocks behind a veth pair on a host. */
export async function attachOwner(
  { kernel, host, devices }: SceneHost,
  network: Network,
  name: string,
  owns: readonly Prefix[],
  namespace: string,
): Promise<SceneParty> {
  const gateways = gatewaysOf([network], host);
  const addresses = owns.flatMap(addressesOf);
  const veth = await kernel.createVeth({
    name: `rom${devices.length}`,
    peer: { namespace, name: "eth0", addresses: addresses.map(addressPrefix), gateways },
  });
  const device: EndpointDevice = { name: veth.host.name, index: veth.host.index, owns };
  kernel.setSysctl(`net.ipv4.conf.${device.name}.rp_filter`, "0");
  apply(kernel, [
    linkLocal(veth.host.index, 1),
    ...owns.map((block) => route(block, veth.host.index)),
    ...proxies(gateways, veth.host.index),
  ]);
  devices.push(device);
  const wire = { device, hostMac: veth.host.mac as string, mac: veth.peer.mac };
  return { name, kind: "endpoint", namespace, addresses, wire };
}

/** The first two hosts of the world, joined and with routes to each other. */
async function createHosts(stage: Stage, { hosts, networks }: World): Promise<readonly SceneHost[]> {
  const both = hosts.slice(0, 2).map((host) => {
    const namespace = stage.namespace(host.name);
    return { host, namespace, kernel: stage.kernel(namespace), devices: [] };
  });
  const [first, second] = both as [(typeof both)[0], (typeof both)[0]];
  for (const { host, kernel } of both) prepareHost(kernel, networks, host);
  const links = await joinHosts(first, second);
  return both.map((own, index) => {
    const underlayDevice = links[index] as number;
    routeTo(own.kernel, networks, own === first ? second.host : first.host, underlayDevice);
    return { ...own, underlayDevices: [underlayDevice] };
  });
}

/** Every address of a small block: with a stride, endpoints use all that they own. */
function addressesOf(block: Prefix): Address[] {
  const { family, value } = block;
  return Array.from({ length: Number(prefixSize(block)) }, (_, offset) => ({
    family,
    value: value + BigInt(offset),
  }));
}

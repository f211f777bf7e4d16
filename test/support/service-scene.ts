import { endpointPrefix, hostPosition, hostPrefix } from "../../src/addressing/index.ts";
import { HostKnowledge } from "../../src/agent/host-knowledge.ts";
import { ServiceKeeper } from "../../src/agent/service-keeper.ts";
import { createTable, renderTable } from "../../src/firewall/index.ts";
import { type Backend, type Host, type Network, plansOf, type Service } from "../../src/model/index.ts";
import { type Address, addressPrefix, type Family, parseAddress, parsePrefix } from "../../src/net/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { codes, network, SEED_IPV4, SEED_IPV6 } from "./example-world.ts";
import { attachOwner, type SceneHost, type SceneParty, Stage } from "./firewall-scene.ts";
import { apply, gatewaysOf, linkLocal, prepareHost, route } from "./firewall-topology.ts";
import { until } from "./until.ts";

/** Endpoints by name, `web1` of segment `web`, with the host that they are on. */
export type Placement = Readonly<Record<string, 1 | 2 | 3>>;

/** An endpoint of the scene. */
export interface ServiceParty extends SceneParty {
  readonly host: number;
  readonly segment: string;
}

/** Addresses of the scene's service by IP version. */
export const SERVICE_ADDRESS: Readonly<Record<Family, Address>> = {
  4: parseAddress("172.30.0.10"),
  6: parseAddress("fd30::10"),
};

/** Port of the service, and the one that its members listen on. */
export const PORTS = { service: 80, member: 8080 } as const;

const NETWORK: Network = {
  ...network("default", SEED_IPV4, SEED_IPV6),
  services: { ipv4: parsePrefix("172.30.0.0/24"), ipv6: parsePrefix("fd30::/112") },
};

/** Tenant `open` lets everybody in; the segments of `shut` let in themselves alone. */
const TENANTS = [
  { name: "open", id: 1, isolation: "none" },
  { name: "shut", id: 2, isolation: "segment" },
] as const;
const SEGMENTS = {
  web: { tenant: "open", id: 1, code: 1 },
  client: { tenant: "open", id: 1, code: 2 },
  vault: { tenant: "shut", id: 2, code: 1 },
  thief: { tenant: "shut", id: 2, code: 2 },
} as const;
const SEGMENT_LIST = Object.entries(SEGMENTS).map(([name, { tenant, code }]) => ({
  tenant,
  name,
  codes: codes(`${code}`),
}));

const UNDERLAY = "ul";
const GATEWAY = "romana-gw";

/** The service of the scene, in front of segment `web` if nobody says otherwise. */
export function sceneService(change: Partial<Service> = {}): Service {
  const { service: port, member: targetPort } = PORTS;
  return {
    name: "www",
    network: "default",
    tenant: "open",
    segment: "web",
    addresses: { ipv4: SERVICE_ADDRESS[4], ipv6: SERVICE_ADDRESS[6] },
    ports: [
      { protocol: "tcp", port, targetPort },
      { protocol: "udp", port, targetPort },
    ],
    ...change,
  };
}

/** A host with what keeps its services. */
interface KeptHost {
  readonly own: SceneHost;
  readonly keeper: ServiceKeeper;
}

/** Three hosts in one link with real endpoints, the table of policies, and the keepers of services. */
export class ServiceScene {
  readonly parties: readonly ServiceParty[];
  readonly #stage: Stage;
  readonly #hosts: readonly KeptHost[];
  #revision = 1;

  private constructor(stage: Stage, hosts: readonly SceneHost[], parties: readonly ServiceParty[]) {
    this.#stage = stage;
    this.parties = parties;
    this.#hosts = hosts.map((own) => ({ own, keeper: createKeeper(own.kernel) }));
  }

  static async create(placement: Placement): Promise<ServiceScene> {
    const stage = new Stage();
    try {
      const hosts = await createHosts(stage);
      const parties: ServiceParty[] = [];
      for (const [name, host] of Object.entries(placement))
        parties.push(await attach(stage, hosts, name, host));
      for (const own of hosts) own.kernel.runNft(renderTable(createTable(tableOf(own))));
      return new ServiceScene(stage, hosts, parties);
    } catch (error) {
      stage.close();
      throw error;
    }
  }

  party(name: string): ServiceParty {
    const party = this.parties.find((candidate) => candidate.name === name);
    if (party === undefined) throw new Error(`no party ${name}`);
    return party;
  }

  kernel(host: number): Kernel {
    return this.#host(host).own.kernel;
  }

  namespace(host: number): string {
    return this.#host(host).own.namespace;
  }

  /** Makes all hosts follow the service, with these endpoints healthy, and waits until they have done all that follows. */
  async follow(healthy: readonly string[], service: Service = sceneService()): Promise<void> {
    const revision = ++this.#revision;
    const backends = this.parties.filter(({ name }) => healthy.includes(name)).map(backendOf);
    const { network, tenant, segment } = service;
    for (const { own, keeper } of this.#hosts) {
      const knowledge = new HostKnowledge({
        revision,
        host: own.host.name,
        networks: [{ ...NETWORK, revision }],
        hosts: this.#hosts.map((other) => ({ ...other.own.host, revision })),
        tenants: TENANTS.map((object) => ({ ...object, revision })),
        segments: SEGMENT_LIST.map((object) => ({ ...object, revision })),
        policies: [],
        exceptions: [],
        relocations: [],
        virtualIps: [],
        services: [{ ...service, revision }],
        chains: [],
        fabrics: [],
        backends: [{ network, tenant, segment, backends, revision }],
        endpoints: [],
      });
      keeper.follow(knowledge);
      await until("services are in force", () => {
        if (!keeper.isSettled) throw new Error("not yet");
      });
      if (keeper.problems.length > 0) throw new Error(keeper.problems.join());
    }
  }

  /** The kernel of a host forgets all flows. */
  forgetFlows(host: number): void {
    const kernel = this.kernel(host);
    kernel.deleteFlows(kernel.listFlows());
  }

  close(): void {
    for (const { keeper } of this.#hosts) keeper.close();
    this.#stage.close();
  }

  #host(id: number): KeptHost {
    const found = this.#hosts.find(({ own }) => own.host.id === id);
    if (found === undefined) throw new Error(`no host ${id}`);
    return found;
  }
}

function createKeeper(kernel: Kernel): ServiceKeeper {
  const timers = {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: () => () => {},
  };
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  return new ServiceKeeper({ kernel, timers, log, onRepair: () => {}, onProblems: () => {} });
}

function tableOf({ host, devices, underlayDevices }: SceneHost): Parameters<typeof createTable>[0] {
  return {
    table: "romana",
    networks: [NETWORK],
    tenants: TENANTS,
    segments: SEGMENT_LIST,
    host,
    devices,
    underlayDevices,
    gatewayServices: [],
  };
}

function backendOf({ host, addresses }: ServiceParty): Backend {
  const [ipv4, ipv6] = addresses as [Address, Address];
  return { host: `host-${host}`, addresses: { ipv4, ipv6 } };
}

async function createHosts(stage: Stage): Promise<readonly SceneHost[]> {
  const switching = stage.namespace("switch");
  const ip = (...argv: string[]): Promise<string> =>
    runCommand({ argv: ["ip", ...argv], namespace: switching });
  await ip("link", "add", "name", "sw0", "type", "bridge");
  await ip("link", "set", "sw0", "up");
  const hosts: SceneHost[] = [];
  for (const id of [1, 2, 3]) {
    const underlay = { ipv4: parseAddress(`192.168.77.${id}`), ipv6: parseAddress(`fd77::${id}`) };
    const host: Host = { name: `host-${id}`, id, group: [], underlay };
    const namespace = stage.namespace(host.name);
    const kernel = stage.kernel(namespace);
    prepareHost(kernel, [NETWORK], host);
    kernel.setSysctl("net.netfilter.nf_conntrack_tcp_loose", "0");
    const peer = {
      namespace,
      name: UNDERLAY,
      addresses: Object.values(underlay).map(addressPrefix),
      gateways: [],
    };
    await stage.kernel(switching).createVeth({ name: `h${id}`, peer });
    await ip("link", "set", `h${id}`, "master", "sw0");
    apply(kernel, [{ type: "add-link", name: GATEWAY, kind: "bridge" }]);
    const index = indexOf(kernel, UNDERLAY);
    apply(kernel, [linkLocal(index, id), { type: "set-link-up", link: indexOf(kernel, GATEWAY) }]);
    apply(kernel, serviceRoutes(kernel, host));
    hosts.push({ host, namespace, kernel, devices: [], underlayDevices: [index] });
  }
  for (const { host, kernel, underlayDevices } of hosts) {
    for (const other of hosts.filter((one) => one.host !== host)) {
      const [link = 0] = underlayDevices;
      const { ipv4, ipv6 } = other.host.underlay;
      apply(
        kernel,
        [ipv4, ipv6].flatMap((address) => (address ? [route(addressPrefix(address), link)] : [])),
      );
      const position = hostPosition(NETWORK, other.host);
      apply(
        kernel,
        plansOf(NETWORK).map((plan) =>
          route(hostPrefix(plan, position), link, plan.family === 4 ? ipv4 : ipv6),
        ),
      );
    }
  }
  return hosts;
}

/** As the agent makes them. */
function serviceRoutes(kernel: Kernel, host: Host): Parameters<typeof apply>[1] {
  return gatewaysOf([NETWORK], host).map((source) => {
    const destination = source.family === 4 ? NETWORK.services?.ipv4 : NETWORK.services?.ipv6;
    if (destination === undefined) throw new Error("the network has no services");
    const { type, route: made } = route(destination, indexOf(kernel, GATEWAY)) as Extract<
      ReturnType<typeof route>,
      { type: "replace-route" }
    >;
    return { type, route: { ...made, source } };
  });
}

function indexOf(kernel: Kernel, device: string): number {
  return kernel.links().find(({ name }) => name === device)?.index as number;
}

async function attach(
  stage: Stage,
  hosts: readonly SceneHost[],
  name: string,
  id: number,
): Promise<ServiceParty> {
  const own = hosts.find(({ host }) => host.id === id) as SceneHost;
  const segment = name.replace(/\d+$/, "") as keyof typeof SEGMENTS;
  const { id: tenant, code } = SEGMENTS[segment];
  const identity = {
    ...hostPosition(NETWORK, own.host),
    tenant,
    code: { code, extraBits: 0 },
    endpoint: Number(name.slice(segment.length)),
  };
  const owns = plansOf(NETWORK).map((plan) => endpointPrefix(plan, identity));
  const party = await attachOwner(own, NETWORK, name, owns, stage.namespace(name));
  own.kernel.setSysctl(`net.ipv4.conf.${party.wire?.device.name}.rp_filter`, "1");
  return { ...party, host: id, segment };
}

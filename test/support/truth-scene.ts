import type { FirewallInput } from "../../src/firewall/index.ts";
import type { Host, Network } from "../../src/model/index.ts";
import { type Address, addressPrefix } from "../../src/net/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { attachOwner, type SceneHost, type SceneParty, Stage } from "./firewall-scene.ts";
import {
  apply,
  joinHosts,
  LOOPBACK,
  localAddress,
  prepareHost,
  route,
  routeTo,
  underlayAddress,
} from "./firewall-topology.ts";

/** An endpoint with its addresses, one per family. */
export interface PlacedEndpoint {
  readonly name: string;
  /** Name of its host. */
  readonly host: string;
  readonly addresses: readonly Address[];
}

/** Something that runs on a host itself, with the host's underlay addresses. */
export interface PlacedProcess {
  readonly name: string;
  readonly host: string;
}

/** Hosts as network namespaces, each joined to each, with endpoints behind veth pairs; rules are put on them later. */
export class TruthScene {
  readonly hosts: readonly SceneHost[];
  readonly parties: ReadonlyMap<string, SceneParty>;
  readonly #stage: Stage;

  constructor(stage: Stage, hosts: readonly SceneHost[], parties: readonly SceneParty[]) {
    this.#stage = stage;
    this.hosts = hosts;
    this.parties = new Map(parties.map((party) => [party.name, party]));
  }

  /** What the rules of a host are made from, but for the policies. */
  input({ host, devices, underlayDevices }: SceneHost, world: PolicyWorld): FirewallInput {
    const { networks, tenants, segments } = world;
    return {
      table: "romana",
      networks,
      host,
      tenants,
      segments,
      devices,
      gatewayServices: [],
      underlayDevices,
    };
  }

  /** Forgets all flows, so that every packet is judged as the first one. */
  forgetFlows(): void {
    for (const { kernel } of this.hosts) kernel.deleteFlows(kernel.listFlows());
  }

  close(): void {
    this.#stage.close();
  }
}

/** Makes the scene; the caller closes it. */
export async function createTruthScene(
  network: Network,
  hosts: readonly Host[],
  endpoints: readonly PlacedEndpoint[],
  processes: readonly PlacedProcess[],
): Promise<TruthScene> {
  const stage = new Stage();
  try {
    const made = await createHosts(stage, network, hosts);
    const hostNamed = (name: string): SceneHost => made.find(({ host }) => host.name === name) as SceneHost;
    const parties: SceneParty[] = [];
    for (const [index, { name, host, addresses }] of endpoints.entries()) {
      const namespace = stage.namespace(`pod${index}`);
      parties.push(
        await attachOwner(hostNamed(host), network, name, addresses.map(addressPrefix), namespace),
      );
    }
    for (const { name, host } of processes) {
      const own = hostNamed(host);
      parties.push({ name, kind: "host", namespace: own.namespace, addresses: underlayOf(own.host) });
    }
    return new TruthScene(stage, made, parties);
  } catch (error) {
    stage.close();
    throw error;
  }
}

async function createHosts(
  stage: Stage,
  network: Network,
  hosts: readonly Host[],
): Promise<readonly SceneHost[]> {
  const made = hosts.map((host) => {
    const namespace = stage.namespace(host.name);
    const underlayDevices: number[] = [];
    return { host, namespace, kernel: stage.kernel(namespace), devices: [], underlayDevices };
  });
  for (const { host, kernel } of made) {
    prepareHost(kernel, [network], host);
    apply(
      kernel,
      underlayOf(host).map((address) => localAddress(addressPrefix(address), LOOPBACK)),
    );
  }
  for (const [index, first] of made.entries()) {
    for (const second of made.slice(index + 1)) {
      const links = await joinHosts(first, second, `ul${first.host.id}-${second.host.id}`);
      for (const [at, [own, other]] of [[first, second] as const, [second, first] as const].entries()) {
        const link = links[at] as number;
        own.underlayDevices.push(link);
        routeTo(own.kernel, [network], other.host, link);
        apply(
          own.kernel,
          underlayOf(other.host).map((address) =>
            route(addressPrefix(address), link, underlayAddress(other.host, address.family)),
          ),
        );
      }
    }
  }
  return made;
}

/** The addresses that the underlay knows a host by. */
function underlayOf({ underlay: { ipv4, ipv6 } }: Host): readonly Address[] {
  return [ipv4, ipv6].filter((address) => address !== undefined);
}

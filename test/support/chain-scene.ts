import { endpointPrefix, hostPosition, hostPrefix } from "../../src/addressing/index.ts";
import { hopChanges, hopNumbers, readHops } from "../../src/agent/chain-routes.ts";
import { createTable, renderTable } from "../../src/firewall/index.ts";
import { type Backend, type Chain, type Host, type Network, plansOf } from "../../src/model/index.ts";
import {
  type Address,
  addressPrefix,
  type Family,
  formatAddress,
  parseAddress,
} from "../../src/net/index.ts";
import { CHAIN_MARKS, type ChainEndpoint, chainRules, renderChainTable } from "../../src/steering/index.ts";
import { runCommand } from "../../src/system/command.ts";
import type { Kernel } from "../../src/system/kernel.ts";
import { createLinuxKernel } from "../../src/system/linux-kernel.ts";
import { codes, network, SEED_IPV4, SEED_IPV6 } from "./example-world.ts";
import { attachOwner, type SceneHost, type SceneParty, Stage } from "./firewall-scene.ts";
import { apply, linkLocal, prepareHost, route } from "./firewall-topology.ts";

/** Who is where: endpoints of a segment by their names, `web1` of segment `web`, on the host of that number. */
export type Placement = Readonly<Record<string, 1 | 2 | 3>>;

/** Segments of the scene with their owners: nobody may open anything to `client`, everybody to `open`. */
const SEGMENTS = {
  web: { tenant: "client", code: 1 },
  other: { tenant: "client", code: 2 },
  db: { tenant: "open", code: 1 },
  fw: { tenant: "open", code: 2 },
  ids: { tenant: "open", code: 3 },
} as const;

/** Name of a segment of the scene. */
export type SceneSegment = keyof typeof SEGMENTS;

/** An end of a chain of the scene. */
export function segmentEnd(segment: SceneSegment): { kind: "segment"; tenant: string; segment: string } {
  return { kind: "segment", tenant: SEGMENTS[segment].tenant, segment };
}

/** The chain from `web` to `db` through `fw` and `ids`, unless it says otherwise. */
export function sceneChain(changes: Partial<Chain> = {}): Chain {
  return {
    name: "guard",
    network: "default",
    from: segmentEnd("web"),
    to: segmentEnd("db"),
    through: [
      { tenant: "open", segment: "fw", fail: "closed" },
      { tenant: "open", segment: "ids", fail: "closed" },
    ],
    direction: "both",
    places: { forward: [1, 2, 3], reverse: [4, 5, 6] },
    ...changes,
  };
}

/** An endpoint of the scene with what chains have to know of it. */
export interface ChainParty extends SceneParty {
  readonly host: number;
  readonly segment: SceneSegment;
}

/** A packet that a function has passed on. */
export interface Sighting {
  readonly source: string;
  readonly destination: string;
  readonly protocol: string;
  readonly hopLimit: number;
  readonly packets: number;
}

const NETWORKS: readonly Network[] = [network("default", SEED_IPV4, SEED_IPV6)];
const OUTSIDE = { 4: parseAddress("192.0.2.1"), 6: parseAddress("2001:db8::1") } as const;
const SERVICE = { 4: parseAddress("172.30.0.1"), 6: parseAddress("fd30::1") } as const;
const FAMILIES: readonly Family[] = [4, 6];
const UNDERLAY = "ul";

function hostOf(id: number): Host {
  const underlay = { ipv4: parseAddress(`192.168.77.${id}`), ipv6: parseAddress(`fd77::${id}`) };
  return { name: `host-${id}`, id, group: [], underlay };
}

interface Built {
  readonly hosts: readonly SceneHost[];
  readonly parties: readonly ChainParty[];
  readonly outside: SceneParty;
  /** MAC addresses of hosts in their link, by name. */
  readonly macs: ReadonlyMap<string, string>;
}

/** Makes a {@link ChainScene} with as many hosts as endpoints are on. */
export async function createChainScene(placement: Placement): Promise<ChainScene> {
  const stage = new Stage();
  try {
    return new ChainScene(stage, await build(stage, placement));
  } catch (error) {
    stage.close();
    throw error;
  }
}

/**
 * Hosts in one link, with endpoints as the agent makes them, functions that forward what they get and count it, and a machine
 * outside of the network in the same link.
 */
export class ChainScene {
  readonly parties: readonly ChainParty[];
  readonly outside: SceneParty;
  readonly serviceAddresses: readonly Address[] = [SERVICE[4], SERVICE[6]];
  readonly #stage: Stage;
  readonly #hosts: readonly SceneHost[];
  readonly #macs: ReadonlyMap<string, string>;

  constructor(stage: Stage, built: Built) {
    this.#stage = stage;
    this.#hosts = built.hosts;
    this.parties = built.parties;
    this.outside = built.outside;
    this.#macs = built.macs;
  }

  party(name: string): ChainParty {
    const party = this.parties.find((candidate) => candidate.name === name);
    if (party === undefined) throw new Error(`no party ${name}`);
    return party;
  }

  kernel(host: number): Kernel {
    return this.#host(host).kernel;
  }

  namespace(host: number): string {
    return this.#host(host).namespace;
  }

  /** Makes every host follow the chains; all function endpoints are healthy but these. */
  steer(chains: readonly Chain[], unhealthy: readonly string[] = []): void {
    for (const own of this.#hosts) this.#steer(own, chains, unhealthy);
  }

  /** What the chains' tables of all hosts have dropped, by reason. */
  drops(): Record<string, number> {
    const sums: Record<string, number> = {};
    for (const { kernel } of this.#hosts) {
      for (const table of ["romana_chains", "romana"]) {
        for (const [reason, { packets }] of kernel.counters(table))
          if (packets > 0) sums[reason] = (sums[reason] ?? 0) + packets;
      }
    }
    return sums;
  }

  /** What functions have passed on since the last look, in the order of their names. */
  async sightings(...names: readonly string[]): Promise<readonly (readonly Sighting[])[]> {
    return Promise.all(names.map((name) => this.#sightingsOf(name)));
  }

  async #sightingsOf(name: string): Promise<readonly Sighting[]> {
    const { namespace } = this.party(name);
    const text = await runCommand({ argv: ["nft", "list", "table", "inet", "seen"], namespace });
    this.run(this.party(name), `delete table inet seen\n${SEEN}`);
    const pattern = /([0-9a-f.:]+) \. ([0-9a-f.:]+) \. ([a-z0-9-]+) \. ([0-9]+) counter packets ([0-9]+)/g;
    return [...text.matchAll(pattern)].map(
      ([, source = "", destination = "", protocol = "", limit, packets]) => ({
        source,
        destination,
        protocol,
        hopLimit: Number(limit),
        packets: Number(packets),
      }),
    );
  }

  /** Loads rules in a party's namespace. */
  run({ namespace }: SceneParty, nft: string): void {
    const kernel = createLinuxKernel({ namespace });
    try {
      kernel.runNft(nft);
    } finally {
      kernel.close();
    }
  }

  /** Packets of the named counters of a table in a party's namespace. */
  counted({ namespace }: SceneParty, table: string): Record<string, number> {
    const kernel = createLinuxKernel({ namespace });
    try {
      return Object.fromEntries([...kernel.counters(table)].map(([name, { packets }]) => [name, packets]));
    } finally {
      kernel.close();
    }
  }

  /** Runs the action while somebody has the addresses of another. */
  async disguised<T>(
    who: SceneParty,
    as: SceneParty,
    action: (forged: SceneParty) => T | Promise<T>,
  ): Promise<T> {
    const change = async (verb: "add" | "del"): Promise<void> => {
      for (const address of as.addresses) {
        const argv = ["ip", "addr", verb, formatAddress(address), "dev", "lo"];
        await runCommand({ argv, namespace: who.namespace });
      }
    };
    await change("add");
    try {
      return await action({ ...who, addresses: as.addresses });
    } finally {
      await change("del");
    }
  }

  /** From now on a service stands in front of the party on every host; without one no more. */
  translate(party: SceneParty | undefined): void {
    for (const { kernel } of this.#hosts) {
      kernel.runNft("add table inet services\ndelete table inet services\n");
      if (party === undefined) continue;
      const rules = FAMILIES.map((family) => {
        const word = family === 4 ? "ip" : "ip6";
        const address = party.addresses.find((own) => own.family === family) as Address;
        return `${word} daddr ${formatAddress(SERVICE[family])} dnat ${word} to ${formatAddress(address)}`;
      });
      const chain = `type nat hook prerouting priority dstnat; ${rules.join("; ")};`;
      kernel.runNft(`table inet services { chain prerouting { ${chain} }; }\n`);
    }
  }

  close(): void {
    this.#stage.close();
  }

  #host(id: number): SceneHost {
    const found = this.#hosts.find(({ host }) => host.id === id);
    if (found === undefined) throw new Error(`no host ${id}`);
    return found;
  }

  #steer(own: SceneHost, chains: readonly Chain[], unhealthy: readonly string[]): void {
    const { kernel, host } = own;
    const world = { networks: NETWORKS, tenants: TENANTS, segments: SEGMENT_LIST };
    const here = this.parties.filter((party) => party.host === host.id);
    const links = kernel.links();
    const rules = chainRules({
      ...world,
      host,
      hosts: this.#hosts.map((other) => other.host),
      exceptions: [],
      services: [],
      chains,
      backends: (Object.keys(SEGMENTS) as SceneSegment[]).map((segment) => ({
        network: "default",
        tenant: SEGMENTS[segment].tenant,
        segment,
        backends: this.parties
          .filter((party) => party.segment === segment && !unhealthy.includes(party.name))
          .map(backendOf),
      })),
      endpoints: here.map((party): ChainEndpoint => {
        const { addresses } = backendOf(party);
        const { tenant } = SEGMENTS[party.segment];
        return { tenant, segment: party.segment, addresses, device: party.wire?.device.name ?? "" };
      }),
      underlayDevices: [UNDERLAY],
      hostMacs: [...this.#macs].flatMap(([name, mac]) => (name === host.name ? [] : [mac])),
      unreachable: new Set(),
      hopNumbers: hopNumbers(readHops(kernel, []), links),
    });
    const { before, after } = hopChanges(rules.hops, readHops(kernel, rules.hops), links);
    apply(kernel, before);
    const { mask, passing, arrived } = CHAIN_MARKS;
    kernel.runNft(
      renderTable(
        createTable({
          ...world,
          table: "romana",
          host,
          devices: own.devices,
          underlayDevices: own.underlayDevices,
          gatewayServices: [],
          steered: { mask: mask & (passing | arrived), passing, arrived },
        }),
      ),
    );
    kernel.runNft(renderChainTable(rules));
    apply(kernel, after);
    for (const device of rules.functionDevices) kernel.setSysctl(`net.ipv4.conf.${device}.rp_filter`, "0");
  }
}

/** Forwards whatever it gets back by its one interface, as a firewall in front of nothing would, and counts it. */
const SEEN = ["4", "6"]
  .map((family) => {
    const word = family === "4" ? "ip" : "ip6";
    const limit = family === "4" ? "ip ttl" : "ip6 hoplimit";
    const key = `${word} saddr . ${word} daddr . meta l4proto . ${limit}`;
    return `table inet seen {
  set flows${family} { typeof ${key}; flags dynamic; size 1000; counter; }
  chain forward${family} { type filter hook forward priority 0; update @flows${family} { ${key} }; }
}
`;
  })
  .join("");

const TENANTS = [
  { name: "client", id: 1, isolation: "segment" },
  { name: "open", id: 2, isolation: "none" },
] as const;

const SEGMENT_LIST = Object.entries(SEGMENTS).map(([name, { tenant, code }]) => ({
  tenant,
  name,
  codes: codes(`${code}`),
}));

function backendOf({ host, addresses }: ChainParty): Backend {
  const find = (family: Family): Address => addresses.find((address) => address.family === family) as Address;
  return { host: `host-${host}`, addresses: { ipv4: find(4), ipv6: find(6) } };
}

async function build(stage: Stage, placement: Placement): Promise<Built> {
  const switching = stage.namespace("switch");
  const ip = (namespace: string, ...argv: string[]): Promise<string> =>
    runCommand({ argv: ["ip", ...argv], namespace });
  await ip(switching, "link", "add", "name", "sw0", "type", "bridge");
  await ip(switching, "link", "set", "sw0", "up");
  const switchKernel = stage.kernel(switching);
  const plug = async (name: string, namespace: string, addresses: readonly Address[]): Promise<number> => {
    await switchKernel.createVeth({
      name,
      peer: { namespace, name: UNDERLAY, addresses: addresses.map(addressPrefix), gateways: [] },
    });
    await ip(switching, "link", "set", name, "master", "sw0");
    const kernel = stage.kernel(namespace);
    const index = kernel.links().find((link) => link.name === UNDERLAY)?.index as number;
    apply(kernel, [linkLocal(index, Number(name.replace(/\D/g, "")))]);
    return index;
  };
  const ids = [...new Set(Object.values(placement))].toSorted((a, b) => a - b);
  const hosts: SceneHost[] = [];
  const macs = new Map<string, string>();
  for (const id of ids) {
    const host = hostOf(id);
    const namespace = stage.namespace(host.name);
    const kernel = stage.kernel(namespace);
    prepareHost(kernel, NETWORKS, host);
    kernel.setSysctl("net.netfilter.nf_conntrack_tcp_loose", "0");
    const { ipv4, ipv6 } = host.underlay;
    const index = await plug(`h${id}`, namespace, [ipv4 as Address, ipv6 as Address]);
    kernel.setSysctl(`net.ipv4.conf.${UNDERLAY}.rp_filter`, "2");
    kernel.setSysctl(`net.ipv4.conf.${UNDERLAY}.send_redirects`, "0");
    kernel.setSysctl("net.ipv4.conf.all.send_redirects", "0");
    macs.set(host.name, kernel.links().find((link) => link.index === index)?.mac as string);
    hosts.push({ host, namespace, kernel, devices: [], underlayDevices: [index] });
  }
  const outside = stage.namespace("outside");
  const outsideIndex = await plug("o99", outside, [OUTSIDE[4], OUTSIDE[6]]);
  const outsideKernel = stage.kernel(outside);
  for (const { host, kernel, underlayDevices } of hosts) {
    const [link = 0] = underlayDevices;
    const addresses = Object.values(host.underlay);
    apply(
      outsideKernel,
      addresses.map((address) => route(addressPrefix(address), outsideIndex)),
    );
    apply(outsideKernel, waysTo(host, outsideIndex));
    apply(
      kernel,
      FAMILIES.map((family) => route(addressPrefix(OUTSIDE[family]), link)),
    );
    for (const other of hosts) {
      if (other.host === host) continue;
      apply(
        kernel,
        Object.values(other.host.underlay).map((address) => route(addressPrefix(address), link)),
      );
      apply(kernel, waysTo(other.host, link));
    }
  }
  const parties: ChainParty[] = [];
  for (const [name, id] of Object.entries(placement)) {
    const own = hosts.find(({ host }) => host.id === id) as SceneHost;
    parties.push(await attach(own, name, stage));
  }
  const party: SceneParty = {
    name: "outside",
    kind: "outside",
    namespace: outside,
    addresses: [OUTSIDE[4], OUTSIDE[6]],
  };
  return { hosts, parties, outside: party, macs };
}

function waysTo(host: Host, link: number): ReturnType<typeof route>[] {
  const [own] = NETWORKS as readonly [Network];
  return plansOf(own).map((plan) => {
    const { ipv4, ipv6 } = host.underlay;
    const position = hostPosition(own, host);
    return route(hostPrefix(plan, position), link, plan.family === 4 ? ipv4 : ipv6);
  });
}

async function attach(own: SceneHost, name: string, stage: Stage): Promise<ChainParty> {
  const segment = name.replace(/\d+$/, "") as SceneSegment;
  const { tenant, code } = SEGMENTS[segment];
  const [plane] = NETWORKS as readonly [Network];
  const position = hostPosition(plane, own.host);
  const owns = plansOf(plane).map((plan) =>
    endpointPrefix(plan, {
      ...position,
      tenant: tenant === "client" ? 1 : 2,
      code: { code, extraBits: 0 },
      endpoint: Number(name.slice(segment.length)) + 1,
    }),
  );
  const namespace = stage.namespace(name);
  const party = await attachOwner(own, plane, name, owns, namespace);
  own.kernel.setSysctl(`net.ipv4.conf.${party.wire?.device.name}.rp_filter`, "1");
  if (segment === "fw" || segment === "ids") {
    const kernel = stage.kernel(namespace);
    kernel.setSysctl("net.ipv4.ip_forward", "1");
    kernel.setSysctl("net.ipv6.conf.all.forwarding", "1");
    kernel.setSysctl("net.ipv4.conf.all.send_redirects", "0");
    kernel.setSysctl("net.ipv4.conf.eth0.send_redirects", "0");
    kernel.runNft(SEEN);
  }
  return { ...party, host: own.host.id, segment };
}

import { createPlan } from "../../src/addressing/index.ts";
import type { KubernetesObjects, KubernetesProtocol } from "../../src/kubernetes/index.ts";
import type { Host, Network } from "../../src/model/index.ts";
import { type Address, formatAddress, parseAddress, parsePrefix } from "../../src/net/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { decodeKubernetesWorld } from "../../src/schema/index.ts";
import type { TruthCell } from "./cell-judge.ts";
import { TruthCluster } from "./truth-cluster.ts";
import type { CnpCheck, CnpTruth } from "./truth-data.ts";
import type { PlacedEndpoint, PlacedProcess } from "./truth-scene.ts";

/** The pods of each namespace of the truth table, 10.20.1.10 and so on, are on a host of their own. */
const IPV4 = createPlan({
  prefix: parsePrefix("10.20.0.0/16"),
  hostBits: 8,
  tenantBits: 3,
  segmentBits: 3,
  endpointBits: 2,
});
const IPV6 = createPlan({
  prefix: parsePrefix("fd52:4f00::/24"),
  hostBits: 24,
  tenantBits: 24,
  segmentBits: 24,
  endpointBits: 32,
});

const NETWORK: Network = { name: "cluster", plans: { ipv4: IPV4, ipv6: IPV6 }, groups: [] };
const HOST_COUNT = 4;

/** Checks that are about one state, together. */
export interface CheckRun {
  readonly state: number;
  readonly cells: readonly TruthCell[];
}

/** The states of ClusterNetworkPolicy v1alpha2 on four hosts, of which the nodes of the truth table are the first. */
export class CnpPackets {
  readonly network = NETWORK;
  readonly hosts: readonly Host[];
  /** Pods on the network of their node. */
  readonly processes: readonly PlacedProcess[];
  readonly #cluster: TruthCluster;
  readonly #states: readonly KubernetesObjects[];

  constructor({ pods, nodes, states }: CnpTruth) {
    this.hosts = Array.from({ length: HOST_COUNT }, (_, index) => hostOf(nodes[index], index + 1));
    const hostHolding = (address: Address): Host =>
      this.hosts.find(({ id }) => (address.value >> 8n) % 256n === BigInt(id)) as Host;
    this.#cluster = new TruthCluster({
      network: NETWORK,
      hosts: this.hosts,
      hostOf: ({ addresses }) => hostHolding(addresses[0] as Address),
      pinnedAddress: ({ addresses }) => addresses[0] as Address,
    });
    const decode = (state: CnpTruth["states"][number]): KubernetesObjects =>
      decodeKubernetesWorld({
        ...state,
        pods: pods.map(({ listens, ...pod }) => ({ ...pod, ports: listens })),
      });
    for (const state of states) this.#cluster.bear(decode({ ...state, clusterNetworkPolicies: [] }));
    const both = (text: string): readonly string[] => [text, ...twin(text, this.endpoints)];
    this.#states = states.map((state) => decode(withNetworks(state, both) as typeof state));
    this.processes = pods
      .filter(({ hostNetwork }) => hostNetwork === true)
      .map(({ namespace, name, ip }) => ({
        name: `${namespace as string}/${name as string}`,
        host: nodes.find((node) => node.ip === ip)?.name as string,
      }));
  }

  get endpoints(): readonly PlacedEndpoint[] {
    return this.#cluster.endpoints;
  }

  world(state: number): PolicyWorld {
    return this.#cluster.worldOf(this.#states[state] as KubernetesObjects);
  }
}

/** Checks in their order, those that follow each other in one state together. */
export function checkRuns(checks: readonly CnpCheck[]): readonly CheckRun[] {
  const runs: { state: number; cells: TruthCell[] }[] = [];
  for (const { state, from, to, protocol, port, connect } of checks) {
    if (runs.at(-1)?.state !== state) runs.push({ state, cells: [] });
    runs.at(-1)?.cells.push({
      from,
      to,
      protocol: protocol.toUpperCase() as KubernetesProtocol,
      port,
      allowed: connect,
    });
  }
  return runs;
}

/** A node as a host; hosts that are no nodes have pods only. */
function hostOf(node: CnpTruth["nodes"][number] | undefined, id: number): Host {
  if (node === undefined) return { name: `host-${id}`, id, group: [], underlay: {} };
  const { name, ip, labels } = node;
  const underlay = { ipv4: parseAddress(ip), ipv6: parseAddress(`fd18::${id}`) };
  return {
    name,
    id,
    group: [],
    underlay,
    labels: new Map(Object.entries(labels as Record<string, string>)),
  };
}

/** A copy in which each text of a list became those that the function says, such as networks that mean the same here. */
export function withNetworks(value: unknown, networksOf: (text: string) => readonly string[]): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown): readonly unknown[] =>
      typeof item === "string" ? networksOf(item) : [withNetworks(item, networksOf)],
    );
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, withNetworks(item, networksOf)]),
  );
}

/** The IPv6 network of the pod whose IPv4 network the text is. */
function twin(text: string, endpoints: readonly PlacedEndpoint[]): readonly string[] {
  return endpoints
    .map(({ addresses }) => addresses.map(formatAddress))
    .filter(([ipv4]) => text === `${ipv4}/32`)
    .map(([, ipv6]) => `${ipv6}/128`);
}

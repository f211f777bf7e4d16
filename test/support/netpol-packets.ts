import { createPlan } from "../../src/addressing/index.ts";
import type { KubernetesObjects } from "../../src/kubernetes/index.ts";
import type { AddressPlan, Host, Network } from "../../src/model/index.ts";
import { parsePrefix } from "../../src/net/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import { decodeKubernetesWorld } from "../../src/schema/index.ts";
import type { TruthCell } from "./cell-judge.ts";
import { type ClusterGround, identityAddress, TruthCluster } from "./truth-cluster.ts";
import { NETPOL_PORTS, type NetpolCase, type NetpolStep } from "./truth-data.ts";

/** Tenants whose addresses claim to be of the next one of them. */
const LIARS = 3;

const IPV4 = createPlan({
  prefix: parsePrefix("10.0.0.0/8"),
  hostBits: 8,
  tenantBits: 4,
  segmentBits: 6,
  endpointBits: 6,
});
const IPV6 = createPlan({
  prefix: parsePrefix("fd52:4f00::/24"),
  hostBits: 24,
  tenantBits: 24,
  segmentBits: 24,
  endpointBits: 32,
});

const NETWORK: Network = { name: "cluster", plans: { ipv4: IPV4, ipv6: IPV6 }, groups: [] };

const HOSTS: readonly Host[] = [1, 2].map((id) => ({ name: `host-${id}`, id, group: [], underlay: {} }));

/**
 * Addresses of the truth table lie so close together that no plan could spread them over hosts. Pods get others, and
 * its blocks become blocks of both families that hold the same pods: all of them, or none. Hosts have the IDs 1 to 3, and
 * the plans the prefixes of the largest block here, with as many bits for hosts.
 */
const BLOCKS: Readonly<Record<string, readonly [ipv4: string, ipv6: string]>> = {
  "0.0.0.0/0": ["0.0.0.0/0", "::/0"],
  "0.0.0.0/31": ["0.0.0.0/31", "::/127"],
  "192.168.1.0/24": ["10.0.0.0/8", "fd52:4f00::/24"],
  "192.168.1.0/28": ["10.0.0.0/14", "fd52:4f00::/46"],
};

const GROUND: ClusterGround = {
  network: NETWORK,
  hosts: HOSTS,
  hostOf: (_, index) => HOSTS[index % HOSTS.length] as Host,
  pinnedAddress: (_, identity) =>
    identityAddress(NETWORK.plans.ipv4 as AddressPlan, {
      ...identity,
      tenant: (identity.tenant % LIARS) + 1,
    }),
};

/** A step as packets judge it. */
export interface PacketStep {
  readonly world: PolicyWorld;
  readonly cells: readonly TruthCell[];
}

/** The cases of NetworkPolicy v1 on two hosts that have every other pod each. */
export class NetpolPackets {
  readonly network = NETWORK;
  readonly hosts = HOSTS;
  readonly cluster = new TruthCluster(GROUND);
  readonly #objects = new Map<NetpolStep, KubernetesObjects>();

  /** All pods of the cases are born, in their order. */
  constructor(cases: readonly NetpolCase[]) {
    for (const step of cases.flatMap(({ steps }) => steps)) {
      const objects = decodeKubernetesWorld({
        namespaces: step.namespaces,
        pods: step.pods.map((pod) => ({ ...pod, ports: NETPOL_PORTS })),
        networkPolicies: step.policies.map(policyInBothFamilies),
      });
      this.#objects.set(step, objects);
      this.cluster.bear(objects);
    }
  }

  /** A step of one of the cases. */
  step(step: NetpolStep): PacketStep {
    const world = this.cluster.worldOf(this.#objects.get(step) as KubernetesObjects);
    return { world, cells: netpolCells(step) };
  }
}

/** The cells of a step. What is said of a pod and itself is left out. */
export function netpolCells({ expected }: NetpolStep): readonly TruthCell[] {
  return Object.entries(expected).flatMap(([pair, probes]) => {
    const [from = "", to = ""] = pair.split(" -> ");
    return Object.entries(probes)
      .filter(([, marks]) => marks !== "###")
      .map(([key, marks]): TruthCell => {
        const [protocol, port] = key.split("/");
        return {
          from,
          to,
          protocol: protocol as TruthCell["protocol"],
          port: Number(port),
          allowed: marks[2] === ".",
        };
      });
  });
}

interface Block {
  readonly cidr: string;
  readonly except?: readonly string[];
}

/** A copy of a policy in which each peer that is a block became one of each family, see {@link BLOCKS}. */
export function policyInBothFamilies(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown) =>
      isBlockPeer(item)
        ? [0, 1].map((family) => ({ ...item, ipBlock: blockIn(item.ipBlock, family) }))
        : [policyInBothFamilies(item)],
    );
  }
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, policyInBothFamilies(item)]));
}

function isBlockPeer(value: unknown): value is { readonly ipBlock: Block } {
  return typeof value === "object" && value !== null && "ipBlock" in value;
}

function blockIn({ cidr, except }: Block, family: number): Block {
  const text = (of: string): string => {
    const blocks = BLOCKS[of];
    if (blocks === undefined) throw new TypeError(`nobody says which pods ${of} holds`);
    return blocks[family] as string;
  };
  return { cidr: text(cidr), ...(except && { except: except.map(text) }) };
}

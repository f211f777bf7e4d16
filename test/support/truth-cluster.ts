import { encodeAddress } from "../../src/addressing/index.ts";
import {
  classOf,
  createKubernetesWorld,
  type KubernetesObjects,
  type KubernetesPod,
  podKey,
} from "../../src/kubernetes/index.ts";
import type { AddressPlan, Exception, Host, Network } from "../../src/model/index.ts";
import { type Address, addressPrefix } from "../../src/net/index.ts";
import type { PolicyWorld } from "../../src/policy/index.ts";
import type { PlacedEndpoint } from "./truth-scene.ts";

/** What of a pod its address says, and which one it is. */
export interface PodIdentity {
  readonly host: Host;
  readonly tenant: number;
  readonly code: number;
  readonly endpoint: number;
}

/** A cluster's fixed ground: the plan for IPv6 addresses, which say who a pod is, and who is where. */
export interface ClusterGround {
  readonly network: Network;
  readonly hosts: readonly Host[];
  hostOf(pod: KubernetesPod, index: number): Host;
  /** The IPv4 address of a pod, which says nothing about it, or something wrong: rules know it as an exception. */
  pinnedAddress(pod: KubernetesPod, identity: PodIdentity): Address;
}

interface BornPod extends PlacedEndpoint {
  /** The segment that its IPv6 address says. */
  readonly segment: string;
}

/**
 * Pods that keep the addresses they were born with, whatever becomes of their labels. Tenants and segments keep their
 * numbers, so that addresses mean the same in every world.
 */
export class TruthCluster {
  readonly #ground: ClusterGround;
  readonly #pods = new Map<string, BornPod>();
  readonly #tenants = new Map<string, number>();
  readonly #codes = new Map<string, Map<string, number>>();

  constructor(ground: ClusterGround) {
    this.#ground = ground;
  }

  /** All pods that were born so far. */
  get endpoints(): readonly PlacedEndpoint[] {
    return [...this.#pods.values()];
  }

  /** Gives addresses to pods that have none yet. Pods on their node's own network have the node's. */
  bear(objects: KubernetesObjects): void {
    for (const { name } of objects.namespaces) this.#tenant(name);
    for (const pod of objects.pods) {
      if (!pod.hostNetwork && !this.#pods.has(podKey(pod))) this.#pods.set(podKey(pod), this.#born(pod));
    }
  }

  /** The world of these objects, whose pods must have been born. */
  worldOf(objects: KubernetesObjects): PolicyWorld {
    const { world, problems } = createKubernetesWorld(objects, { pinned: false });
    if (problems.length > 0) throw new TypeError(problems.map(({ message }) => message).join("; "));
    return {
      ...world,
      networks: [this.#ground.network],
      hosts: this.#ground.hosts,
      tenants: world.tenants.map((tenant) => ({ ...tenant, id: this.#tenant(tenant.name) })),
      segments: world.segments.map((segment) => ({
        ...segment,
        codes: [{ code: this.#code(segment.tenant, segment.name), extraBits: 0 }],
      })),
      exceptions: objects.pods.filter(({ hostNetwork }) => !hostNetwork).map((pod) => this.#exception(pod)),
    };
  }

  #born(pod: KubernetesPod): BornPod {
    const index = this.#pods.size;
    const host = this.#ground.hostOf(pod, index);
    const segment = classOf(pod.labels, pod.ports).name;
    const tenant = this.#tenant(pod.namespace);
    const code = this.#code(pod.namespace, segment);
    const identity = { host, tenant, code, endpoint: index + 1 };
    const plan = this.#ground.network.plans.ipv6 as AddressPlan;
    return {
      name: podKey(pod),
      host: host.name,
      segment,
      addresses: [this.#ground.pinnedAddress(pod, identity), identityAddress(plan, identity)],
    };
  }

  /** IPv4 always says something else; IPv6 only when the pod is another than it was born as. */
  #exception(pod: KubernetesPod): Exception {
    const { addresses, segment } = this.#pods.get(podKey(pod)) as BornPod;
    const own = classOf(pod.labels, pod.ports).name;
    const blocks = addresses.filter(({ family }) => family === 4 || own !== segment).map(addressPrefix);
    return { blocks, tenant: pod.namespace, segment: own };
  }

  #tenant(name: string): number {
    return numberIn(this.#tenants, name);
  }

  #code(tenant: string, segment: string): number {
    const codes = this.#codes.get(tenant) ?? new Map<string, number>();
    this.#codes.set(tenant, codes);
    return numberIn(codes, segment);
  }
}

/** The address that says who somebody is. */
export function identityAddress(plan: AddressPlan, { host, tenant, code, endpoint }: PodIdentity): Address {
  return encodeAddress(plan, {
    groups: [],
    host: host.id,
    tenant,
    code: { code, extraBits: 0 },
    endpoint,
  });
}

/** The number of a name, from 1; new names get the next one. */
function numberIn(numbers: Map<string, number>, name: string): number {
  const known = numbers.get(name);
  if (known !== undefined) return known;
  numbers.set(name, numbers.size + 1);
  return numbers.size;
}

import { isDeepStrictEqual } from "node:util";
import type { Sleep } from "../client/index.ts";
import {
  classOf,
  clusterNetworkPolicyId,
  IGNORED_LABELS,
  type LabelClass,
  LOAD_BALANCER_CLASS,
  networkPolicyId,
  SEGMENT_LABEL,
  wantsWorkload,
  workloadIdOf,
} from "../kubernetes/index.ts";
import { customPolicyId, type LivePod } from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import { type Cached, Informer, type InformerTimes, type Resource } from "./informer.ts";
import type { Log } from "./log.ts";
import { type PolicyObject, RESOURCES, type Resources } from "./resources.ts";

/** What a {@link Cluster} works with. */
export interface ClusterOptions {
  readonly api: Pick<ApiServer, "call" | "watch">;
  /** Labels of pods that make no class, besides the well-known ones. */
  readonly ignoredLabels: readonly string[];
  /** Whether services may get virtual IPs; else they are not followed. */
  readonly hasVirtualIps: boolean;
  /** Told which keys of work have something new. */
  readonly onWork: (key: string) => void;
  readonly onRestart?: (kind: string, reason: string) => void;
  readonly log: Log;
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly random: () => number;
  readonly times?: InformerTimes;
}

/** A pod that gets an address of ours. */
export type PodObject = LivePod;

type Informers = { readonly [K in keyof Resources]: Informer<ReturnType<Resources[K]["decode"]>> };

/** What the API server says now, as far as it matters here, and which keys of work follow from its changes. */
export class Cluster {
  readonly informers: Informers;
  readonly #options: ClusterOptions;
  readonly #ignored: ReadonlySet<string>;
  /** Keys of the pods that claim a workload; hardly ever more than one. */
  readonly #claims = new Map<string, Set<string>>();
  /** By how many policies a label that is usually ignored tells pods apart. */
  readonly #selected = new Map<string, number>();
  #effectiveIgnored: ReadonlySet<string>;
  readonly #synced = Promise.withResolvers<void>();

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#ignored = new Set([...IGNORED_LABELS, ...options.ignoredLabels]);
    this.#effectiveIgnored = this.#ignored;
    const { onWork } = options;
    const policies = (
      idOf: (key: string) => string,
      resource: Resource<PolicyObject>,
    ): Informer<PolicyObject> =>
      this.#informer(resource, (key, after, before) => {
        this.#noteSelected(after?.value ?? after?.closed, before?.value ?? before?.closed);
        onWork(`policy/${idOf(key)}`);
      });
    this.informers = {
      namespaces: this.#informer(RESOURCES.namespaces, (key) => {
        onWork(`tenant/${key}`);
      }),
      nodes: this.#informer(RESOURCES.nodes, (key) => {
        onWork(`host/${key}`);
      }),
      pods: this.#informer(RESOURCES.pods, (key, after, before) => {
        for (const id of this.#noteClaims(key, after?.value, before?.value)) onWork(`workload/${id}`);
      }),
      networkPolicies: policies((key) => {
        const [namespace = "", name = ""] = key.split("/");
        return networkPolicyId(namespace, name);
      }, RESOURCES.networkPolicies),
      clusterNetworkPolicies: policies(clusterNetworkPolicyId, RESOURCES.clusterNetworkPolicies),
      customPolicies: policies(customPolicyId, RESOURCES.customPolicies),
      customNetworks: this.#informer(RESOURCES.customNetworks, (key) => {
        onWork(`network/${key}`);
      }),
      customServices: this.#informer(RESOURCES.customServices, (key) => {
        onWork(`service/${key}`);
      }),
      customChains: this.#informer(RESOURCES.customChains, (key) => {
        onWork(`chain/${key}`);
      }),
      services: this.#informer(RESOURCES.services, (key, after, before) => {
        const isOurs = [after, before].some((one) => one?.value?.loadBalancerClass === LOAD_BALANCER_CLASS);
        if (isOurs) onWork(`load-balancer/${key}`);
      }),
      endpointSlices: this.#informer(RESOURCES.endpointSlices, (_, after, before) => {
        const key = (after ?? before)?.value?.service;
        const isOther = !isDeepStrictEqual(after?.value?.nodes, before?.value?.nodes);
        if (key !== undefined && isOther && this.#isLocalService(key)) onWork(`load-balancer/${key}`);
      }),
    };
  }

  /** Resolves once everything is known. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  get isSynced(): boolean {
    return this.#followed.every(({ isSynced }) => isSynced);
  }

  /** Follows the API server until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#followed.map((informer) => informer.run(signal)));
  }

  /** The pod that a workload is for: of several that claim it the oldest. Undefined when nobody runs it. */
  podOf(workload: string): PodObject | undefined {
    const pods = [...(this.#claims.get(workload) ?? [])].flatMap(
      (key) => this.informers.pods.objects.get(key)?.value ?? [],
    );
    return pods.length < 2 ? pods[0] : pods.toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1))[0];
  }

  /** The class of a pod; labels that are ignored count when a policy selects by them. */
  classOf(pod: PodObject): LabelClass {
    return classOf(pod.labels, pod.ports, this.#effectiveIgnored);
  }

  /** The segment that a pod asks for by name. */
  segmentOf({ labels }: PodObject): string | undefined {
    const name = labels[SEGMENT_LABEL] ?? "";
    return name === "" ? undefined : name;
  }

  /** Nodes with ready endpoints of a service, by its key. */
  nodesOfService(key: string): readonly string[] {
    const nodes = new Set<string>();
    for (const { value } of this.informers.endpointSlices.objects.values()) {
      if (value?.service === key) for (const node of value.nodes) nodes.add(node);
    }
    return [...nodes].sort();
  }

  /** Those that are run. */
  get #followed(): readonly Pick<Informer<unknown>, "isSynced" | "run">[] {
    const { services, endpointSlices, ...always } = this.informers;
    const needed = this.#options.hasVirtualIps ? [services, endpointSlices] : [];
    return [...Object.values(always), ...needed];
  }

  #isLocalService(key: string): boolean {
    const service = this.informers.services.objects.get(key)?.value;
    return service?.isLocal === true && service.loadBalancerClass === LOAD_BALANCER_CLASS;
  }

  /** Keys of work that ask again about services and chains that name segments of a namespace. */
  *workOfSegments(namespace: string): Iterable<string> {
    const { customServices, customChains } = this.informers;
    for (const [key, { meta }] of customServices.objects)
      if (meta.namespace === namespace) yield `service/${key}`;
    for (const [key, { meta, value }] of customChains.objects) {
      const named = [meta.namespace, value?.from.namespace, value?.to.namespace];
      if (named.includes(namespace)) yield `chain/${key}`;
    }
  }

  /** A key of work for every object. */
  *work(): Iterable<string> {
    const { namespaces, nodes, customNetworks, networkPolicies, clusterNetworkPolicies, customPolicies } =
      this.informers;
    const { customServices, customChains } = this.informers;
    for (const name of customNetworks.objects.keys()) yield `network/${name}`;
    for (const name of nodes.objects.keys()) yield `host/${name}`;
    for (const name of namespaces.objects.keys()) yield `tenant/${name}`;
    for (const { meta } of networkPolicies.objects.values()) {
      yield `policy/${networkPolicyId(meta.namespace ?? "", meta.name)}`;
    }
    for (const name of clusterNetworkPolicies.objects.keys()) yield `policy/${clusterNetworkPolicyId(name)}`;
    for (const name of customPolicies.objects.keys()) yield `policy/${customPolicyId(name)}`;
    for (const id of this.#claims.keys()) yield `workload/${id}`;
    for (const key of customServices.objects.keys()) yield `service/${key}`;
    for (const key of customChains.objects.keys()) yield `chain/${key}`;
    for (const [key, { value }] of this.informers.services.objects) {
      if (value?.loadBalancerClass === LOAD_BALANCER_CLASS) yield `load-balancer/${key}`;
    }
  }

  #informer<T>(
    resource: Resource<T>,
    onChange: (key: string, after: Cached<T> | undefined, before: Cached<T> | undefined) => void,
  ): Informer<T> {
    const { onRestart, ...rest } = this.#options;
    return new Informer({
      ...rest,
      resource,
      onChange,
      onSynced: () => {
        if (this.isSynced) this.#synced.resolve();
      },
      onRestart: (reason) => onRestart?.(resource.kind, reason),
    });
  }

  /** Keeps who claims which workload; the workloads about which something is new. */
  #noteClaims(key: string, after: LivePod | undefined, before: LivePod | undefined): ReadonlySet<string> {
    const changed = new Set<string>();
    if (before !== undefined && wantsWorkload(before)) {
      const id = workloadIdOf(before);
      const claims = this.#claims.get(id);
      claims?.delete(key);
      if (claims?.size === 0) this.#claims.delete(id);
      changed.add(id);
    }
    if (after !== undefined && wantsWorkload(after)) {
      const id = workloadIdOf(after);
      this.#claims.set(id, (this.#claims.get(id) ?? new Set()).add(key));
      changed.add(id);
    }
    return changed;
  }

  /** A policy that selects by a label that is usually ignored splits classes; without it they are one again. */
  #noteSelected(after: PolicyObject | undefined, before: PolicyObject | undefined): void {
    const changed = new Set<string>();
    const count = (keys: ReadonlySet<string> | undefined, step: 1 | -1): void => {
      for (const key of keys ?? []) {
        if (!this.#ignored.has(key)) continue;
        const total = (this.#selected.get(key) ?? 0) + step;
        if (total === 0) this.#selected.delete(key);
        else this.#selected.set(key, total);
        changed.add(key);
      }
    };
    count(after?.labelKeys, 1);
    count(before?.labelKeys, -1);
    const ignored = new Set([...this.#ignored].filter((key) => !this.#selected.has(key)));
    const isOther = [...changed].some((key) => ignored.has(key) !== this.#effectiveIgnored.has(key));
    this.#effectiveIgnored = ignored;
    if (!isOther) return;
    for (const { value } of this.informers.pods.objects.values()) {
      if (value === undefined || ![...changed].some((key) => Object.hasOwn(value.labels, key))) continue;
      if (wantsWorkload(value)) this.#options.onWork(`workload/${workloadIdOf(value)}`);
    }
  }
}

import { isDeepStrictEqual } from "node:util";
import { RESOURCES } from "../../../src/controller/resources.ts";
import { readSavedRules } from "../../../src/firewall/iptables/index.ts";
import type { KubernetesProtocol } from "../../../src/kubernetes/index.ts";
import type { Policy } from "../../../src/model/index.ts";
import { parseAddress } from "../../../src/net/index.ts";
import type { Kernel } from "../../../src/system/kernel.ts";
import { createLinuxKernel } from "../../../src/system/linux-kernel.ts";
import { CellJudge, type Judged, probesDropped, type TruthCell } from "../cell-judge.ts";
import type { SceneParty } from "../firewall-scene.ts";
import { runIn } from "../iptables-firewall.ts";
import { until } from "../until.ts";
import { BUSYBOX_IMAGE } from "./images.ts";
import type { LiveRomana } from "./live-romana.ts";
import { sandboxNamespace } from "./pod-stations.ts";
import type { RuntimeNode } from "./runtime-node.ts";

type Labels = Readonly<Record<string, string>>;

/** A pod as it shall be. */
export interface LivePod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Number of its node. */
  readonly node: number;
  readonly hostNetwork?: boolean;
  readonly ports: readonly {
    readonly name?: string;
    readonly protocol: KubernetesProtocol;
    readonly port: number;
  }[];
}

/** A NetworkPolicy or ClusterNetworkPolicy. */
export interface LivePolicy {
  readonly kind: "NetworkPolicy" | "ClusterNetworkPolicy";
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: object;
}

/** Objects as they shall be. What others have made, such as `default`, is not spoken of. */
export interface LiveObjects {
  readonly namespaces: Readonly<Record<string, Labels>>;
  readonly pods: readonly LivePod[];
  readonly policies: readonly LivePolicy[];
}

/** How long a change took, in milliseconds since it was asked for. */
export interface Change {
  /** The API server had answered to everything. */
  readonly answered: number;
  /** romanad said it. */
  readonly told: number;
  /** All hosts were made so. */
  readonly enforced: number;
}

interface Made<T> {
  readonly wanted: T;
  readonly uid: string;
}

/** Milliseconds until a pod runs, a namespace is gone, and the like. */
const LIFE_TIMEOUT = 120_000;

const NAME_LABEL = "kubernetes.io/metadata.name";
const JSON_PATCH = "application/json-patch+json";
const NETWORK_POLICIES = "networking.k8s.io/v1";
const CLUSTER_POLICIES = "policy.networking.k8s.io/v1alpha2";

/** Objects of a live cluster that become what they shall be, and its pods, which packets are sent between. */
export class LiveWorld {
  /** What became of every change that was no more than policies and labels. */
  readonly changes: Change[] = [];
  readonly #live: LiveRomana;
  readonly #kernels: readonly Kernel[];
  readonly #namespaces = new Map<string, Made<Labels>>();
  readonly #pods = new Map<string, Made<LivePod>>();
  readonly #policies = new Map<string, { readonly wanted: LivePolicy; readonly policy: Policy }>();
  readonly #parties = new Map<string, SceneParty>();
  /** Pods as they were when romanad was seen to say so. */
  readonly #told = new WeakSet<LivePod>();
  /** Segments that pods were born in, by UID: their addresses say so for ever. */
  readonly #births = new Map<string, string>();
  #judge: CellJudge | undefined;

  constructor(live: LiveRomana) {
    this.#live = live;
    this.#kernels = live.cluster.nodes.map(({ machine }) => createLinuxKernel({ namespace: machine.netns }));
  }

  /** Pods that run, by `NAMESPACE/NAME`. */
  get parties(): ReadonlyMap<string, SceneParty> {
    return this.#parties;
  }

  /**
   * Makes the cluster so by as few requests as it takes, all labels and policies at once, and waits until every host enforces it.
   * @param fresh policies that were there under the same name are not changed, but deleted and created
   */
  async become({ namespaces, pods, policies }: LiveObjects, fresh = false): Promise<void> {
    const wantedPods = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    const wantedPolicies = new Map(policies.map((policy) => [policyId(policy), policy]));
    const asked = performance.now();
    const deleted = [...this.#policies.keys()].filter((id) => fresh || !wantedPolicies.has(id));
    await Promise.all(deleted.map((id) => this.#deletePolicy(id)));
    const isSteady =
      isDeepStrictEqual(new Set(wantedPods.keys()), new Set(this.#pods.keys())) &&
      isDeepStrictEqual(new Set(Object.keys(namespaces)), new Set(this.#namespaces.keys()));
    if (!isSteady) {
      await this.#deletePods([...this.#pods.keys()].filter((key) => !wantedPods.has(key)));
      await this.#deleteNamespaces([...this.#namespaces.keys()].filter((name) => !(name in namespaces)));
    }
    await Promise.all(Object.entries(namespaces).map(([name, labels]) => this.#putNamespace(name, labels)));
    await Promise.all([
      ...[...wantedPods].map(([key, pod]) => this.#putPod(key, pod)),
      ...[...wantedPolicies].map(([id, policy]) => this.#putPolicy(id, policy)),
    ]);
    const answered = performance.now();
    if (!isSteady) await this.#seePods();
    await until("romanad says what the cluster says", () => this.#assertTold(deleted), LIFE_TIMEOUT);
    const told = performance.now();
    await this.#live.enforced();
    const enforced = performance.now();
    if (isSteady) {
      this.changes.push({ answered: answered - asked, told: told - asked, enforced: enforced - asked });
    }
  }

  /** Tries all cells with first packets, see {@link CellJudge}. */
  judge(cells: readonly TruthCell[]): Judged {
    for (const kernel of this.#kernels) kernel.deleteFlows(kernel.listFlows());
    const drops = (): number =>
      probesDropped(this.#live.cluster.nodes.flatMap((node) => this.#dropsOf(node)));
    this.#judge ??= new CellJudge(this.#parties, drops);
    return this.#judge.judge(cells);
  }

  #dropsOf({ number, machine }: RuntimeNode): readonly (readonly [string, number])[] {
    if (this.#live.firewall(number) === "iptables") return iptablesDrops(machine.netns);
    const counters = this.#kernels[number - 1]?.counters("romana") ?? [];
    return [...counters].map(([reason, { packets }]) => [reason, packets]);
  }

  close(): void {
    this.#judge?.close();
    for (const kernel of this.#kernels) kernel.close();
  }

  async #putNamespace(name: string, labels: Labels): Promise<void> {
    const wanted = { ...labels, [NAME_LABEL]: name };
    const made = this.#namespaces.get(name);
    if (isDeepStrictEqual(made?.wanted, wanted)) return;
    const metadata = { name, labels: wanted };
    if (made === undefined) {
      const object = await this.#live.write.create({ apiVersion: "v1", kind: "Namespace", metadata });
      this.#namespaces.set(name, { wanted, uid: object.metadata.uid });
      await this.#exists(`/api/v1/namespaces/${name}/serviceaccounts/default`, true);
    } else {
      await this.#replace(`/api/v1/namespaces/${name}`, "/metadata/labels", wanted);
      this.#namespaces.set(name, { ...made, wanted });
    }
  }

  async #putPod(key: string, wanted: LivePod): Promise<void> {
    const made = this.#pods.get(key);
    if (isDeepStrictEqual(made?.wanted, wanted)) return;
    if (made === undefined) {
      const object = await this.#live.write.create(this.#podObject(wanted));
      this.#pods.set(key, { wanted, uid: object.metadata.uid });
    } else {
      await this.#replace(podPath(key), "/metadata/labels", wanted.labels);
      this.#pods.set(key, { ...made, wanted });
    }
  }

  async #putPolicy(id: string, wanted: LivePolicy): Promise<void> {
    const made = this.#policies.get(id);
    if (isDeepStrictEqual(made?.wanted, wanted)) return;
    const { kind, spec } = wanted;
    const { name, namespace } = wanted.metadata;
    const metadata = { name, ...(namespace !== undefined && { namespace }) };
    const isCluster = kind === "ClusterNetworkPolicy";
    const object =
      made === undefined
        ? await this.#live.write.create({
            apiVersion: isCluster ? CLUSTER_POLICIES : NETWORK_POLICIES,
            kind,
            metadata,
            spec,
          } as Parameters<LiveRomana["write"]["create"]>[0])
        : await this.#replace(policyPath(wanted), "/spec", spec);
    const resource = isCluster ? RESOURCES.clusterNetworkPolicies : RESOURCES.networkPolicies;
    this.#policies.set(id, { wanted, policy: resource.decode(object).policy });
  }

  async #deletePolicy(id: string): Promise<void> {
    const { wanted } = this.#policies.get(id) as { wanted: LivePolicy };
    this.#policies.delete(id);
    await this.#live.api.call({ method: "DELETE", path: policyPath(wanted) });
  }

  async #deletePods(keys: readonly string[]): Promise<void> {
    await Promise.all(
      keys.map(async (key) => {
        this.#pods.delete(key);
        this.#parties.delete(key);
        await this.#live.api.call({ method: "DELETE", path: podPath(key) });
        await this.#exists(podPath(key), false);
      }),
    );
  }

  async #deleteNamespaces(names: readonly string[]): Promise<void> {
    await Promise.all(
      names.map(async (name) => {
        this.#namespaces.delete(name);
        await this.#live.api.call({ method: "DELETE", path: `/api/v1/namespaces/${name}` });
        await this.#exists(`/api/v1/namespaces/${name}`, false);
      }),
    );
  }

  async #replace(path: string, pointer: string, value: object): Promise<unknown> {
    const body = [{ op: "replace", path: pointer, value }];
    return this.#live.api.call({ method: "PATCH", path, body, contentType: JSON_PATCH });
  }

  async #exists(path: string, expected: boolean): Promise<void> {
    const look = async (): Promise<void> => {
      const isThere = await this.#live.api.call({ method: "GET", path }).then(
        () => true,
        (error: { code?: string }) => {
          if (error.code !== "not-found") throw error;
          return false;
        },
      );
      if (isThere !== expected) throw new Error(`${path} is ${isThere ? "there" : "not there"}`);
    };
    await until(`${path} is ${expected ? "there" : "gone"}`, look, { timeout: LIFE_TIMEOUT, interval: 20 });
  }

  #podObject({ namespace, name, labels, node, hostNetwork = false, ports }: LivePod) {
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { namespace, name, labels },
      spec: {
        nodeName: this.#live.cluster.nodes[node - 1]?.name,
        hostNetwork,
        automountServiceAccountToken: false,
        containers: [
          {
            name: "main",
            image: BUSYBOX_IMAGE,
            // Process 1 ends at once when it is told to.
            command: ["/bin/sh", "-c", "trap exit TERM; sleep 2147483647 & wait"],
            ports: ports.map(({ port, ...rest }) => ({ ...rest, containerPort: port })),
          },
        ],
      },
    };
  }

  /** Waits until all pods run, and finds where they are. */
  async #seePods(): Promise<void> {
    const unseen = [...this.#pods].filter(([key]) => !this.#parties.has(key));
    const seen = unseen.map(async ([key, { wanted }]) => {
      const ips = await until(`pod ${key} runs`, () => this.#addressesOf(key), {
        timeout: LIFE_TIMEOUT,
        interval: 50,
      });
      const node = this.#live.cluster.nodes[wanted.node - 1] as LiveRomana["cluster"]["nodes"][number];
      const sandbox = wanted.hostNetwork === true ? undefined : (await node.cri.listSandboxes()).get(key);
      const namespace =
        wanted.hostNetwork === true ? node.machine.netns : await sandboxNamespace(node, sandbox ?? "");
      this.#parties.set(key, {
        name: key,
        kind: wanted.hostNetwork === true ? "host" : "endpoint",
        namespace,
        addresses: (wanted.hostNetwork === true ? [node.ipv4, node.ipv6] : ips).map(parseAddress),
      });
    });
    await Promise.all(seen);
  }

  async #addressesOf(key: string): Promise<readonly string[]> {
    const { status } = (await this.#live.write.get(podPath(key))) as {
      status: { phase: string; podIPs?: readonly { ip: string }[]; reason?: string };
    };
    if (status.phase !== "Running") throw new Error(`it is ${status.phase}`);
    const addresses = (status.podIPs ?? []).map(({ ip }) => ip);
    if (addresses.length !== 2) throw new Error(`its addresses are ${addresses.join()}`);
    return addresses;
  }

  /** @throws Error while romanad does not say all that it should */
  async #assertTold(deleted: readonly string[]): Promise<void> {
    const { view } = this.#live;
    for (const id of deleted) {
      if (!this.#policies.has(id) && !view.hasPolicy(id, undefined)) throw new Error(`policy ${id} is there`);
    }
    for (const [id, { policy }] of this.#policies) {
      if (!view.hasPolicy(id, policy)) throw new Error(`policy ${id} is not as it should be`);
    }
    for (const [name, { wanted, uid }] of this.#namespaces) {
      const tenant = view.tenants.get(name);
      const isTold = tenant?.externalId === uid && isSameLabels(tenant.labels, wanted);
      if (!isTold) throw new Error(`tenant ${name} is not as it should be`);
    }
    for (const name of view.tenants.keys()) {
      // When it goes, rules change once more, and those of iptables forget what they have counted.
      const isGone = !this.#namespaces.has(name) && name !== "default" && !name.startsWith("kube-");
      if (isGone) throw new Error(`tenant ${name} is still there`);
    }
    for (const [key, { wanted, uid }] of this.#pods) {
      if (wanted.hostNetwork === true || this.#told.has(wanted)) continue;
      await this.#assertPodTold(key, wanted, uid);
      this.#told.add(wanted);
    }
  }

  async #assertPodTold(key: string, { namespace, labels }: LivePod, uid: string): Promise<void> {
    const { view, romana } = this.#live;
    const { segment, actsAs } = await romana.client.call("getWorkload", { params: { workload: uid } });
    const role = actsAs ?? segment;
    if (!isSameLabels(view.segments.get(`${namespace}/${role}`)?.labels, labels)) {
      throw new Error(`pod ${key} is in another class`);
    }
    const birth = this.#births.get(uid) ?? segment;
    this.#births.set(uid, birth);
    const expected = role === birth ? undefined : role;
    for (const address of this.#parties.get(key)?.addresses ?? []) {
      const told = view.actsAs(address);
      if (told !== expected) throw new Error(`pod ${key} acts as ${told}, not as ${expected}`);
    }
  }
}

/** What rules of iptables have dropped, by reason. */
function iptablesDrops(namespace: string): readonly (readonly [string, number])[] {
  return ["iptables-save", "ip6tables-save"].flatMap((program) => {
    const { drops } = readSavedRules(runIn(namespace, [program, "--counters"]));
    return [...drops].map(([reason, { packets }]) => [reason, packets] as const);
  });
}

/** The ID that romanad knows a policy by. */
function policyId({ kind, metadata: { namespace, name } }: LivePolicy): string {
  return kind === "NetworkPolicy" ? `kube.${namespace}.${name}` : `cnp.${name}`;
}

function policyPath({ kind, metadata: { namespace, name } }: LivePolicy): string {
  return kind === "NetworkPolicy"
    ? `/apis/${NETWORK_POLICIES}/namespaces/${namespace}/networkpolicies/${name}`
    : `/apis/${CLUSTER_POLICIES}/clusternetworkpolicies/${name}`;
}

function podPath(key: string): string {
  const [namespace, name] = key.split("/");
  return `/api/v1/namespaces/${namespace}/pods/${name}`;
}

function isSameLabels(known: ReadonlyMap<string, string> | undefined, wanted: Labels): boolean {
  return isDeepStrictEqual(Object.fromEntries(known ?? []), wanted);
}

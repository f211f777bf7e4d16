import { type Sleep } from "../client/index.ts";
import type { Kube, RunningPod } from "./kube.ts";
import type { ClusterNode } from "./node-findings.ts";
import { type CheckScene, checkPod, podName, type Role } from "./objects.ts";
import { type Path, type ProbeAnswer, pathFindings } from "./paths.ts";
import { type Finding, interrupted } from "./step.ts";

/** What the steps that need pods work with. */
export interface SceneOptions {
  readonly kube: Kube;
  readonly scene: CheckScene;
  /** Nodes that get pods; their numbers are their places here, from 1. */
  readonly nodes: readonly ClusterNode[];
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly now: () => number;
}

/** Milliseconds between two looks. */
const INTERVAL = 500;

/** Pods of a check, and what they see. */
export class Scene {
  readonly #options: SceneOptions;
  #pods: ReadonlyMap<string, RunningPod> = new Map();

  constructor(options: SceneOptions) {
    this.#options = options;
  }

  get nodes(): readonly ClusterNode[] {
    return this.#options.nodes;
  }

  /** Numbers of the nodes. */
  get numbers(): readonly number[] {
    return this.nodes.map((_, index) => index + 1);
  }

  get pods(): readonly RunningPod[] {
    return [...this.#pods.values()];
  }

  /** Addresses of a pod, none when it is not there. */
  addressesOf(role: Role, number: number): readonly string[] {
    return this.#pods.get(podName(role, number))?.addresses ?? [];
  }

  /** Those of some addresses that are of a family that a pod has, too. */
  withinReach(role: Role, number: number, addresses: readonly string[]): readonly string[] {
    const families = this.addressesOf(role, number).map(isIpv6);
    return addresses.filter((address) => families.includes(isIpv6(address)));
  }

  /** Starts a pod of each role on every node and one stranger, and waits. @returns what is wrong with those that are not ready */
  async start(timeout: number): Promise<readonly Finding[]> {
    const { kube, scene, nodes, now } = this.#options;
    const wanted = nodes.flatMap(({ name }, index) =>
      (["server", "client", "node"] as const).map((role) => checkPod(scene, role, index + 1, name)),
    );
    const first = nodes[0];
    if (first !== undefined) wanted.push(checkPod(scene, "stranger", 1, first.name));
    for (const pod of wanted) await kube.createPod(scene.namespace, pod);
    const deadline = now() + timeout;
    let pods: readonly RunningPod[];
    do {
      await this.#pause();
      pods = await kube.pods(scene.namespace);
    } while (!pods.every(({ isReady }) => isReady) && now() < deadline);
    this.#pods = new Map(pods.filter(({ isReady }) => isReady).map((pod) => [pod.name, pod]));
    return pods
      .filter(({ isReady }) => !isReady)
      .map(({ name, node, reason }) => ({
        reason: `pod ${name} on node "${node}" is not ready: ${reason}`,
        advice: `kubectl describe node ${node}; is romana-agent there, does its log tell of a problem, and has the node the image?`,
      }));
  }

  /** Connects from a pod to some targets. */
  async probe(from: string, targets: readonly string[]): Promise<readonly ProbeAnswer[]> {
    const { kube, scene } = this.#options;
    const command = ["romana", "kubernetes", "probe", "-o", "json", ...targets];
    return JSON.parse(await kube.exec(scene.namespace, from, command)) as readonly ProbeAnswer[];
  }

  /** Tries all paths until they are as they should be, for so many milliseconds. @returns what is still wrong */
  async await(paths: readonly Path[], timeout: number, advice: string): Promise<readonly Finding[]> {
    const deadline = this.#options.now() + timeout;
    for (;;) {
      const findings = pathFindings(paths, await this.#try(paths), advice);
      if (findings.length === 0 || this.#options.now() > deadline) return findings;
      await this.#pause();
    }
  }

  async #try(paths: readonly Path[]): Promise<ReadonlyMap<string, readonly ProbeAnswer[]>> {
    const answers = [...Map.groupBy(paths, ({ from }) => from)].map(
      async ([from, own]): Promise<[string, readonly ProbeAnswer[]]> => {
        const targets = new Set(own.map(({ target }) => target));
        return [from, await this.probe(from, [...targets])];
      },
    );
    return new Map(await Promise.all(answers));
  }

  async #pause(): Promise<void> {
    const { sleep, signal } = this.#options;
    await sleep(INTERVAL, signal);
    if (signal.aborted) throw interrupted();
  }
}

function isIpv6(address: string): boolean {
  return address.includes(":");
}

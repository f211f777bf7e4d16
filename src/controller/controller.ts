import { backoffDelay, type Sleep } from "../client/index.ts";
import { isMadeForObject, keyOfNamespacedName } from "../kubernetes/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import type { KubernetesConfig } from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import { Cluster } from "./cluster.ts";
import { type ControllerMetrics, createControllerMetrics } from "./controller-metrics.ts";
import { EventRecorder, type Subject } from "./event-recorder.ts";
import type { InformerTimes } from "./informer.ts";
import { Elector } from "./lease.ts";
import type { Log } from "./log.ts";
import { Mirror, segmentKey } from "./mirror.ts";
import { policyObjectOf } from "./resources.ts";
import type { Romanad } from "./romanad.ts";
import { settleChain } from "./settle-chain.ts";
import { settleHealth } from "./settle-health.ts";
import { settleHost } from "./settle-host.ts";
import { createLoadBalancerHandler } from "./settle-load-balancer.ts";
import { settleNetwork } from "./settle-network.ts";
import { settlePolicy } from "./settle-policy.ts";
import { createSegmentHandler, tenantsWithoutCodes } from "./settle-segment.ts";
import { settleService } from "./settle-service.ts";
import { settleTenant } from "./settle-tenant.ts";
import { settleWorkload } from "./settle-workload.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";
import { type QueueBackoff, WorkQueue } from "./work-queue.ts";

/** What a {@link Controller} works with. */
export interface ControllerOptions {
  readonly api: Pick<ApiServer, "call" | "watch" | "namespace">;
  readonly romanad: Romanad;
  readonly config: Omit<KubernetesConfig, "server" | "kubeconfig" | "listen" | "logLevel">;
  /** Who we are among several controllers. */
  readonly identity: string;
  readonly log: Log;
  /** Milliseconds since 1970 UTC. */
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly random: () => number;
  readonly informerTimes?: InformerTimes;
  readonly queueBackoff?: QueueBackoff;
}

/** Keys that are worked on at the same time; romanad commits what comes together in one transaction. */
const CONCURRENCY = 16;
/** Waits between tries to read everything of romanad, in milliseconds. */
const LOAD_BACKOFF = { first: 200, longest: 5_000 };
/** What others changed in romanad is read anew at most so often, in milliseconds. */
const RELOAD_PAUSE = 1_000;
const DEFAULT_NAMESPACE = "kube-system";
/** Kinds of keys that wait for what was asked for before: pods are to find it, and services are to find the segments of pods. */
const LATE: ReadonlySet<string> = new Set(["workload", "segment", "service", "chain"]);
/** Errors that say that romanad is not as we believe. */
const SURPRISES = ["not-found", "conflict", "revision-mismatch"] as const;

/**
 * Makes romanad say what the objects of a cluster say. One of several leads; all of them follow the API server, so that another
 * can take over at once.
 */
export class Controller {
  readonly metrics: ControllerMetrics;
  readonly cluster: Cluster;
  readonly #options: ControllerOptions;
  readonly #elector: Elector;
  readonly #events: EventRecorder;
  readonly #mirror = new Mirror((tenant) => {
    for (const key of this.cluster.workOfSegments(tenant)) this.#queue?.add(key);
  });
  #queue: WorkQueue | undefined;
  #working = Promise.withResolvers<void>();
  #surprised = Promise.withResolvers<void>();

  constructor(options: ControllerOptions) {
    this.#options = options;
    const { api, config, identity, log, now, sleep, random, informerTimes } = options;
    const clock = { log, now, sleep, random };
    this.cluster = new Cluster({
      ...clock,
      api,
      ignoredLabels: config.ignoredLabels,
      hasVirtualIps: config.virtualIpPools.length > 0,
      onWork: (key) => this.#queue?.add(key),
      onRestart: (kind, reason) => {
        this.metrics.watchFailed(kind, reason);
      },
      ...(informerTimes && { times: informerTimes }),
    });
    this.#elector = new Elector({
      ...clock,
      api,
      identity,
      namespace: config.lease.namespace ?? api.namespace ?? DEFAULT_NAMESPACE,
      name: config.lease.name,
      duration: config.lease.seconds * 1000,
    });
    this.#events = new EventRecorder({ api, identity, log, now });
    this.metrics = createControllerMetrics({
      isLeading: () => this.isLeading,
      objects: () =>
        new Map(
          Object.values(this.cluster.informers).map(({ resource: { kind, apiVersion }, objects }) => [
            `${kind}.${apiVersion}`,
            objects.size,
          ]),
        ),
      waiting: () => this.#queue?.length ?? 0,
      failing: () => this.#queue?.failing ?? 0,
      namespacesWithoutCodes: () => tenantsWithoutCodes({ mirror: this.#mirror }).length,
    });
  }

  get isLeading(): boolean {
    return this.#elector.isLeading;
  }

  /** True when all objects of the cluster are known. */
  get isReady(): boolean {
    return this.cluster.isSynced;
  }

  /** Follows the cluster, and leads whenever it may, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const both = AbortSignal.any([signal, failed.signal]);
    const abort = (error: unknown): never => {
      failed.abort();
      throw error;
    };
    await Promise.all([
      this.cluster.run(both).catch(abort),
      this.#elector.run(both, (leading) => this.#lead(leading)).catch(abort),
    ]);
    await this.#events.settled();
  }

  /** Resolves when it leads, nothing is left to do for now, and everything is told. */
  async idle(): Promise<void> {
    await this.#working.promise;
    await this.#queue?.idle();
    await this.#events.settled();
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { log, now } = this.#options;
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => {
        resolve();
      });
    });
    await Promise.race([this.cluster.synced, aborted]);
    const start = now();
    if (!(await this.#load(signal))) return;
    const queue = this.#createQueue();
    this.#queue = queue;
    this.#askAll(queue);
    this.#working.resolve();
    void queue.idle().then(() => {
      log.info({ milliseconds: now() - start }, "romanad says what the cluster says");
    });
    while (!signal.aborted) {
      await this.#pause(signal, aborted);
      if (signal.aborted || !(await this.#load(signal))) break;
      this.#askAll(queue);
    }
    this.#queue = undefined;
    this.#working = Promise.withResolvers();
    await queue.close();
  }

  /** Until it is time to compare everything again, or romanad has surprised. */
  async #pause(signal: AbortSignal, aborted: Promise<void>): Promise<void> {
    const { sleep, config } = this.#options;
    const over = new AbortController();
    const either = AbortSignal.any([signal, over.signal]);
    const quiet = (milliseconds: number): Promise<void> => sleep(milliseconds, either).catch(() => undefined);
    await quiet(Math.min(RELOAD_PAUSE, config.resyncInterval * 1000));
    await Promise.race([quiet(config.resyncInterval * 1000), this.#surprised.promise, aborted]);
    over.abort();
    this.#surprised = Promise.withResolvers<void>();
  }

  /** Reads everything that romanad has; false when the signal aborts first. */
  async #load(signal: AbortSignal): Promise<boolean> {
    const { romanad, log, sleep, random } = this.#options;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#mirror.load(romanad);
        return !signal.aborted;
      } catch (error) {
        if (!(error instanceof RomanaError)) throw error;
        log.warn({ err: error }, "romanad cannot be read; trying again");
      }
      await sleep(backoffDelay(LOAD_BACKOFF, attempt, random()), signal).catch(() => undefined);
    }
    return false;
  }

  #createQueue(): WorkQueue {
    const { now, sleep, random, queueBackoff } = this.#options;
    const handlers: Readonly<Record<string, Handler>> = {
      network: settleNetwork,
      host: settleHost,
      tenant: settleTenant,
      policy: settlePolicy,
      workload: settleWorkload,
      segment: createSegmentHandler(new Map()),
      service: settleService,
      chain: settleChain,
      health: settleHealth,
      "load-balancer": createLoadBalancerHandler(),
    };
    const queue: WorkQueue = new WorkQueue({
      sleep,
      random,
      concurrency: CONCURRENCY,
      isLate: (key) => LATE.has(splitKey(key)[0]),
      handle: async (key) => {
        const [kind, name] = splitKey(key);
        const start = now();
        let outcome = "done";
        try {
          return await handlers[kind]?.(site, name);
        } catch (error) {
          outcome = error instanceof RomanaError ? error.code : "internal";
          throw error;
        } finally {
          this.metrics.handled(kind, outcome, now() - start);
        }
      },
      onFailure: (key, error, attempt) => {
        this.#onFailure(key, error, attempt);
      },
      ...(queueBackoff && { backoff: queueBackoff }),
    });
    const { romanad, api, config } = this.#options;
    const site: Site = {
      cluster: this.cluster,
      mirror: this.#mirror,
      romanad,
      api,
      events: this.#events,
      config,
      now,
      ask: (key, after = 0) => {
        if (after > 0) queue.addAfter(key, after);
        else queue.add(key);
      },
      surprise: () => {
        this.#surprised.resolve();
      },
    };
    return queue;
  }

  #onFailure(key: string, error: unknown, attempt: number): void {
    const { log } = this.#options;
    if (!(error instanceof RomanaError)) log.error({ key, err: error }, "a defect; trying again");
    // Less and less often: thousands of keys may wait for the same thing.
    else if (isPowerOfTwo(attempt))
      log.warn({ key, err: error, attempt }, "not made right yet; trying again");
    if (SURPRISES.some((code) => hasCode(error, code))) this.#surprised.resolve();
    const isLasting = hasCode(error, "invalid-input") || hasCode(error, "pool-exhausted");
    const subject = isLasting ? this.#subjectOf(key) : undefined;
    if (subject !== undefined) this.#events.warn(subject, "Refused", (error as RomanaError).message);
  }

  #subjectOf(key: string): Subject | undefined {
    const { nodes, namespaces, pods } = this.cluster.informers;
    const [kind, name] = splitKey(key);
    const node = kind === "host" ? nodes.objects.get(name) : undefined;
    if (node !== undefined) return subjectOf(nodes, node);
    const namespace = kind === "tenant" ? namespaces.objects.get(name) : undefined;
    if (namespace !== undefined) return subjectOf(namespaces, namespace);
    const value = kind === "workload" ? this.cluster.podOf(name) : undefined;
    const pod = value && pods.objects.get(`${value.namespace}/${value.name}`);
    return pod && subjectOf(pods, pod);
  }

  /** Asks for everything that is in the cluster, and for everything in romanad that was made for a cluster. */
  #askAll(queue: WorkQueue): void {
    const mirror = this.#mirror;
    for (const key of this.cluster.work()) queue.add(key);
    for (const { name, externalId } of mirror.hosts.values()) {
      if (externalId !== undefined) queue.add(`host/${name}`);
    }
    for (const { name, externalId } of mirror.tenants.values()) {
      if (externalId !== undefined) queue.add(`tenant/${name}`);
    }
    for (const { id, externalId } of mirror.policies.values()) {
      if (externalId !== undefined && policyObjectOf(id) !== undefined) queue.add(`policy/${id}`);
    }
    for (const service of mirror.services.values()) {
      const key = isMadeForObject(service) ? keyOfNamespacedName(service.name) : undefined;
      if (key !== undefined) queue.add(`service/${key}`);
    }
    for (const chain of mirror.chains.values()) {
      const key = isMadeForObject(chain) ? keyOfNamespacedName(chain.name) : undefined;
      if (key !== undefined) queue.add(`chain/${key}`);
    }
    queue.add("health/all");
    const hasVirtualIps = this.#options.config.virtualIpPools.length > 0;
    for (const { name, externalId } of mirror.virtualIps.values()) {
      const key = externalId === undefined || !hasVirtualIps ? undefined : keyOfNamespacedName(name);
      if (key !== undefined) queue.add(`load-balancer/${key}`);
    }
    for (const id of mirror.workloads.keys()) queue.add(`workload/${id}`);
    for (const { tenant, name } of mirror.segments()) {
      const key = segmentKey(tenant, name);
      if (!mirror.isUsed(key)) queue.add(`segment/${key}`);
    }
  }
}

function isPowerOfTwo(count: number): boolean {
  return count > 0 && (count & (count - 1)) === 0;
}

function splitKey(key: string): [kind: string, name: string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}

import { endpointKey } from "../../src/agent/host-knowledge.ts";
import type { Allocation, OnState, Romanad } from "../../src/agent/romanad.ts";
import {
  type Endpoint,
  type HostReport,
  type HostStatus,
  notFound,
  RomanaError,
  type RouteStatus,
} from "../../src/model/index.ts";
import { parseAddress } from "../../src/net/index.ts";
import type {
  HeartbeatAnswerResult,
  HeartbeatJson,
  HostSnapshot,
  Stored,
  WatchChange,
  WatchEvent,
} from "../../src/schema/index.ts";
import { endpoint, event, hostView } from "./agent-view.ts";

/** A watcher with the events that it has not read yet. */
interface Watcher {
  readonly queue: WatchEvent[];
  wake: () => void;
}

/** romanad for tests of the agent: the example's host 1, endpoints of tenant acme, and bad days on demand. */
export class FakeRomanad implements Romanad {
  readonly endpoints = new Map<string, Stored<Endpoint>>();
  readonly reports: HostStatus[] = [];
  /** How many routes each report had; undefined: as before. */
  readonly sentRoutes: (number | undefined)[] = [];
  #routes: readonly RouteStatus[] = [];
  readonly heartbeats: HeartbeatJson[] = [];
  /** How heartbeats are answered; nothing may be held if nobody says otherwise. */
  answerBeat: (
    heartbeat: HeartbeatJson,
    host: string,
    signal: AbortSignal,
  ) => HeartbeatAnswerResult | Promise<HeartbeatAnswerResult> = () => ({ hold: [], next: 400 });
  readonly allocations: Allocation[] = [];
  /** While true nothing answers and watches are broken. */
  isAway = false;
  /** Allocates, but never answers. */
  isMute = false;
  /** What it allocates differs in this from what the example has. */
  difference: Partial<Endpoint> = {};
  /** Called before each call; what it throws is the answer. */
  before: ((call: string) => void) | undefined;
  #view: HostSnapshot;
  #revision: number;
  readonly #watchers = new Set<Watcher>();
  readonly #history: WatchEvent[] = [];

  constructor(view: HostSnapshot = hostView()) {
    this.#view = view;
    this.#revision = view.revision;
    for (const object of view.endpoints) this.endpoints.set(endpointKey(object), object);
  }

  async view(): Promise<HostSnapshot> {
    this.#answer("view");
    return { ...this.#view, revision: this.#revision, endpoints: [...this.endpoints.values()] };
  }

  async *watch(
    _host: string,
    after: number,
    signal: AbortSignal,
    onState: OnState,
  ): AsyncIterable<WatchEvent> {
    this.#answer("watch");
    const watcher: Watcher = {
      queue: this.#history.filter(({ revision }) => revision > after),
      wake: () => {},
    };
    this.#watchers.add(watcher);
    signal.addEventListener("abort", () => {
      watcher.wake();
    });
    onState({ connected: true });
    try {
      while (!signal.aborted) {
        if (this.isAway) {
          onState({ connected: false, error: unavailable() });
          throw unavailable();
        }
        const next = watcher.queue.shift();
        if (next !== undefined) yield next;
        else {
          await new Promise<void>((resolve) => {
            watcher.wake = resolve;
          });
        }
      }
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  async revision(): Promise<number> {
    this.#answer("revision");
    return this.#revision;
  }

  async allocate(allocation: Allocation): Promise<{ endpoint: Stored<Endpoint>; created: boolean }> {
    this.#answer("allocate");
    this.allocations.push(allocation);
    const { name, requestToken } = allocation;
    const known = [...this.endpoints.values()].find(
      (candidate) =>
        (requestToken !== undefined && candidate.requestToken === requestToken) ||
        (name !== undefined && candidate.name === name),
    );
    if (known !== undefined) return { endpoint: known, created: false };
    const ids = new Set([...this.endpoints.values()].map(({ endpointId }) => endpointId));
    const id =
      allocation.endpointId ?? Array.from({ length: 15 }, (_, index) => index + 1).find((n) => !ids.has(n));
    if (id === undefined) {
      throw new RomanaError("Cannot allocate endpoint: the segment is full", {
        code: "pool-exhausted",
        pool: "acme/web",
        capacity: 15,
        used: 15,
        coolingDown: 0,
      });
    }
    const { name: _, ...base } = endpoint(id, this.#revision + 1);
    const object: Stored<Endpoint> = {
      ...base,
      ...this.difference,
      createdAt: base.createdAt + this.#revision,
      ...(name !== undefined && { name }),
      ...(requestToken !== undefined && { requestToken }),
      ...(allocation.workload !== undefined && { externalId: allocation.workload }),
    };
    this.put(object);
    if (this.isMute) return new Promise(() => {});
    return { endpoint: object, created: true };
  }

  async find(address: string): Promise<Stored<Endpoint> | undefined> {
    this.#answer("find");
    return this.endpoints.get(address);
  }

  async release(address: string, revision: number): Promise<void> {
    this.#answer("release");
    const object = this.endpoints.get(address);
    if (object === undefined) throw notFound("endpoint", address);
    if (object.revision !== revision) {
      const failure = { code: "revision-mismatch", noun: "endpoint", name: address, revision } as const;
      throw new RomanaError(`Cannot release endpoint "${address}": it has changed`, failure);
    }
    this.remove(address);
  }

  async report(_host: string, { routes, ...report }: HostReport): Promise<void> {
    this.#answer("report");
    if (routes !== undefined) this.#routes = routes;
    this.reports.push({ ...report, routes: this.#routes });
    this.sentRoutes.push(routes?.length);
  }

  async beat(host: string, heartbeat: HeartbeatJson, signal: AbortSignal): Promise<HeartbeatAnswerResult> {
    this.#answer("beat");
    this.heartbeats.push(heartbeat);
    return await this.answerBeat(heartbeat, host, signal);
  }

  /** Somebody allocates or changes an endpoint. */
  put(object: Endpoint): void {
    this.#revision += 1;
    const stored = { ...object, revision: this.#revision };
    this.endpoints.set(endpointKey(object), stored);
    this.#tell({ kind: "endpoints", type: "put", object: stored });
  }

  /** Somebody releases an endpoint. */
  remove(address: string): void {
    const object = this.endpoints.get(address);
    if (object === undefined) throw new RangeError(`there is no endpoint ${address}`);
    this.endpoints.delete(address);
    this.#revision += 1;
    this.#tell({ kind: "endpoints", type: "delete", object });
  }

  /** Something other than an endpoint changes. */
  change(view: HostSnapshot, ...changes: WatchChange[]): void {
    this.#revision += 1;
    this.#view = view;
    this.#tell(...changes);
  }

  /** Its store is replaced by an older one, which knows no endpoint of this host. */
  loseEndpoints(revision: number): void {
    this.endpoints.clear();
    this.#history.length = 0;
    this.#revision = revision;
  }

  /** Breaks the connections of all watches. */
  leave(): void {
    this.isAway = true;
    for (const { wake } of this.#watchers) wake();
  }

  /** Is there again. */
  comeBack(): void {
    this.isAway = false;
  }

  #tell(...changes: WatchChange[]): void {
    const news = event(this.#revision, ...changes);
    this.#history.push(news);
    for (const watcher of this.#watchers) {
      watcher.queue.push(news);
      watcher.wake();
    }
  }

  #answer(call: string): void {
    if (this.isAway) throw unavailable();
    this.before?.(call);
  }
}

function unavailable(): RomanaError {
  return new RomanaError("Cannot GET /v1: nobody listens there; is it running?", { code: "unavailable" });
}

/** The first address of the endpoints that {@link FakeRomanad} allocates. */
export const FIRST_ADDRESS = parseAddress("10.1.1.17");

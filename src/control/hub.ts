import { type Endpoint, type Exception, RomanaError } from "../model/index.ts";
import type { Change, Store, WatchBatch } from "../store/index.ts";
import { decodeBackendsRecord } from "./backends-record.ts";
import type { Catalog } from "./catalog.ts";
import { decodeChainRecord } from "./chain-record.ts";
import { endpointOf, hostDetails } from "./directory.ts";
import { exceptionOf } from "./exceptions.ts";
import { decodeFabricRecord } from "./fabric-record.ts";
import { PREFIX, readSpot } from "./keys.ts";
import { knownPolicy } from "./known-policy.ts";
import { decodeExceptionRecord } from "./policy-record.ts";
import { decodeHostRecord, decodeNetworkRecord, decodeSegmentRecord, decodeTenantRecord } from "./records.ts";
import { decodeRelocationRecord } from "./relocation-record.ts";
import { locationIn } from "./relocations.ts";
import { decodeServiceRecord } from "./service-record.ts";
import { decodeVirtualIpRecord } from "./virtual-ip-record.ts";
import type { WatchChange, WatchEvent, WatchKind, WatchOptions } from "./watch.ts";

/** Most events that wait for a watcher before it is sent away with `compacted`. */
const MAX_WAITING = 10_000;

/** Kinds of which every watcher gets the same. */
const SHARED_KINDS = [
  ["networks", PREFIX.network],
  ["hosts", PREFIX.host],
  ["tenants", PREFIX.tenant],
  ["segments", PREFIX.segment],
  ["policies", PREFIX.policy],
  ["exceptions", PREFIX.exception],
  ["relocations", PREFIX.relocation],
  ["virtualIps", PREFIX.virtualIp],
  ["services", PREFIX.service],
  ["chains", PREFIX.chain],
  ["fabrics", PREFIX.fabric],
  ["backends", PREFIX.backends],
] as const satisfies readonly (readonly [WatchKind, string])[];

/** One watcher: what it wants and what waits for it. */
interface Subscriber {
  readonly kinds: ReadonlySet<WatchKind>;
  /** Kinds as text: those of equal text share their events. */
  readonly sameKinds: string;
  readonly host: string | undefined;
  readonly waiting: WatchEvent[];
  failure: { readonly error: unknown } | undefined;
  wake: (() => void) | undefined;
}

/**
 * Turns batches of the store into events for watchers. A change of an endpoint is looked at only when somebody
 * watches its host or all hosts, so that it costs nothing on behalf of the other hosts' agents.
 */
export class Hub {
  readonly #store: Store;
  readonly #catalog: Catalog;
  readonly #subscribers = new Set<Subscriber>();
  /** How many watch the endpoints of a host; under undefined: of all hosts. */
  readonly #interest = new Map<string | undefined, Set<Subscriber>>();

  constructor(store: Store, catalog: Catalog) {
    this.#store = store;
    this.#catalog = catalog;
  }

  /** Hands a batch to those who want something of it. */
  publish(batch: WatchBatch): void {
    if (this.#subscribers.size === 0) return;
    const shared = new Map<string, WatchEvent | undefined>();
    const endpoints = this.#endpointsOf(batch);
    if (endpoints.size === 0 && !batch.changes.some(({ key }) => isShared(key))) return;
    for (const subscriber of this.#subscribers) {
      const own = endpoints.get(subscriber);
      if (own !== undefined) {
        this.#push(subscriber, {
          revision: batch.revision,
          changes: [...this.#sharedOf(batch, subscriber), ...own],
        });
        continue;
      }
      const { sameKinds } = subscriber;
      if (!shared.has(sameKinds)) {
        const changes = this.#sharedOf(batch, subscriber);
        shared.set(sameKinds, changes.length === 0 ? undefined : { revision: batch.revision, changes });
      }
      const event = shared.get(sameKinds);
      if (event !== undefined) this.#push(subscriber, event);
    }
  }

  /** Ends all watches with the error. */
  fail(error: unknown): void {
    for (const subscriber of this.#subscribers) {
      subscriber.failure = { error };
      subscriber.wake?.();
    }
  }

  /** Events after a revision; `published` tells up to which one batches were published. */
  watch(options: WatchOptions, published: () => number): AsyncIterable<WatchEvent> {
    return this.#follow(options, options.after ?? published(), published);
  }

  async *#follow(
    options: WatchOptions,
    after: number,
    published: () => number,
  ): AsyncGenerator<WatchEvent, void, void> {
    const { signal } = options;
    const subscriber = this.#subscribe(options);
    const seen = published();
    const wake = (): void => subscriber.wake?.();
    signal.addEventListener("abort", wake, { once: true });
    try {
      const damaged = this.#damagedPolicies(subscriber);
      if (damaged.length > 0) yield { revision: after, changes: damaged };
      if (after < seen) yield* this.#past(subscriber, after, seen, signal);
      while (!signal.aborted) {
        if (subscriber.failure !== undefined) throw subscriber.failure.error;
        const event = subscriber.waiting.shift();
        if (event === undefined) await new Promise<void>((resolve) => (subscriber.wake = resolve));
        else if (event.revision > after) yield event;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#unsubscribe(subscriber);
    }
  }

  /** Told at the start of each watch: what was damaged in the store's file while nobody watched it has no revision. */
  #damagedPolicies({ kinds }: Subscriber): WatchChange[] {
    if (!kinds.has("policies")) return [];
    const { damagedPolicies, policies } = this.#catalog;
    return [...damagedPolicies].flatMap((id): WatchChange[] => {
      const object = policies.get(id)?.record;
      return object === undefined ? [] : [{ kind: "policies", type: "put", object }];
    });
  }

  /** What happened after a revision, up to the one from which on the subscriber gets everything live. */
  async *#past(
    subscriber: Subscriber,
    after: number,
    seen: number,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent, void, void> {
    for await (const batch of this.#store.watch("", after, signal)) {
      if (batch.revision > seen) return;
      const changes = [...this.#sharedOf(batch, subscriber), ...this.#ownOf(batch, subscriber)];
      if (changes.length > 0) yield { revision: batch.revision, changes };
      if (batch.revision === seen) return;
    }
  }

  #subscribe({ kinds, host }: WatchOptions): Subscriber {
    const subscriber: Subscriber = {
      kinds: new Set(kinds),
      sameKinds: [...kinds].sort().join(),
      host,
      waiting: [],
      failure: undefined,
      wake: undefined,
    };
    this.#subscribers.add(subscriber);
    if (!subscriber.kinds.has("endpoints")) return subscriber;
    const interested = this.#interest.get(host);
    if (interested === undefined) this.#interest.set(host, new Set([subscriber]));
    else interested.add(subscriber);
    return subscriber;
  }

  #unsubscribe(subscriber: Subscriber): void {
    this.#subscribers.delete(subscriber);
    const interested = this.#interest.get(subscriber.host);
    if (interested?.delete(subscriber) === true && interested.size === 0)
      this.#interest.delete(subscriber.host);
  }

  #push(subscriber: Subscriber, event: WatchEvent): void {
    if (subscriber.waiting.length >= MAX_WAITING) {
      const error = new RomanaError("Cannot go on with the watch: it does not keep up with the changes", {
        code: "compacted",
        oldest: event.revision,
      });
      subscriber.failure = { error };
      subscriber.waiting.length = 0;
    } else {
      subscriber.waiting.push(event);
    }
    subscriber.wake?.();
  }

  /** Changes of endpoints by those who want them. */
  #endpointsOf(batch: WatchBatch): ReadonlyMap<Subscriber, WatchChange[]> {
    const result = new Map<Subscriber, WatchChange[]>();
    if (this.#interest.size === 0) return result;
    for (const change of batch.changes) {
      if (!change.key.startsWith(PREFIX.endpoint)) continue;
      const interested = [
        ...hostsOf(change).flatMap((host) => [...(this.#interest.get(host) ?? [])]),
        ...(this.#interest.get(undefined) ?? []),
      ];
      const event = interested.length === 0 ? undefined : this.#endpointChange(change);
      if (event === undefined) continue;
      for (const subscriber of interested) {
        const list = result.get(subscriber);
        if (list === undefined) result.set(subscriber, [event]);
        else list.push(event);
      }
    }
    return result;
  }

  #ownOf(batch: WatchBatch, { kinds, host }: Subscriber): WatchChange[] {
    if (!kinds.has("endpoints")) return [];
    return batch.changes
      .filter((change) => change.key.startsWith(PREFIX.endpoint))
      .filter((change) => host === undefined || hostsOf(change).includes(host))
      .flatMap((change) => this.#endpointChange(change) ?? []);
  }

  #endpointChange({ key, entry, previous }: Change): WatchChange | undefined {
    const value = entry?.value ?? previous;
    const object: Endpoint | undefined =
      value === undefined ? undefined : endpointOf(key.slice(PREFIX.endpoint.length), value);
    return object && { kind: "endpoints", type: entry === undefined ? "delete" : "put", object };
  }

  #sharedOf(batch: WatchBatch, { kinds }: Subscriber): WatchChange[] {
    return batch.changes.flatMap((change) => {
      const kind = SHARED_KINDS.find(([, prefix]) => change.key.startsWith(prefix))?.[0];
      return kind === undefined || !kinds.has(kind) ? [] : (this.#sharedChange(kind, change) ?? []);
    });
  }

  #sharedChange(
    kind: (typeof SHARED_KINDS)[number][0],
    { key, entry, previous }: Change,
  ): WatchChange | undefined {
    const value = entry?.value ?? previous;
    if (value === undefined) return undefined;
    const type = entry === undefined ? "delete" : "put";
    const name = key.slice(key.indexOf("/") + 1);
    if (kind === "policies") {
      const object = knownPolicy(name, value, this.#catalog.policies.get(name)?.record);
      return object && { kind, type, object };
    }
    try {
      if (kind === "networks") {
        const { network, adding } = decodeNetworkRecord(value);
        return adding === true ? undefined : { kind, type, object: network };
      }
      if (kind === "hosts") {
        const object = hostDetails(this.#catalog.visibleNetworks(), decodeHostRecord(value).host);
        return { kind, type, object };
      }
      if (kind === "tenants") return { kind, type, object: decodeTenantRecord(value).tenant };
      if (kind === "virtualIps") {
        const object = decodeVirtualIpRecord(value);
        // Nobody has one that is going away.
        return { kind, type: object.deleting === true ? "delete" : type, object };
      }
      if (kind === "services") return { kind, type, object: decodeServiceRecord(value) };
      if (kind === "chains") return { kind, type, object: decodeChainRecord(value) };
      if (kind === "fabrics") return { kind, type, object: decodeFabricRecord(value) };
      if (kind === "backends") return { kind, type, object: decodeBackendsRecord(value) };
      if (kind === "relocations") return { kind, type, object: decodeRelocationRecord(value) };
      if (kind === "exceptions") return { kind, type, object: this.#exception(type, name, value) };
      return { kind, type, object: decodeSegmentRecord(value).segment };
    } catch {
      // A damaged value cannot be shown; the check names it.
      return undefined;
    }
  }

  /** Of one that goes, watchers need the addresses only: these follow from its spot when the value is damaged. */
  #exception(type: WatchChange["type"], place: string, value: string): Exception {
    try {
      return decodeExceptionRecord(value);
    } catch (error) {
      const spot = readSpot(place);
      if (type === "put" || spot === undefined) throw error;
      return exceptionOf({ catalog: this.#catalog }, spot, "unknown");
    }
  }
}

function isShared(key: string): boolean {
  return SHARED_KINDS.some(([, prefix]) => key.startsWith(prefix));
}

/** The host in the key of an endpoint, and those where it is and was when these are others. */
function hostsOf({ key, entry, previous }: Change): readonly string[] {
  const home = key.slice(PREFIX.endpoint.length, key.indexOf("/", PREFIX.endpoint.length));
  const is = entry === undefined ? undefined : locationIn(entry.value);
  const was = previous === undefined ? undefined : locationIn(previous);
  if (is === undefined && was === undefined) return [home];
  return [...new Set([home, is, was])].filter((host) => host !== undefined);
}

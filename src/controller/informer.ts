import { isDeepStrictEqual } from "node:util";
import { type Backoff, backoffDelay, type Sleep } from "../client/index.ts";
import { hasCode, RomanaError } from "../model/index.ts";
import {
  decodeKubernetesMeta,
  type KubernetesCondition,
  type KubernetesMeta,
  readConditions,
  readStatusFields,
} from "../schema/index.ts";
import type { ApiServer } from "./api-server.ts";
import type { Log } from "./log.ts";

/** An object as the cache keeps it. */
export interface Cached<T> {
  readonly meta: KubernetesMeta;
  /** What matters of it; of an object that cannot be read, what it said before. */
  readonly value?: T;
  /** Why the object cannot be read. */
  readonly fault?: string;
  /** What stands for an object that cannot be read and has never been read. */
  readonly closed?: T;
  /** Those of its status that {@link Resource.conditions} names. */
  readonly conditions: readonly KubernetesCondition[];
  /** What its status says besides, if {@link Resource.keepsStatus}. */
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** What is watched. */
export interface Resource<T> {
  readonly kind: string;
  readonly apiVersion: string;
  /** Path of the listing over all namespaces. */
  readonly path: string;
  /** Takes what matters. @throws RomanaError `invalid-input`. */
  readonly decode: (object: unknown) => T;
  /** What stands for an object that cannot be read; undefined when there is nothing that would be safe. */
  readonly close?: (object: unknown, meta: KubernetesMeta) => T | undefined;
  /** Types of conditions that are kept. A change of them alone is not told. */
  readonly conditions?: ReadonlySet<string>;
  /** Whether what a status says besides conditions is kept. A change of it alone is not told. */
  readonly keepsStatus?: boolean;
}

/** What an {@link Informer} works with. */
export interface InformerOptions<T> {
  readonly resource: Resource<T>;
  readonly api: Pick<ApiServer, "call" | "watch">;
  /** Told of every change that matters; without `after` the object is gone. */
  readonly onChange: (key: string, after: Cached<T> | undefined, before: Cached<T> | undefined) => void;
  /** Told once everything is known, or that the API server does not serve this kind. */
  readonly onSynced: () => void;
  readonly onRestart?: (reason: string) => void;
  readonly log: Log;
  readonly now: () => number;
  readonly sleep: Sleep;
  readonly random: () => number;
  readonly times?: InformerTimes;
}

/** Times in milliseconds. */
export interface InformerTimes {
  readonly backoff: Backoff;
  /** A kind that is not served is asked for again so often. */
  readonly absentRecheck: number;
  /** Objects of a kind that is no longer served are believed to be gone after so long. */
  readonly absentGrace: number;
  /** A watch without a sign of life for so long is made anew; bookmarks come every minute. */
  readonly silence: number;
}

/** The usual times. */
export const INFORMER_TIMES: InformerTimes = {
  backoff: { first: 200, longest: 10_000 },
  absentRecheck: 10_000,
  absentGrace: 30_000,
  silence: 90_000,
};

const PAGE_SIZE = 500;
/** A watch is asked to end by itself after so many seconds, and up to twice as many, so that not all end at once. */
const WATCH_SECONDS = 240;
/** After so many watches in a row that failed, everything is listed again. */
const MAX_FAILURES = 5;

const NONE: readonly KubernetesCondition[] = [];

interface Page {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly items?: readonly unknown[];
}

/**
 * A cache of all objects of one kind, by list and watch (Kubernetes API concepts, "Efficient detection of changes").
 * Survives the loss of the API server and of its history: whatever was missed is found by listing again.
 */
export class Informer<T> {
  readonly objects = new Map<string, Cached<T>>();
  readonly #options: InformerOptions<T>;
  readonly #times: InformerTimes;
  #version: string | undefined;
  #isSynced = false;
  #absentSince: number | undefined;
  #failures = 0;

  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#times = options.times ?? INFORMER_TIMES;
  }

  get resource(): Resource<T> {
    return this.#options.resource;
  }

  /** True when everything was known once, or the kind is not served. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** True when what is not in the cache is not in the cluster; a kind may be away only for a moment. */
  get isComplete(): boolean {
    const { now } = this.#options;
    if (this.#absentSince !== undefined) return now() - this.#absentSince >= this.#times.absentGrace;
    return this.#isSynced;
  }

  get isServed(): boolean {
    return this.#absentSince === undefined;
  }

  /** Follows until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { sleep, random, log, resource } = this.#options;
    while (!signal.aborted) {
      let wait: number | undefined;
      try {
        if (this.#version === undefined) await this.#list(signal);
        await this.#watch(signal);
        wait = backoffDelay(this.#times.backoff, 0, random());
      } catch (error) {
        if (signal.aborted) return;
        wait = this.#judge(error);
        if (this.isServed)
          log.warn({ kind: resource.kind, err: error }, "following objects failed; trying again");
      }
      await sleep(wait, signal).catch(() => undefined);
    }
  }

  /** How long to wait after a failure. */
  #judge(error: unknown): number {
    const { backoff, absentRecheck } = this.#times;
    const { random, onRestart } = this.#options;
    const isFirst = this.#failures === 0;
    this.#failures += 1;
    onRestart?.(error instanceof RomanaError ? error.code : "internal");
    if (hasCode(error, "not-found")) {
      this.#noteAbsence();
      return absentRecheck;
    }
    if (hasCode(error, "compacted") || this.#failures % MAX_FAILURES === 0) this.#version = undefined;
    if (hasCode(error, "compacted") && isFirst) return 0;
    return backoffDelay(backoff, this.#failures - 1, random());
  }

  #noteAbsence(): void {
    const { now, log, resource } = this.#options;
    this.#version = undefined;
    this.#failures = 0;
    if (this.#absentSince === undefined) {
      this.#absentSince = now();
      log.info(
        { kind: resource.kind, apiVersion: resource.apiVersion },
        "the API server does not serve this kind",
      );
    }
    if (this.isComplete) for (const key of this.objects.keys()) this.#remove(key);
    this.#synced();
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { api, resource } = this.#options;
    const seen = new Set<string>();
    let next: string | undefined;
    let version: string | undefined;
    do {
      const query = { limit: String(PAGE_SIZE), ...(next !== undefined && { continue: next }) };
      const page = (await api.call({ method: "GET", path: resource.path, query, signal })) as Page;
      for (const item of page.items ?? []) seen.add(this.#put(item) ?? "");
      version = page.metadata?.resourceVersion;
      next = page.metadata?.continue === "" ? undefined : page.metadata?.continue;
    } while (next !== undefined);
    for (const key of this.objects.keys()) if (!seen.has(key)) this.#remove(key);
    this.#version = version;
    this.#absentSince = undefined;
    this.#synced();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { api, resource, random } = this.#options;
    const query = {
      watch: "true",
      allowWatchBookmarks: "true",
      resourceVersion: this.#version ?? "",
      timeoutSeconds: String(Math.round(WATCH_SECONDS * (1 + random()))),
    };
    for await (const { type, object } of api.watch({
      path: resource.path,
      query,
      signal,
      timeout: this.#times.silence,
    })) {
      this.#failures = 0;
      const version = (object as { metadata?: { resourceVersion?: unknown } }).metadata?.resourceVersion;
      if (type === "ADDED" || type === "MODIFIED") this.#put(object);
      else if (type === "DELETED") this.#remove(keyOf(object));
      if (typeof version === "string" && version !== "") this.#version = version;
    }
  }

  /** Keeps the object; its key, or undefined for something that is no object. */
  #put(object: unknown): string | undefined {
    const { resource, onChange, log } = this.#options;
    const key = keyOf(object);
    if (key === undefined) {
      log.error({ kind: resource.kind }, "the API server sent something that is no object");
      return undefined;
    }
    const before = this.objects.get(key);
    const meta = shared(decodeKubernetesMeta(object), before?.meta);
    if (before?.meta.resourceVersion === meta.resourceVersion && before.meta.uid === meta.uid) return key;
    const after = this.#read(object, meta, before);
    this.objects.set(key, after);
    if (before !== undefined && isSame(before, after)) return key;
    onChange(key, after, before);
    return key;
  }

  #read(object: unknown, meta: KubernetesMeta, before: Cached<T> | undefined): Cached<T> {
    const { resource } = this.#options;
    const { conditions: types } = resource;
    const conditions = types ? readConditions(object).filter(({ type }) => types.has(type)) : NONE;
    const fields = resource.keepsStatus === true && { fields: readStatusFields(object) };
    try {
      return { meta, value: resource.decode(object), conditions, ...fields };
    } catch (error) {
      if (!hasCode(error, "invalid-input")) throw error;
      const kept = before?.meta.uid === meta.uid ? before.value : undefined;
      const closed = kept === undefined ? resource.close?.(object, meta) : undefined;
      return {
        meta,
        ...(kept !== undefined && { value: kept }),
        fault: error.message,
        ...(closed !== undefined && { closed }),
        conditions,
        ...fields,
      };
    }
  }

  #remove(key: string | undefined): void {
    const before = key === undefined ? undefined : this.objects.get(key);
    if (key === undefined || before === undefined) return;
    this.objects.delete(key);
    this.#options.onChange(key, undefined, before);
  }

  #synced(): void {
    if (this.#isSynced) return;
    this.#isSynced = true;
    this.#options.onSynced();
  }
}

/** `NAMESPACE/NAME`, or the name of an object of the cluster. */
function keyOf(object: unknown): string | undefined {
  const { metadata } = (object ?? {}) as { metadata?: { name?: unknown; namespace?: unknown } };
  if (typeof metadata?.name !== "string") return undefined;
  return typeof metadata.namespace === "string" ? `${metadata.namespace}/${metadata.name}` : metadata.name;
}

/** The same texts again, so that an object that changes often does not leave garbage in old memory. */
function shared(meta: KubernetesMeta, before: KubernetesMeta | undefined): KubernetesMeta {
  if (before === undefined || before.uid !== meta.uid) return meta;
  return { ...before, resourceVersion: meta.resourceVersion, generation: meta.generation };
}

/** True when nothing that matters differs. */
function isSame<T>(a: Cached<T>, b: Cached<T>): boolean {
  const isSameMeta = a.meta.uid === b.meta.uid && a.meta.generation === b.meta.generation;
  return isSameMeta && a.fault === b.fault && isDeepStrictEqual(a.value, b.value);
}

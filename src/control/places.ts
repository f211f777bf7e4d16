import { type EndpointRange, IdPool } from "../ipam/index.ts";
import type { Entry, Store } from "../store/index.ts";
import { ID_DIGITS, PREFIX, splitSpot } from "./keys.ts";

/** What is known of the endpoint IDs of one place. */
export interface PlaceIds {
  readonly pool: IdPool;
  /** Revision of the rest that is on record for an ID, whether it is over or not; 0 when there is none. */
  restRevision(id: number): number;
}

interface Loaded extends PlaceIds {
  readonly rests: Map<number, number>;
  readonly range: EndpointRange;
  /** Undefined once everything is read. */
  loading: Promise<void> | undefined;
  /** News that came while the past was being read. */
  readonly news: { readonly key: string; readonly value: string | undefined; readonly revision: number }[];
  /** News up to here is in what was read. */
  readAt: number;
  /** Its share of the budget. */
  weight: number;
  /** Number of the call that asked for it last. */
  lastUse: number;
  /** Nobody finds it any more. */
  forgotten: boolean;
}

/** Rows read at once. */
const PAGE = 2000;
/** What a place weighs besides its IDs. */
const PLACE_WEIGHT = 16;

/**
 * Endpoint IDs by place (`host/network/tenant/code`), read when a place is first used and kept right by own commits
 * and the feed. Bounded: places that were not used for long are forgotten.
 */
export class Places {
  readonly #store: Store;
  readonly #budget: number;
  readonly #places = new Map<string, Loaded>();
  #uses = 0;
  #weight = 0;
  /** Weight that brings about the next eviction. */
  #limit: number;

  constructor(store: Store, budget: number) {
    this.#store = store;
    this.#budget = budget;
    this.#limit = budget;
  }

  /**
   * The IDs of a place; reads them when they are not known. `range` belongs to the place's network and code: another
   * one than last time means that the network was made anew under its name.
   */
  get(place: string, range: EndpointRange): PlaceIds | Promise<PlaceIds> {
    let loaded = this.#places.get(place);
    if (loaded !== undefined && !isSameRange(loaded.range, range)) {
      this.#forget(place, loaded);
      loaded = undefined;
    }
    const ids = loaded ?? this.#open(place, range);
    ids.lastUse = ++this.#uses;
    return ids.loading === undefined ? ids : ids.loading.then(() => ids);
  }

  /** Takes in news of an endpoint or a rest; all other keys are none of its business. */
  apply(key: string, value: string | undefined, revision: number): void {
    const prefix = prefixOf(key);
    const spot = prefix === undefined ? undefined : splitSpot(key.slice(prefix.length));
    const loaded = spot && this.#places.get(spot.place);
    if (loaded === undefined) return;
    if (loaded.loading !== undefined) loaded.news.push({ key, value, revision });
    else if (revision > loaded.readAt) this.#enter(loaded, key, value, revision);
    this.#evict();
  }

  /** Forgets everything. Those who hold IDs of a forgotten place find out by their commit. */
  clear(): void {
    for (const [place, loaded] of this.#places) this.#forget(place, loaded);
  }

  #open(place: string, range: EndpointRange): Loaded {
    const pool = new IdPool(range.reserved);
    const weight = PLACE_WEIGHT;
    const rests = new Map<number, number>();
    const loaded: Loaded = {
      pool,
      rests,
      restRevision: (id) => rests.get(id) ?? 0,
      range,
      loading: undefined,
      news: [],
      readAt: 0,
      weight,
      lastUse: 0,
      forgotten: false,
    };
    this.#weight += weight;
    this.#places.set(place, loaded);
    loaded.loading = this.#read(place, loaded).catch((error: unknown) => {
      this.#forget(place, loaded);
      throw error;
    });
    return loaded;
  }

  async #read(place: string, loaded: Loaded): Promise<void> {
    let first: number | undefined;
    const newer = new Map<string, number>();
    for (const prefix of [PREFIX.endpoint, PREFIX.cooling]) {
      for (let after: string | undefined; ; ) {
        const options = { limit: PAGE, ...(after !== undefined && { after }) };
        const page = await this.#store.list(`${prefix}${place}/`, options);
        first ??= page.revision;
        for (const entry of page.entries) {
          if (entry.modRevision > first) newer.set(entry.key, entry.modRevision);
          this.#enter(loaded, entry.key, entry.value, entry.modRevision);
        }
        after = lastKey(page.entries);
        if (!page.more) break;
      }
    }
    loaded.loading = undefined;
    loaded.readAt = first ?? 0;
    for (const { key, value, revision } of loaded.news.splice(0)) {
      if (revision > loaded.readAt && revision > (newer.get(key) ?? 0))
        this.#enter(loaded, key, value, revision);
    }
    this.#evict();
  }

  #enter(loaded: Loaded, key: string, value: string | undefined, revision: number): void {
    const { pool, rests } = loaded;
    const id = Number(key.slice(-ID_DIGITS));
    if (key.startsWith(PREFIX.endpoint)) {
      if (value === undefined) pool.drop(id);
      else pool.take(id);
    } else if (value === undefined) {
      pool.endRest(id);
      rests.delete(id);
    } else {
      pool.rest(id, Number(value));
      rests.set(id, revision);
    }
    if (loaded.forgotten) return;
    const weight = PLACE_WEIGHT + pool.weight + rests.size;
    this.#weight += weight - loaded.weight;
    loaded.weight = weight;
  }

  #forget(place: string, loaded: Loaded): void {
    if (loaded.forgotten) return;
    loaded.forgotten = true;
    this.#places.delete(place);
    this.#weight -= loaded.weight;
  }

  #evict(): void {
    if (this.#weight <= this.#limit) return;
    const idle = [...this.#places].filter(([, { loading, pool }]) => loading === undefined && pool.isIdle);
    for (const [place, loaded] of idle.sort(([, a], [, b]) => a.lastUse - b.lastUse)) {
      if (this.#weight <= this.#budget - this.#budget / 8) break;
      this.#forget(place, loaded);
    }
    // Places in use cannot go; do not look through all of them for every ID.
    this.#limit = Math.max(this.#budget, this.#weight + this.#budget / 8);
  }
}

function isSameRange(a: EndpointRange, b: EndpointRange): boolean {
  if (a === b) return true;
  return a.reserved.length === b.reserved.length && a.reserved.every((id, index) => id === b.reserved[index]);
}

function prefixOf(key: string): string | undefined {
  if (key.startsWith(PREFIX.endpoint)) return PREFIX.endpoint;
  return key.startsWith(PREFIX.cooling) ? PREFIX.cooling : undefined;
}

function lastKey(entries: readonly Entry[]): string | undefined {
  return entries.at(-1)?.key;
}

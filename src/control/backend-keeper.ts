import {
  type Backend,
  hasCode,
  type SegmentBackends,
  type SegmentUse,
  type Service,
  type ServiceDetails,
  segmentPlaceText,
  segmentUses,
} from "../model/index.ts";
import { formatAddress } from "../net/index.ts";
import { chooseBackends } from "./backend-choice.ts";
import { encodeBackendsRecord } from "./backends-record.ts";
import type { Context } from "./context.ts";
import type { Mirror } from "./feed.ts";
import { HEARING_TIMES, Hearing, type HostState } from "./hearing.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { PREFIX } from "./keys.ts";
import { Lookout } from "./lookout.ts";
import type { Clock } from "./options.ts";
import { SegmentMembers } from "./segment-members.ts";
import type { Backends } from "./service-control.ts";
import { commit, LOST, put, remove, unchanged } from "./settle.ts";

/** What a {@link BackendKeeper} works with. */
export interface BackendKeeperOptions {
  readonly clock: Clock;
  /** Asked for when something is to be done: it is made after the keeper. */
  readonly context: () => Context;
  readonly onTrouble: (error: unknown) => void;
}

/** Changes within so many milliseconds are one write. */
const SETTLE_AFTER = 50;
/**
 * A segment is not written again for so many milliseconds per backend: it is written, read and told as a whole, and what one
 * that flaps costs shall not keep heartbeats waiting.
 */
const REST_PER_BACKEND = 0.1;
/** Time between two looks at who is silent, in milliseconds. */
const LOOK_EVERY = 500;

/** Starts of the keys of what steers flows. */
const STEERING: readonly string[] = [PREFIX.service, PREFIX.chain];

/**
 * Writes down the healthy endpoints of every segment that flows are steered to, one key for each (ADR 0017). It follows the
 * store and heartbeats, and compares what is stored with what should be: whatever it was told, it comes to the same.
 */
export class BackendKeeper implements Mirror {
  #writes = 0;
  readonly #options: BackendKeeperOptions;
  readonly #lookout: Lookout;
  readonly #members: SegmentMembers;
  readonly #hearing = new Hearing();
  #uses: ReadonlyMap<string, SegmentUse> = new Map();
  #hasNewUses = false;
  /** Segments whose backends may be other ones. */
  readonly #dirty = new Set<string>();
  readonly #writing = new Set<string>();
  /** When a segment may be written again. */
  readonly #restUntil = new Map<string, number>();
  /** States of hosts at the last look. */
  #states: ReadonlyMap<string, HostState> = new Map();
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(options: BackendKeeperOptions) {
    this.#options = options;
    const { clock, context, onTrouble } = options;
    this.#lookout = new Lookout({ clock, every: LOOK_EVERY, look: (isHeldUp) => this.#look(isHeldUp) });
    this.#members = new SegmentMembers({ context, onChange: (place) => this.#touch(place), onTrouble });
  }

  /** Takes in a heartbeat of a host; answers when to come again, in milliseconds: undefined when it does not matter. */
  beat(host: string, { healthy = [] }: Heartbeat): number | undefined {
    if (this.#hearing.take(host, healthy.map(formatAddress), this.#lookout.now())) {
      for (const place of this.#members.placesOn(host)) this.#touch(place);
    }
    return this.#uses.size > 0 ? HEARING_TIMES.beat : undefined;
  }

  /** How many endpoints a service has. */
  countEndpoints(service: Service): Pick<ServiceDetails, "members" | "healthy"> {
    const place = segmentPlaceText(service);
    return { members: this.#members.countOf(place), healthy: this.#stored(place).length };
  }

  /** For metrics. */
  summary(): ReturnType<Backends["summary"]> {
    let members = 0;
    let healthy = 0;
    for (const place of this.#uses.keys()) {
      members += this.#members.countOf(place);
      healthy += this.#stored(place).length;
    }
    return { members, healthy, writes: this.#writes };
  }

  apply(key: string, value: string | undefined): void {
    if (key.startsWith(PREFIX.endpoint)) this.#members.apply(key.slice(PREFIX.endpoint.length), value);
    else if (key.startsWith(PREFIX.backends)) this.#touch(key.slice(PREFIX.backends.length));
    else if (STEERING.some((prefix) => key.startsWith(prefix))) this.#renew();
    else if (key.startsWith(PREFIX.host) && value === undefined)
      this.#hearing.forget(key.slice(PREFIX.host.length));
  }

  clear(): void {
    // What was heard of hosts does not come from the store.
    this.#members.clear();
    this.#renew();
  }

  /** Writes no more. */
  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
    this.#lookout.close();
  }

  /** Looks anew at which segments flows are steered to. */
  #renew(): void {
    this.#hasNewUses = true;
    this.#plan();
  }

  #touch(place: string): void {
    this.#dirty.add(place);
    this.#plan();
  }

  #plan(): void {
    if (this.#cancel !== undefined || this.#isClosed) return;
    this.#cancel = this.#options.clock.after(SETTLE_AFTER, () => {
      this.#cancel = undefined;
      this.#settle();
    });
  }

  #settle(): void {
    if (this.#hasNewUses) {
      this.#hasNewUses = false;
      const { catalog } = this.#options.context();
      this.#uses = segmentUses(
        Array.from(catalog.services.values(), ({ record }) => record),
        Array.from(catalog.chains.values(), ({ record }) => record),
      );
      this.#members.follow(this.#uses);
      for (const place of [...this.#uses.keys(), ...catalog.backends.keys()]) this.#dirty.add(place);
      if (this.#uses.size > 0) this.#lookout.start();
    }
    const now = this.#lookout.now();
    for (const place of this.#dirty) {
      if (this.#writing.has(place)) continue;
      if (now < (this.#restUntil.get(place) ?? now)) {
        this.#plan();
        continue;
      }
      this.#dirty.delete(place);
      this.#restUntil.delete(place);
      const value = this.#wanted(place);
      if (value !== undefined) void this.#write(place, value);
    }
  }

  /** False when there is nothing to look at any more. */
  #look(isHeldUp: boolean): boolean {
    if (this.#members.hasFailed) this.#renew();
    if (!isHeldUp) this.#lookAtHosts();
    if (this.#dirty.size > 0) this.#plan();
    return this.#uses.size > 0 || this.#dirty.size > 0;
  }

  #lookAtHosts(): void {
    const now = this.#lookout.now();
    const states = new Map<string, HostState>();
    for (const [place, hosts] of this.#members.hosts()) {
      for (const host of hosts) {
        const state = states.get(host) ?? this.#hearing.stateOf(host, now);
        states.set(host, state);
        if (state !== this.#states.get(host)) this.#touch(place);
      }
    }
    this.#states = states;
  }

  #stored(place: string): readonly Backend[] {
    return this.#options.context().catalog.backends.get(place)?.record.backends ?? [];
  }

  /** What the key of a segment shall have, null for nothing; undefined when it has it, or nobody can tell yet. */
  #wanted(place: string): string | null | undefined {
    const { catalog } = this.#options.context();
    const isThere = catalog.revisionOf(PREFIX.backends + place) > 0;
    const use = this.#uses.get(place);
    if (use === undefined) return isThere ? null : undefined;
    const members = this.#members.of(place);
    if (members === undefined) return undefined;
    const now = this.#lookout.now();
    const { network, tenant, segment, checks } = use;
    const before = this.#stored(place);
    const backends = chooseBackends(members, checks.length > 0, before, {
      stateOf: (host) => this.#hearing.stateOf(host, now),
      isHealthy: (host, name) => this.#hearing.isHealthy(host, name),
    });
    const encode = (list: SegmentBackends["backends"]): string =>
      encodeBackendsRecord({ network, tenant, segment, backends: list });
    const value = encode(backends);
    const isDamaged = isThere && !catalog.backends.has(place);
    return value === encode(before) && !isDamaged ? undefined : value;
  }

  async #write(place: string, value: string | null): Promise<void> {
    const context = this.#options.context();
    const key = PREFIX.backends + place;
    this.#writing.add(place);
    try {
      const compares = [unchanged(key, context.catalog.revisionOf(key))];
      const done = await commit(context, compares, [value === null ? remove(key) : put(key, value)]);
      // Whoever was faster has changed the key, which is news of its own.
      if (done !== LOST) {
        this.#writes++;
        const rest = this.#stored(place).length * REST_PER_BACKEND;
        if (rest > SETTLE_AFTER) this.#restUntil.set(place, this.#lookout.now() + rest);
      }
    } catch (error) {
      // It is tried again with the next look.
      this.#dirty.add(place);
      this.#lookout.start();
      if (!hasCode(error, "unavailable")) this.#options.onTrouble(error);
    }
    this.#writing.delete(place);
    if (this.#dirty.has(place)) this.#plan();
  }
}

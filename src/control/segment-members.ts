import {
  type Backend,
  hasCode,
  type SegmentPlace,
  type SegmentUse,
  segmentPlaceText,
} from "../model/index.ts";
import type { Entry } from "../store/index.ts";
import { placesUnder } from "./below.ts";
import type { Context } from "./context.ts";
import { PREFIX, readSpot } from "./keys.ts";
import { decodeEndpointRecord, type EndpointRecord } from "./records.ts";
import { entriesBelow } from "./stored.ts";

/** What a {@link SegmentMembers} works with. */
export interface SegmentMembersOptions {
  /** Asked for when something is to be read: it is made after the members. */
  readonly context: () => Context;
  /** Members of a segment came or went. */
  readonly onChange: (place: string) => void;
  readonly onTrouble: (error: unknown) => void;
}

/** So many listings of a host's endpoints of a segment cost more than one look at all endpoints. */
const MANY_LISTS = 5_000;

/** The endpoints of a segment by host, then by spot. */
type Members = Map<string, Map<string, Backend>>;

interface Followed {
  readonly place: SegmentPlace;
  readonly members: Members;
  /** All of it is known. */
  isRead: boolean;
  hasFailed: boolean;
}

/**
 * The endpoints of the segments that flows are steered to, those included that act as one of them; of no others. It
 * reads a segment when that is first used, and follows the store from then on.
 */
export class SegmentMembers {
  readonly #options: SegmentMembersOptions;
  /** By network, tenant and segment. */
  readonly #followed = new Map<string, Followed>();
  /** Tenants of followed segments, as `network/tenant`. */
  #tenants: ReadonlySet<string> = new Set();
  /** Spots that changed while a segment was being read, for each that is. */
  readonly #changed = new Set<Set<string>>();
  /** Where a spot is a member now. */
  readonly #placeOf = new Map<string, string>();

  constructor(options: SegmentMembersOptions) {
    this.#options = options;
  }

  /** Follows these segments and no others. */
  follow(uses: ReadonlyMap<string, SegmentUse>): void {
    for (const [place, { members }] of this.#followed) {
      if (uses.has(place)) continue;
      this.#followed.delete(place);
      for (const ofHost of members.values()) for (const spot of ofHost.keys()) this.#placeOf.delete(spot);
    }
    const added = new Map<string, Followed>();
    for (const [place, use] of uses) {
      if (this.#followed.get(place)?.hasFailed === false) continue;
      const followed: Followed = { place: use, members: new Map(), isRead: false, hasFailed: false };
      this.#followed.set(place, followed);
      added.set(place, followed);
    }
    if (added.size > 0) void this.#load(added);
    this.#tenants = new Set(
      Array.from(this.#followed.values(), ({ place: { network, tenant } }) => `${network}/${tenant}`),
    );
  }

  /** Takes in the value of an endpoint's key; undefined: it is gone. */
  apply(spot: string, value: string | undefined): void {
    if (this.#followed.size === 0) return;
    for (const changed of this.#changed) changed.add(spot);
    this.#set(spot, value);
  }

  /** Reads everything anew. */
  clear(): void {
    this.#followed.clear();
    this.#placeOf.clear();
    this.#tenants = new Set();
  }

  /** The members of a segment; undefined while not all of them are known. */
  of(place: string): readonly Backend[] | undefined {
    const followed = this.#followed.get(place);
    if (followed?.isRead !== true) return undefined;
    return [...followed.members.values()].flatMap((ofHost) => [...ofHost.values()]);
  }

  /** How many members of a segment are known. */
  countOf(place: string): number {
    let count = 0;
    for (const ofHost of this.#followed.get(place)?.members.values() ?? []) count += ofHost.size;
    return count;
  }

  /** The hosts that have members, by segment. */
  *hosts(): Generator<readonly [place: string, hosts: Iterable<string>], void, void> {
    for (const [place, { members }] of this.#followed) yield [place, members.keys()];
  }

  /** The segments that have members on a host. */
  *placesOn(host: string): Generator<string, void, void> {
    for (const [place, { members }] of this.#followed) if (members.has(host)) yield place;
  }

  /** True when a segment could not be read; {@link follow} tries again. */
  get hasFailed(): boolean {
    return [...this.#followed.values()].some((followed) => followed.hasFailed);
  }

  /** Reads segments that are new. Many at once are read in one look at all endpoints, few each by itself. */
  async #load(added: ReadonlyMap<string, Followed>): Promise<void> {
    const context = this.#options.context();
    const changed = new Set<string>();
    this.#changed.add(changed);
    try {
      const isMany = added.size * context.catalog.hosts.size > MANY_LISTS;
      const places = Array.from(added.values(), ({ place }) => place);
      const entries = isMany ? entriesBelow(context.store, PREFIX.endpoint) : entriesOf(context, places);
      for await (const { key, value } of entries) {
        const spot = key.slice(PREFIX.endpoint.length);
        if (!changed.has(spot)) this.#set(spot, value);
      }
      for (const followed of added.values()) followed.isRead = true;
    } catch (error) {
      for (const followed of added.values()) followed.hasFailed = true;
      if (!hasCode(error, "unavailable")) this.#options.onTrouble(error);
    } finally {
      this.#changed.delete(changed);
    }
    for (const place of added.keys()) this.#options.onChange(place);
  }

  #set(spot: string, value: string | undefined): void {
    const before = this.#placeOf.get(spot);
    const found = value === undefined ? undefined : this.#memberOf(spot, value);
    if (before !== undefined && before !== found?.place) {
      const host = spot.slice(0, spot.indexOf("/"));
      const members = this.#followed.get(before)?.members;
      const ofHost = members?.get(host);
      ofHost?.delete(spot);
      if (ofHost?.size === 0) members?.delete(host);
      this.#placeOf.delete(spot);
      this.#options.onChange(before);
    }
    if (found === undefined) return;
    const { place, member } = found;
    const members = (this.#followed.get(place) as Followed).members;
    const ofHost = members.get(member.host) ?? new Map<string, Backend>();
    ofHost.set(spot, member);
    members.set(member.host, ofHost);
    this.#placeOf.set(spot, place);
    this.#options.onChange(place);
  }

  /** The member that an endpoint is; undefined for most of very many, which are not decoded. */
  #memberOf(spot: string, value: string): { readonly place: string; readonly member: Backend } | undefined {
    const [host = "", network = "", tenant = ""] = spot.split("/", 3);
    if (!this.#tenants.has(`${network}/${tenant}`)) return undefined;
    const record = readable(value);
    if (record === undefined) return undefined;
    const place = segmentPlaceText({ network, tenant, segment: record.actsAs ?? record.segment });
    if (!this.#followed.has(place)) return undefined;
    return { place, member: { host, addresses: record.addresses } };
  }
}

/** The endpoints that were born in some segments, and those that act as one of them: more than are their members. */
async function* entriesOf(
  context: Context,
  places: readonly SegmentPlace[],
): AsyncGenerator<Entry, void, void> {
  const { catalog, store } = context;
  for (const { network, tenant, segment } of places) {
    const codes = catalog.segments.get(tenant)?.get(segment)?.record.segment.codes ?? [];
    for (const start of await placesUnder(context, { network, tenant, codes })) {
      yield* entriesBelow(store, PREFIX.endpoint + start);
    }
    const acting = Array.from(catalog.exceptions).flatMap(([spot, { record }]) =>
      record.tenant === tenant && record.segment === segment ? [spot] : [],
    );
    for (const spot of [...acting, ...catalog.lostExceptions]) {
      const identity = readSpot(spot);
      if (identity?.network !== network || identity.tenant !== tenant) continue;
      const entry = await store.get(PREFIX.endpoint + spot);
      if (entry !== undefined) yield entry;
    }
  }
}

function readable(value: string): EndpointRecord | undefined {
  try {
    return decodeEndpointRecord(value);
  } catch {
    return undefined;
  }
}

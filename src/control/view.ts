import { type Exception, type HostDetails, notFound, type SegmentBackends } from "../model/index.ts";
import type { Entry } from "../store/index.ts";
import type { Context } from "./context.ts";
import { endpointOf, hostDetails } from "./directory.ts";
import { wantedException } from "./exceptions.ts";
import { hostKey, PREFIX } from "./keys.ts";
import type { Versioned } from "./listing.ts";
import { locatedEntries } from "./relocations.ts";
import type { StoredRecord } from "./stored.ts";
import type { HostView } from "./watch.ts";

/**
 * Everything that the agent of a host works from. The nouns come from memory, the endpoints from the store; the
 * revision is one that both have reached, so that a watch from there misses nothing. What it tells again is the same.
 */
export async function viewHost(context: Context, host: string): Promise<HostView> {
  const { catalog, feed, store } = context;
  if (!catalog.hosts.has(host)) await feed.refresh([hostKey(host)], feed.revision);
  const followed = feed.revision;
  const page = await store.list(`${PREFIX.endpoint}${host}/`);
  const guests = await guestEntries(context, host);
  const found = await lostExceptions(context);
  if (!catalog.hosts.has(host)) throw notFound("host", host);
  const networks = catalog.visibleNetworks();
  return {
    revision: Math.min(followed, page.revision),
    host,
    networks: [...catalog.networks.values()]
      .filter(({ record }) => record.adding !== true)
      .map(({ record, revision }) => ({ object: record.network, revision }))
      .sort(byName),
    hosts: versioned(
      catalog.hosts.values(),
      ({ host: object }): HostDetails => hostDetails(networks, object),
    ),
    tenants: versioned(catalog.tenants.values(), ({ tenant }) => tenant),
    segments: [...catalog.segments.values()].flatMap((ofTenant) =>
      versioned(ofTenant.values(), ({ segment }) => segment),
    ),
    policies: Array.from(catalog.policies.values(), versionedRecord).sort((a, b) =>
      a.object.id < b.object.id ? -1 : 1,
    ),
    exceptions: [...Array.from(catalog.exceptions.values(), versionedRecord), ...found],
    relocations: Array.from(catalog.relocations.values(), versionedRecord),
    virtualIps: Array.from(catalog.virtualIps.values(), versionedRecord)
      .filter(({ object }) => object.deleting !== true)
      .sort(byName),
    services: Array.from(catalog.services.values(), versionedRecord).sort(byName),
    chains: Array.from(catalog.chains.values(), versionedRecord).sort(byName),
    fabrics: Array.from(catalog.fabrics.values(), versionedRecord).sort(byName),
    backends: sortedBackends(context),
    endpoints: [...page.entries, ...guests].flatMap(({ key, value, modRevision }) => {
      const object = endpointOf(key.slice(PREFIX.endpoint.length), value);
      return object === undefined || (object.locatedOn ?? object.host) !== host
        ? []
        : [{ object, revision: modRevision }];
    }),
  };
}

/** The endpoints of other hosts that are on this one. */
async function guestEntries(context: Context, host: string): Promise<Entry[]> {
  const guests: Entry[] = [];
  if (context.catalog.relocations.size === 0) return guests;
  for await (const entry of locatedEntries(context, host)) guests.push(entry);
  return guests;
}

/** Exceptions whose values cannot be read, as they follow from their endpoints; the check writes them anew. */
async function lostExceptions(context: Context): Promise<readonly Versioned<Exception>[]> {
  const { catalog, store } = context;
  const found = await Promise.all(
    Array.from(catalog.lostExceptions, async (place) => {
      const endpoint = await store.get(PREFIX.endpoint + place);
      try {
        const object = wantedException(context, place, endpoint?.value);
        return object && { object, revision: endpoint?.modRevision ?? 0 };
      } catch {
        // Neither the exception nor what it follows from is there; the check names both.
        return undefined;
      }
    }),
  );
  return found.filter((one) => one !== undefined);
}

/** In the order of their keys. */
function sortedBackends({ catalog }: Context): Versioned<SegmentBackends>[] {
  return [...catalog.backends]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, stored]) => versionedRecord(stored));
}

function versionedRecord<T>({ record, revision }: StoredRecord<T>): Versioned<T> {
  return { object: record, revision };
}

function versioned<R, T extends { readonly name: string }>(
  all: Iterable<StoredRecord<R>>,
  objectOf: (record: R) => T,
): Versioned<T>[] {
  return Array.from(all, ({ record, revision }) => ({ object: objectOf(record), revision })).sort(byName);
}

function byName(a: Versioned<{ readonly name: string }>, b: Versioned<{ readonly name: string }>): number {
  return a.object.name < b.object.name ? -1 : 1;
}

import {
  codeCapacity,
  codesFilled,
  endpointCapacityOf,
  hostCapacity,
  tenantCapacity,
} from "../ipam/index.ts";
import { notFound } from "../model/index.ts";
import type { Context } from "./context.ts";
import { ID_DIGITS, PREFIX, readPlace, segmentCodeKey } from "./keys.ts";
import type { Fill, SegmentUsage, TenantUsage, Usage } from "./usage.ts";

/** Rows read at once: a few milliseconds. */
const PAGE = 2000;

/** Endpoints that were counted at one place. */
interface PlaceCount {
  readonly host: string;
  readonly network: string;
  readonly tenant: string;
  /** The segment that owns the code now; empty when none does. */
  readonly segment: string;
  readonly count: number;
}

/** How full each level is; with a host, as far as that host is concerned. */
export async function countUsage(context: Context, onlyHost: string | undefined): Promise<Usage> {
  const { catalog } = context;
  if (onlyHost !== undefined && !catalog.hosts.has(onlyHost)) throw notFound("host", onlyHost);
  const { places, revision } = await countPlaces(context, onlyHost);
  const networks = catalog.visibleNetworks();
  const hosts = onlyHost === undefined ? [...catalog.hosts.keys()].sort() : [onlyHost];
  const segments = [...catalog.segments.values()].flatMap((ofTenant) =>
    [...ofTenant.values()].map(({ record }) => record.segment),
  );
  /** Room on one host, over all segments. */
  const room = new Map(
    networks.map((network) => [
      network.name,
      segments.reduce((sum, { codes }) => sum + endpointCapacityOf(network, codes), 0),
    ]),
  );
  const roomPerHost = [...room.values()].reduce((sum, capacity) => sum + capacity, 0);
  const perHost = sumBy(places, ({ host }) => host);
  const perNetwork = sumBy(places, ({ network }) => network);
  const perTenant = sumBy(places, ({ tenant }) => tenant);
  const bySegment = Map.groupBy(places, ({ tenant, segment }) => `${tenant}/${segment}`);
  const tenants = [...catalog.tenants.values()].map(({ record }) => record.tenant);
  return {
    revision,
    networks: networks.map((network) => ({
      network: network.name,
      hosts: { used: catalog.hosts.size, capacity: hostCapacity(network) },
      tenants: { used: tenants.length, capacity: tenantCapacity(network) },
      endpoints: {
        used: perNetwork.get(network.name) ?? 0,
        capacity: hosts.length * (room.get(network.name) ?? 0),
      },
    })),
    hosts: hosts.map((host) => ({
      host,
      endpoints: { used: perHost.get(host) ?? 0, capacity: roomPerHost },
    })),
    tenants: tenants.sort(byName).map((tenant): TenantUsage => {
      const own = segments.filter((segment) => segment.tenant === tenant.name).sort(byName);
      const usages = own.map(({ name, codes }): SegmentUsage => {
        const counts = bySegment.get(`${tenant.name}/${name}`) ?? [];
        const capacities = new Map(
          networks.map((network) => [network.name, endpointCapacityOf(network, codes)]),
        );
        return segmentUsage(name, codes, counts, capacities, hosts.length);
      });
      return {
        tenant: tenant.name,
        id: tenant.id,
        ...(tenant.quota !== undefined && { quota: tenant.quota }),
        codes: {
          used: codesFilled(own.flatMap(({ codes }) => codes)),
          capacity: networks.length === 0 ? 0 : codeCapacity(networks),
        },
        endpoints: {
          used: perTenant.get(tenant.name) ?? 0,
          capacity: usages.reduce((sum, { endpoints }) => sum + endpoints.capacity, 0),
        },
        segments: usages,
      };
    }),
  };
}

function segmentUsage(
  segment: string,
  codes: SegmentUsage["codes"],
  counts: readonly PlaceCount[],
  capacities: ReadonlyMap<string, number>,
  hosts: number,
): SegmentUsage {
  const capacity = hosts * [...capacities.values()].reduce((sum, each) => sum + each, 0);
  const used = counts.reduce((sum, { count }) => sum + count, 0);
  const onHosts = sumBy(counts, ({ host, network }) => `${host}/${network}`);
  let fullest: (Fill & { readonly host: string; readonly network: string }) | undefined;
  for (const [place, count] of onHosts) {
    const [host, network] = place.split("/") as [string, string];
    const fill = { used: count, capacity: capacities.get(network) ?? 0 };
    if (fullest === undefined || share(fill) > share(fullest)) fullest = { host, network, ...fill };
  }
  return { segment, codes, endpoints: { used, capacity }, ...(fullest && { fullest }) };
}

/** Counts endpoints by place, from keys alone. */
async function countPlaces(
  { store, catalog }: Context,
  onlyHost: string | undefined,
): Promise<{ places: PlaceCount[]; revision: number }> {
  const counts = new Map<string, number>();
  const prefix = onlyHost === undefined ? PREFIX.endpoint : `${PREFIX.endpoint}${onlyHost}/`;
  let revision = 0;
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, { limit: PAGE, ...(after !== undefined && { after }) });
    revision ||= page.revision;
    for (const { key } of page.entries) {
      const place = key.slice(PREFIX.endpoint.length, -ID_DIGITS - 1);
      counts.set(place, (counts.get(place) ?? 0) + 1);
    }
    after = page.entries.at(-1)?.key;
    if (!page.more) break;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const places = [...counts].flatMap(([text, count]): PlaceCount[] => {
    const place = readPlace(text);
    if (place === undefined) return [];
    const segment = catalog.ownerOf(segmentCodeKey(place.tenant, place.code)) ?? "";
    return [{ host: place.host, network: place.network, tenant: place.tenant, segment, count }];
  });
  return { places, revision };
}

function sumBy(places: readonly PlaceCount[], keyOf: (place: PlaceCount) => string): Map<string, number> {
  const sums = new Map<string, number>();
  for (const place of places) sums.set(keyOf(place), (sums.get(keyOf(place)) ?? 0) + place.count);
  return sums;
}

function share({ used, capacity }: Fill): number {
  return capacity === 0 ? 0 : used / capacity;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

import { endpointPrefix, hostPosition } from "../addressing/index.ts";
import { createFabricRouting, type FabricRouting } from "../fabric/index.ts";
import { type Host, invalidInput, type Network, notFound, plansOf, type Relocation } from "../model/index.ts";
import { desiredRoutes } from "../routing/index.ts";
import type { Compare, Entry } from "../store/index.ts";
import type { Context } from "./context.ts";
import type { Relocations } from "./control.ts";
import { hostKey, PREFIX, readSpot, relocationKey, type Spot } from "./keys.ts";
import type { DeletedObject } from "./listing.ts";
import type { Share } from "./quota.ts";
import { decodeEndpointRecord } from "./records.ts";
import { exhausted, goingAway } from "./refusals.ts";
import { encodeRelocationRecord } from "./relocation-record.ts";
import { put, remove, unchanged } from "./settle.ts";
import { entriesBelow } from "./stored.ts";
import { deletedEndpoint, sweepSpots } from "./sweep.ts";

const WHAT = "relocate endpoint";
/** The use cases of relocations; they come and go with `locatedOn` of endpoints. */
export function createRelocations({ catalog, maxRelocations }: Context): Relocations {
  return {
    counts() {
      const counts = new Map(catalog.visibleNetworks().map(({ name }) => [name, 0]));
      for (const { record } of catalog.relocations.values())
        counts.set(record.network, (counts.get(record.network) ?? 0) + 1);
      return counts;
    },
    limit: maxRelocations,
  };
}

/**
 * What goes into the transaction that says where an endpoint is; `locatedOn` absent: where its address says.
 * @throws RomanaError `invalid-input` for a host that its own host does not reach directly, `not-found` for one that is
 *   not there, `aborted` for one that is going away, `pool-exhausted` when its network has as many as it may have.
 */
export function relocationShare(context: Context, text: string, spot: Spot, locatedOn?: string): Share {
  const key = relocationKey(text);
  if (locatedOn === undefined) return { compares: [], writes: [remove(key)] };
  const target = context.catalog.hosts.get(locatedOn);
  if (target === undefined) throw notFound("host", locatedOn);
  if (target.record.deleting !== undefined) throw goingAway(WHAT, "to it", "host", locatedOn);
  const relocation = relocationOf(context, spot, locatedOn);
  refuseIndirect(context, relocation);
  if (!context.catalog.relocations.has(text)) refuseMany(context, spot.network);
  const compares: Compare[] = [unchanged(hostKey(locatedOn), target.revision)];
  return { compares, writes: [put(key, encodeRelocationRecord(relocation))] };
}

/**
 * The relocation of an endpoint that is on another host.
 * @throws RomanaError `not-found` when what makes the endpoint's addresses is not there.
 */
export function relocationOf(
  { catalog }: Pick<Context, "catalog">,
  spot: Spot,
  locatedOn: string,
): Relocation {
  const network = catalog.visibleNetworks().find(({ name }) => name === spot.network);
  const host = catalog.hosts.get(spot.host)?.record.host;
  const tenant = catalog.tenants.get(spot.tenant)?.record.tenant;
  if (network === undefined) throw notFound("network", spot.network);
  if (host === undefined) throw notFound("host", spot.host);
  if (tenant === undefined) throw notFound("tenant", spot.tenant);
  const { code, endpointId: endpoint } = spot;
  const identity = { ...hostPosition(network, host), tenant: tenant.id, code, endpoint };
  const blocks = plansOf(network).map((plan) => endpointPrefix(plan, identity));
  return { network: network.name, host: host.name, locatedOn, blocks };
}

/**
 * The relocation that follows from the value of the endpoint at a spot; undefined when it is at home, or not there.
 * @throws RomanaError `not-found` as {@link relocationOf}, Error of any kind when the value is damaged.
 */
export function wantedRelocation(
  context: Pick<Context, "catalog">,
  place: string,
  endpoint: string | undefined,
): Relocation | undefined {
  const spot = readSpot(place);
  const locatedOn = endpoint === undefined ? undefined : decodeEndpointRecord(endpoint).locatedOn;
  return spot === undefined || locatedOn === undefined ? undefined : relocationOf(context, spot, locatedOn);
}

/** The endpoints of other hosts that are on this one, as a delete names them. */
export async function* endpointsLocatedOn(
  context: Context,
  host: string,
): AsyncGenerator<DeletedObject, void, void> {
  for await (const entry of locatedEntries(context, host)) yield deletedEndpoint(entry);
}

/** Releases the endpoints of other hosts that are on this one, which must be marked, so that no new ones come. */
export async function sweepLocated(
  context: Context,
  host: string,
  note: (object: DeletedObject) => void,
): Promise<void> {
  const spots: string[] = [];
  for await (const { key } of locatedEntries(context, host)) spots.push(key.slice(PREFIX.endpoint.length));
  await sweepSpots(context, spots, note);
}

/** Entries of the endpoints of other hosts that are on this one. */
export async function* locatedEntries(
  { store }: Pick<Context, "store">,
  host: string,
): AsyncGenerator<Entry, void, void> {
  for await (const { key } of entriesBelow(store, PREFIX.relocation)) {
    const entry = await store.get(PREFIX.endpoint + key.slice(PREFIX.relocation.length));
    if (entry !== undefined && locationIn(entry.value) === host) yield entry;
  }
}

/** Where the value of an endpoint says that it is; undefined: where its address says, or it cannot be read. */
export function locationIn(value: string): string | undefined {
  // Most of very many are left out without being decoded.
  if (!value.includes('"locatedOn"')) return undefined;
  try {
    return decodeEndpointRecord(value).locatedOn;
  } catch {
    return undefined;
  }
}

/** A router knows prefixes, not endpoints: it would send packets back that come from the endpoint's own host. */
function refuseIndirect({ catalog }: Context, { network: name, host, locatedOn }: Relocation): void {
  const network = catalog.visibleNetworks().find((one) => one.name === name) as Network;
  const hosts: Host[] = [...catalog.hosts.values()].map(({ record }) => record.host);
  const { routes } = desiredRoutes([network], hosts, host);
  const direct = routes.filter((route) => route.kind === "host" && route.host === locatedOn);
  const isNear = Array.from(catalog.fabrics.values(), ({ record }) =>
    isNeighbour(createFabricRouting(record, [network], hosts), host, locatedOn, plansOf(network).length),
  );
  if (direct.length === plansOf(network).length && !isNear.includes(false)) return;
  const reason = `host "${host}", which has its address, has no direct route to host "${locatedOn}" in each family`;
  throw invalidInput(WHAT, [{ path: "locatedOn", reason }]);
}

/** True when a host of a fabric reaches another one in its segment, in every plan; undefined when it is in no rack. */
function isNeighbour(
  routing: FabricRouting,
  host: string,
  other: string,
  plans: number,
): boolean | undefined {
  if (routing.rackOf(host) === undefined) return undefined;
  const near = routing
    .routesOf(host)
    .filter(({ kind, origin, owner }) => kind === "host" && origin === "agent" && owner === other);
  return near.length === plans;
}

function refuseMany({ catalog, maxRelocations }: Context, network: string): void {
  let used = 0;
  for (const { record } of catalog.relocations.values()) if (record.network === network) used++;
  if (used < maxRelocations) return;
  const advice = 'give endpoints addresses of the hosts where they are, or raise "maxRelocations" of romanad';
  throw exhausted(WHAT, `network "${network}" has as many relocations as it may have`, advice, {
    pool: `relocations of ${network}`,
    capacity: maxRelocations,
    used,
    coolingDown: 0,
  });
}

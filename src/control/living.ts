import { invalidInput, type Network, notFound } from "../model/index.ts";
import type { Context } from "./context.ts";
import { networkKey, segmentKey, tenantKey } from "./keys.ts";
import { decodeNetworkRecord, type NetworkRecord, type SegmentRecord, type TenantRecord } from "./records.ts";
import { goingAway } from "./refusals.ts";
import { readRecord, type StoredRecord } from "./stored.ts";

/**
 * The network that is named or, without a name, the only one; it is there to stay. `what` starts messages:
 * `Cannot <what>: …`. @throws RomanaError `not-found`, `invalid-input` without a name among several, `aborted`.
 */
export async function livingNetwork(
  { catalog, store }: Context,
  what: string,
  noun: string,
  given: string | undefined,
): Promise<StoredRecord<NetworkRecord>> {
  const name = given ?? onlyNetwork(what, catalog.visibleNetworks());
  const found = await readRecord(store, "network", name, networkKey(name), decodeNetworkRecord);
  if (found.record.adding === true) throw notFound("network", name);
  if (found.record.deleting !== undefined)
    throw goingAway("write", `${noun} of network "${name}"`, "network", name);
  return found;
}

function onlyNetwork(what: string, networks: readonly Network[]): string {
  const [only, ...others] = networks;
  if (only !== undefined && others.length === 0) return only.name;
  const reason = only === undefined ? "there is no network" : "is missing: there are several networks";
  throw invalidInput(what, [{ path: "network", reason }]);
}

/**
 * A tenant that is there to stay, as the catalog knows it; another romanad may just have made it. `action` starts the
 * message: `Cannot <action> tenant "…"`. @throws RomanaError `not-found`, `aborted` when it is being deleted.
 */
export async function livingTenant(
  { catalog, feed }: Context,
  action: string,
  name: string,
): Promise<StoredRecord<TenantRecord>> {
  if (!catalog.tenants.has(name)) await feed.refresh([tenantKey(name)], feed.revision);
  const known = catalog.tenants.get(name);
  if (known === undefined) throw notFound("tenant", name);
  if (known.record.deleting !== undefined) throw goingAway(action, `tenant "${name}"`, "tenant", name);
  return known;
}

/** A segment that is there to stay; see {@link livingTenant}. */
export async function livingSegment(
  { catalog, feed }: Context,
  action: string,
  tenant: string,
  name: string,
): Promise<StoredRecord<SegmentRecord>> {
  const find = (): StoredRecord<SegmentRecord> | undefined => catalog.segments.get(tenant)?.get(name);
  if (find() === undefined) await feed.refresh([segmentKey(tenant, name)], feed.revision);
  const known = find();
  const title = `${tenant}/${name}`;
  if (known === undefined) throw notFound("segment", title);
  if (known.record.deleting !== undefined) throw goingAway(action, `segment "${title}"`, "segment", title);
  return known;
}

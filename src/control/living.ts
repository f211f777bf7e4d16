import { notFound } from "../model/index.ts";
import type { Context } from "./context.ts";
import { segmentKey, tenantKey } from "./keys.ts";
import type { SegmentRecord, TenantRecord } from "./records.ts";
import { goingAway } from "./refusals.ts";
import type { StoredRecord } from "./stored.ts";

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

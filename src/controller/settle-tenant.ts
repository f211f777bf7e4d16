import { isDeepStrictEqual } from "node:util";
import { hasCode } from "../model/index.ts";
import { deleting } from "./mirror.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/** A tenant whose endpoints are still there is looked at again after so many milliseconds. */
const LOOK_AGAIN = 2_000;

/**
 * Makes a tenant of a namespace, or removes it with its segments once its endpoints are gone. A tenant that no namespace has
 * made is left alone. One of an earlier namespace of the same name becomes that of this one.
 */
export const settleTenant: Handler = async (site, name) => {
  const { cluster, mirror, romanad, events, ask } = site;
  const { namespaces } = cluster.informers;
  const cached = namespaces.objects.get(name);
  const tenant = mirror.tenants.get(name);
  if (tenant !== undefined && tenant.externalId === undefined) {
    const message = `tenant "${name}" was not made for a namespace, so pods of this one cannot start`;
    if (cached !== undefined) events.warn(subjectOf(namespaces, cached), "TenantOfSomebodyElse", message);
    return undefined;
  }
  if (cached === undefined) return tenant === undefined ? undefined : await removeTenant(site, name);
  const { uid, labels: record } = cached.value ?? { uid: cached.meta.uid, labels: undefined };
  if (record === undefined) return undefined;
  const labels = new Map(Object.entries(record));
  if (tenant === undefined) {
    const made = await romanad.createTenant({ name, isolation: "none", externalId: uid, labels });
    mirror.tenants.set(name, made);
  } else if (tenant.externalId !== uid || !isDeepStrictEqual(tenant.labels ?? new Map(), labels)) {
    mirror.tenants.set(name, await romanad.updateTenant(name, { externalId: uid, labels }));
  } else return undefined;
  for (const key of cluster.workOfSegments(name)) ask(key);
  return undefined;
};

async function removeTenant({ mirror, romanad }: Site, name: string): Promise<number | undefined> {
  try {
    for (const segment of mirror.segmentsOf(name).keys()) {
      await deleting(romanad.deleteSegment(name, segment));
      mirror.removeSegment(name, segment);
    }
    await deleting(romanad.deleteTenant(name));
  } catch (error) {
    if (hasCode(error, "in-use")) return LOOK_AGAIN;
    throw error;
  }
  mirror.removeTenant(name);
  return undefined;
}

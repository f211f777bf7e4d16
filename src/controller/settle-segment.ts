import { hasCode, type Segment } from "../model/index.ts";
import { deleting, segmentKey } from "./mirror.ts";
import type { Handler, Site } from "./site.ts";

/**
 * Starts the external ID of a segment that the controller has made: for a class of pods that are born in it, or for one whose
 * pods ask for another segment by name and only act as it.
 */
export const SEGMENT_MARKS = { class: "class/", role: "role/" } as const;

/** A segment that still has endpoints is looked at again after so many milliseconds. */
const LOOK_AGAIN = 30_000;

/** Since when segments are not needed, by key, in milliseconds since 1970 UTC. */
export type UnneededSince = Map<string, number>;

/** Deletes a segment that was made for a class, once no pod has needed it for a while and it has no endpoints. */
export function createSegmentHandler(since: UnneededSince): Handler {
  return async (site, key) => {
    const { mirror, romanad, config, now, ask } = site;
    const [tenant = "", name = ""] = key.split("/");
    const segment = mirror.segmentsOf(tenant).get(name);
    if (
      segment === undefined ||
      !isOurs(segment) ||
      mirror.isUsed(key) ||
      mirror.tenants.get(tenant)?.externalId === undefined
    ) {
      since.delete(key);
      return undefined;
    }
    const start = since.get(key) ?? now();
    since.set(key, start);
    const left = start + config.segmentGrace * 1000 - now();
    if (left > 0) return left;
    try {
      await mirror.removeSegmentBy(segment, () => deleting(romanad.deleteSegment(tenant, name)));
    } catch (error) {
      if (hasCode(error, "in-use")) return LOOK_AGAIN;
      throw error;
    }
    since.delete(key);
    if (segment.codes.length === 0) for (const network of networksOf(site)) ask(`network/${network}`);
    return undefined;
  };
}

/** Tenants of namespaces that have segments without codes which classes would have needed. */
export function tenantsWithoutCodes({ mirror }: Pick<Site, "mirror">): readonly string[] {
  const tenants = new Set<string>();
  for (const { tenant, name, codes, externalId } of mirror.segments()) {
    const isClass = externalId?.startsWith(SEGMENT_MARKS.class) === true && codes.length === 0;
    if (isClass && mirror.isUsed(segmentKey(tenant, name))) tenants.add(tenant);
  }
  return [...tenants].sort();
}

function isOurs({ externalId = "" }: Segment): boolean {
  return Object.values(SEGMENT_MARKS).some((mark) => externalId.startsWith(mark));
}

function networksOf({ cluster }: Site): Iterable<string> {
  return cluster.informers.customNetworks.objects.keys();
}

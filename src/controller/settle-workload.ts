import { isDeepStrictEqual } from "node:util";
import { chooseBirth, type LabelClass, placeClass, workloadNameOf } from "../kubernetes/index.ts";
import { hasCode, RomanaError, type Segment, type Workload } from "../model/index.ts";
import type { PodObject } from "./cluster.ts";
import { deleting, segmentKey, segmentKeysOf } from "./mirror.ts";
import { SEGMENT_MARKS } from "./settle-segment.ts";
import { type Handler, type Site, subjectOf } from "./site.ts";

/**
 * Writes the workload of a pod: its segment is that of its class, which is made when it is needed first. The workload of a
 * pod that is gone or finished is deleted.
 */
export const settleWorkload: Handler = async (site, id) => {
  const { cluster, mirror, romanad, ask } = site;
  const pod = cluster.podOf(id);
  const known = mirror.workloads.get(id);
  if (pod === undefined) {
    if (known === undefined) return undefined;
    await deleting(romanad.deleteWorkload(id));
    for (const key of mirror.removeWorkload(id)) ask(`segment/${key}`);
    return undefined;
  }
  const held: string[] = [];
  try {
    const wanted = await wantedWorkload(site, id, pod, known, (segment) => {
      const key = segmentKey(pod.namespace, segment);
      if (!mirror.hold(key)) throw notYet(`write workload "${id}"`, `segment "${segment}" is going away`);
      held.push(key);
    });
    if (isDeepStrictEqual(wanted, known)) return undefined;
    await romanad.putWorkload(wanted);
    mirror.putWorkload(wanted);
  } finally {
    for (const key of held) mirror.letGo(key);
  }
  for (const key of known === undefined ? [] : segmentKeysOf(known)) {
    if (!mirror.isUsed(key)) ask(`segment/${key}`);
  }
  return undefined;
};

/** `hold` keeps a segment from going away until the workload is written. */
async function wantedWorkload(
  site: Site,
  id: string,
  pod: PodObject,
  known: Workload | undefined,
  hold: (segment: string) => void,
): Promise<Workload> {
  const { cluster, mirror } = site;
  const tenant = pod.namespace;
  const namespace = cluster.informers.namespaces.objects.get(tenant);
  if (namespace === undefined || mirror.tenants.get(tenant)?.externalId !== namespace.meta.uid) {
    throw notYet(`write workload "${id}"`, `there is no tenant for namespace "${tenant}"`);
  }
  const labelClass = cluster.classOf(pod);
  const placement = placeClass(labelClass, cluster.segmentOf(pod), mirror.segmentsOf(tenant));
  hold(placement.role);
  const role =
    mirror.segmentsOf(tenant).get(placement.role) ??
    (await createSegment(site, tenant, placement.role, labelClass, placement.birth !== undefined));
  const birth =
    placement.birth === undefined && role.codes.length > 0
      ? role.name
      : chooseBirth(mirror.segmentsOf(tenant), [placement.birth, known?.segment], id);
  if (birth === undefined) {
    throw notYet(`write workload "${id}"`, `no segment of namespace "${tenant}" has a code`);
  }
  hold(birth);
  const name = workloadNameOf(pod);
  return {
    id,
    tenant,
    segment: birth,
    ...(birth !== role.name && { actsAs: role.name }),
    ...(name !== undefined && { name }),
  };
}

/** Makes the segment of a class. When no code is left it gets none: pods are born elsewhere, and act as it. */
async function createSegment(
  { mirror, romanad, cluster, events, ask }: Site,
  tenant: string,
  name: string,
  { labels, ports }: LabelClass,
  isRoleOnly: boolean,
): Promise<Segment> {
  if (mirror.networks.size === 0) throw notYet(`create segment "${name}"`, "there is no network");
  const mark = isRoleOnly ? SEGMENT_MARKS.role : SEGMENT_MARKS.class;
  const wanted = { tenant, name, externalId: `${mark}${name}`, labels, ports };
  let segment: Segment;
  try {
    segment = await romanad.createSegment(isRoleOnly ? { ...wanted, codes: [] } : wanted);
  } catch (error) {
    if (!hasCode(error, "pool-exhausted")) throw error;
    segment = await romanad.createSegment({ ...wanted, codes: [] });
    const { namespaces, customNetworks } = cluster.informers;
    const namespace = namespaces.objects.get(tenant);
    const message = `${error.message}; pods of segment "${name}" are born in another one, and act as it`;
    if (namespace !== undefined)
      events.warn(subjectOf(namespaces, namespace), "SegmentCodesExhausted", message);
    for (const network of customNetworks.objects.keys()) ask(`network/${network}`);
  }
  mirror.putSegment(segment);
  return segment;
}

function notYet(what: string, reason: string): RomanaError {
  return new RomanaError(`Cannot ${what}: ${reason}`, { code: "unavailable" });
}

import { codesOverlap, formatSegmentCode } from "../addressing/index.ts";
import {
  hostFaults,
  networkFaults,
  overlapFaults,
  segmentCodeFaults,
  tenantIdFaults,
} from "../ipam/index.ts";
import type { Fault, SegmentCode } from "../model/index.ts";
import type { Context } from "./context.ts";
import { resumeDeletion, type Target } from "./deletion.ts";
import { hostTarget, networkTarget, segmentTarget, tenantTarget } from "./deletion-targets.ts";
import { hostKey, networkKey, PREFIX, segmentKey, tenantKey } from "./keys.ts";
import { type Problem, rewrite } from "./problem.ts";
import { finishCounting } from "./quota.ts";
import {
  type Deleting,
  encodeNetworkRecord,
  encodeSegmentRecord,
  type HostRecord,
  type NetworkRecord,
  type SegmentRecord,
  type TenantRecord,
} from "./records.ts";
import type { NounKeys, World } from "./world.ts";

/** What is wrong with networks, hosts, tenants and segments in themselves and with each other. */
export function nounProblems(context: Context, world: World, keys: NounKeys): Problem[] {
  const networks = [...world.networks.values()].map(({ network }) => network);
  return [
    ...world.damaged.map(
      (key): Problem => ({ kind: "unparsable-value", key, message: "The value cannot be read" }),
    ),
    ...[...world.networks].flatMap(([name, record]) =>
      networkProblems(context, keys, name, record, networks),
    ),
    ...[...world.hosts].flatMap(([name, record]) => hostProblems(context, name, record, networks)),
    ...[...world.tenants].flatMap(([name, record]) => tenantProblems(context, name, record, networks)),
    ...[...world.segments].flatMap(([name, record]) =>
      segmentProblems(context, world, keys, name, record, networks),
    ),
    ...overlapProblems(world),
    ...statusProblems(context, world, keys),
  ];
}

type Networks = Parameters<typeof hostFaults>[0];

function networkProblems(
  context: Context,
  keys: NounKeys,
  name: string,
  record: NetworkRecord,
  networks: Networks,
): Problem[] {
  const key = networkKey(name);
  const { network, adding, nextGroups, nextServices } = record;
  const others = networks.slice(0, networks.indexOf(network));
  const problems: Problem[] = [
    ...renamed(key, name, network.name),
    ...misfits(key, networkFaults(network)),
    ...overlapFaults(network, others).map(
      ({ reason }): Problem => ({
        kind: "overlapping-networks",
        key,
        message: `Network "${name}": ${reason}`,
      }),
    ),
    ...unfinishedDeletion(context, networkTarget(context, name), record),
  ];
  if (context.underWay.has(key)) return problems;
  if (adding === true) {
    const message = `Network "${name}" was announced but never opened`;
    problems.push(
      unfinished(key, message, rewrite(context, keys, key, undefined, "taken back; create it again")),
    );
  }
  if (nextGroups !== undefined || nextServices !== undefined) {
    const message = `Network "${name}" was about to get other ${nextServices === undefined ? "groups" : "service prefixes"}`;
    const value = encodeNetworkRecord({ network });
    problems.push(
      unfinished(key, message, rewrite(context, keys, key, value, "taken back; change them again")),
    );
  }
  return problems;
}

function hostProblems(context: Context, name: string, record: HostRecord, networks: Networks): Problem[] {
  const key = hostKey(name);
  return [
    ...renamed(key, name, record.host.name),
    ...misfits(key, hostFaults(networks, record.host)),
    ...unfinishedDeletion(context, hostTarget(context, name), record),
  ];
}

function tenantProblems(context: Context, name: string, record: TenantRecord, networks: Networks): Problem[] {
  const key = tenantKey(name);
  const problems = [
    ...renamed(key, name, record.tenant.name),
    ...misfits(key, tenantIdFaults(networks, record.tenant.id)),
    ...unfinishedDeletion(context, tenantTarget(context, name), record),
  ];
  if (record.counting !== true || context.underWay.has(key)) return problems;
  const repair = async (): Promise<string> => {
    await finishCounting(context, name);
    return "counted";
  };
  return [...problems, unfinished(key, `The endpoints of tenant "${name}" are not counted yet`, repair)];
}

function segmentProblems(
  context: Context,
  world: World,
  keys: NounKeys,
  name: string,
  record: SegmentRecord,
  networks: Networks,
): Problem[] {
  const key = PREFIX.segment + name;
  const { segment, removing } = record;
  const problems: Problem[] = [
    ...renamed(key, name, `${segment.tenant}/${segment.name}`),
    ...misfits(
      key,
      segment.codes.flatMap((code) => segmentCodeFaults(networks, code)),
    ),
    ...unfinishedDeletion(context, segmentTarget(context, segment.tenant, segment.name), record),
  ];
  if (!world.tenants.has(segment.tenant)) {
    const message = `Segment "${name}" belongs to tenant "${segment.tenant}", which is not there`;
    const repair = rewrite(context, keys, key, undefined, "deleted");
    problems.push({ kind: "dangling-reference", key, message, repair });
  }
  if (removing !== undefined && !context.underWay.has(key)) {
    const codes = removing.map(formatSegmentCode).join(", ");
    const value = encodeSegmentRecord({ segment });
    const repair = rewrite(context, keys, key, value, "taken back; remove them again");
    problems.push(unfinished(key, `Segment "${name}" was about to lose code ${codes}`, repair));
  }
  return problems;
}

/** Codes of one tenant that overlap: two segments would share addresses. */
function overlapProblems({ segments }: World): Problem[] {
  const byTenant = new Map<
    string,
    { readonly segment: string; readonly code: SegmentCode; readonly start: number }[]
  >();
  for (const { segment } of segments.values()) {
    const codes = byTenant.get(segment.tenant) ?? [];
    for (const code of segment.codes) {
      codes.push({ segment: segment.name, code, start: code.code * 2 ** -code.extraBits });
    }
    byTenant.set(segment.tenant, codes);
  }
  const problems: Problem[] = [];
  for (const [tenant, codes] of byTenant) {
    codes.sort((a, b) => a.start - b.start || a.code.extraBits - b.code.extraBits);
    let widest = codes[0];
    for (const code of codes.slice(1)) {
      if (widest !== undefined && codesOverlap(widest.code, code.code)) {
        const message = `Code ${formatSegmentCode(code.code)} of segment "${tenant}/${code.segment}" overlaps code ${formatSegmentCode(widest.code)} of segment "${tenant}/${widest.segment}"`;
        problems.push({ kind: "overlapping-codes", key: segmentKey(tenant, code.segment), message });
      } else widest = code;
    }
  }
  return problems;
}

function statusProblems(context: Context, world: World, keys: NounKeys): Problem[] {
  return [...keys.keys()].flatMap((key): Problem[] => {
    const prefix = [PREFIX.status, PREFIX.statusRoutes].find((start) => key.startsWith(start));
    if (prefix === undefined) return [];
    const host = key.slice(prefix.length);
    if (world.hosts.has(host)) return [];
    const message = `The status belongs to host "${host}", which is not there`;
    return [
      { kind: "dangling-reference", key, message, repair: rewrite(context, keys, key, undefined, "deleted") },
    ];
  });
}

function renamed(key: string, name: string, inside: string): Problem[] {
  if (name === inside) return [];
  return [{ kind: "unparsable-value", key, message: `The value says "${inside}", the key says "${name}"` }];
}

function misfits(key: string, faults: readonly Fault[]): Problem[] {
  return faults.map(({ reason }) => ({ kind: "id-out-of-bounds", key, message: `Does not fit: ${reason}` }));
}

function unfinishedDeletion<R extends { readonly deleting?: Deleting }>(
  context: Context,
  target: Target<R>,
  record: R,
): Problem[] {
  if (record.deleting === undefined || context.underWay.has(target.key)) return [];
  const repair = async (): Promise<string> => {
    const end = await resumeDeletion(context, target);
    return end === "deleted" ? "the delete was finished" : "it is used again, so the delete was taken back";
  };
  return [
    unfinished(target.key, `A delete of ${target.noun} "${target.name}" was begun and not finished`, repair),
  ];
}

function unfinished(key: string, message: string, repair: () => Promise<string | undefined>): Problem {
  return { kind: "unfinished-change", key, message, repair };
}

import { RomanaError } from "../model/index.ts";
import type { Context } from "./context.ts";
import { workloadEndpointsKey } from "./keys.ts";
import type { Share } from "./quota.ts";
import { put, remove, unchanged } from "./settle.ts";

/** Most endpoints of one workload: they must fit in one transaction. */
const MAX_WORKLOAD_ENDPOINTS = 32;

/** The endpoints of a workload: one key names them all, so that who compares it knows them all. */
export interface WorkloadEndpoints {
  /** Spots of the endpoints. */
  readonly spots: readonly string[];
  /** Revision of the key; 0 when it is not there. */
  readonly revision: number;
}

/** The endpoints of a workload, whether it is there or not. */
export async function readWorkloadEndpoints({ store }: Context, id: string): Promise<WorkloadEndpoints> {
  const entry = await store.get(workloadEndpointsKey(id));
  if (entry === undefined) return { spots: [], revision: 0 };
  return { spots: spotsIn(entry.value) ?? [], revision: entry.modRevision };
}

/** Reads the value of a key of a workload's endpoints; undefined when it is damaged. */
export function spotsIn(value: string): readonly string[] | undefined {
  try {
    const spots: unknown = JSON.parse(value);
    const isList = Array.isArray(spots) && spots.every((spot) => typeof spot === "string");
    return isList ? spots : undefined;
  } catch {
    return undefined;
  }
}

/** The value of a key of a workload's endpoints. */
export function encodeSpots(spots: readonly string[]): string {
  return JSON.stringify(spots);
}

/** What the transaction adds in which an endpoint is born for a workload. @throws RomanaError `conflict`: it has many. */
export function joinWorkload(id: string, { spots, revision }: WorkloadEndpoints, spot: string): Share {
  if (spots.length >= MAX_WORKLOAD_ENDPOINTS) {
    throw new RomanaError(
      `Cannot allocate endpoint: workload "${id}" has ${spots.length} endpoints, the most there may be`,
      { code: "conflict", noun: "workload", name: id },
    );
  }
  const key = workloadEndpointsKey(id);
  return { compares: [unchanged(key, revision)], writes: [put(key, encodeSpots([...spots, spot]))] };
}

/** What the transaction adds in which endpoints of a workload are released. */
export async function leaveWorkload(
  context: Context,
  id: string,
  released: ReadonlySet<string>,
): Promise<Share> {
  const { spots, revision } = await readWorkloadEndpoints(context, id);
  const key = workloadEndpointsKey(id);
  const left = spots.filter((spot) => !released.has(spot));
  const compares = [unchanged(key, revision)];
  if (left.length === spots.length) return { compares, writes: [] };
  return { compares, writes: [left.length === 0 ? remove(key) : put(key, encodeSpots(left))] };
}
